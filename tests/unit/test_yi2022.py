"""The study of burnt-in tags: layouts, what each arm sees, areas over seeds, verdicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.helpers.tagged import as_image, burnt, inverted, tissue

from plexor.cases.formats.png import PngCodec
from plexor.core.errors import DataError, PlanError
from plexor.findings.study_file import Number
from plexor.models import Binary, TorchModel
from plexor.models.batch import Scaling
from plexor.report.study_page import number_words
from plexor.shortcuts.find import Finder
from plexor.shortcuts.tags_covered import TagsCovered
from plexor.stats import auc, auc_difference
from plexor.studies import Published, Request, compare, find
from plexor.studies.recipe import steps_of
from plexor.studies.yi2022 import plans
from plexor.studies.yi2022.images import chosen, edited
from plexor.studies.yi2022.layout import Film, read_layout
from plexor.studies.yi2022.ours import Scores, by_study
from plexor.studies.yi2022.tables import PAIRS, paired, pairs_table, seeds_table


def write_mura(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / "MURA-v1.1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PngCodec().encode(tissue(48, 40)[None]))


WRIST = "train/XR_WRIST/patient00001/study1_positive/image1.png"
HAND = "valid/XR_HAND/patient11200/study1_negative/image1.png"


def test_a_folder_in_the_layout_of_mura_is_read(tmp_path: Path) -> None:
    write_mura(tmp_path, WRIST, WRIST.replace("image1", "image2"), HAND)
    junk = tmp_path / "MURA-v1.1" / "train/XR_WRIST/patient00001/study1_positive/._image1.png"
    junk.write_bytes(b"what macOS leaves in archives")
    for folder in (tmp_path, tmp_path / "MURA-v1.1"):
        source, films = read_layout(folder)
        assert source == "MURA"
        assert [(f.name, f.label, f.patient, f.study, f.region) for f in films] == [
            ("XR_WRIST/patient00001/study1/image1", "positive", "patient00001",
             "XR_WRIST/patient00001/study1", "XR_WRIST"),
            ("XR_WRIST/patient00001/study1/image2", "positive", "patient00001",
             "XR_WRIST/patient00001/study1", "XR_WRIST"),
            ("XR_HAND/patient11200/study1/image1", "negative", "patient11200",
             "XR_HAND/patient11200/study1", "XR_HAND"),
        ]  # fmt: skip


def test_chest_films_are_read_from_their_index(tmp_path: Path) -> None:
    for name in ("a.jpeg", "b.jpeg"):
        (tmp_path / name).touch()
    (tmp_path / "index.csv").write_text("file,label,patient\na.jpeg,NORMAL,p1\nb.jpeg,SICK,p2\n")
    source, films = read_layout(tmp_path)
    assert source == "chest films"
    assert [(f.name, f.study) for f in films] == [("a", "p1"), ("b", "p2")]
    (tmp_path / "b.jpeg").unlink()
    with pytest.raises(DataError, match=r"index.csv lists b.jpeg, which is not there"):
        read_layout(tmp_path)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ((), "holds neither MURA"),
        ((WRIST,), "expected films of two classes, found positive"),
        ((WRIST, HAND, WRIST.replace("positive", "negative")), "study1 has two labels"),
    ],
)
def test_a_folder_that_is_something_else_is_refused(
    tmp_path: Path, names: tuple[str, ...], complaint: str
) -> None:
    write_mura(tmp_path, *names)
    with pytest.raises(DataError, match=complaint):
        read_layout(tmp_path)


def test_no_patient_is_in_two_splits() -> None:
    films = [
        Film(name=f"{p}-{i}", path=Path("x"), label="ab"[p % 2], patient=f"p{p}", study=f"s{p}",
             region="r")
        for p in range(60)
        for i in range(1 + p % 3)
    ]  # fmt: skip
    cohort = chosen(films, plans.SCALES["smoke"])
    splits: dict[str, set[str | None]] = {}
    for case in cohort.cases:
        splits.setdefault(case.group, set()).add(case.split)
    assert len(cohort) == len(films)
    assert all(len(of_patient) == 1 for of_patient in splits.values())


def test_each_arm_sees_what_it_should() -> None:
    pixels, box = burnt(tissue(), "R", (20, 30))
    film, rng = as_image(pixels), np.random.default_rng(0)
    inside = np.zeros(pixels.shape, dtype=bool)
    inside[box.slices] = True
    seen = {arm: edited(arm, film, [box], rng)[0] for arm in plans.ARMS}
    assert (seen[plans.ORIGINAL] == pixels).all()
    assert (seen[plans.COVERED] == np.where(inside, 0, pixels)).all()
    assert (seen[plans.TAGS] == np.where(inside, pixels, 0)).all()
    assert set(np.unique(seen[plans.BOXES][inside])) == {0.0}
    assert set(np.unique(seen[plans.BOXES][~inside])) == {127.5}
    assert (seen[plans.INPAINTED][~inside] == pixels[~inside]).mean() > 0.99
    assert seen[plans.INPAINTED][inside].max() < 220 < pixels[inside].max()
    changed = seen[plans.MOVED] != pixels
    assert 0 < changed.sum() <= box.area
    recentred = seen[plans.RECENTRED]
    rows, columns = np.nonzero(recentred)
    assert recentred.sum() == seen[plans.TAGS].sum()
    assert abs((rows.min() + rows.max()) / 2 - 120) <= box.height
    assert abs((columns.min() + columns.max()) / 2 - 150) <= box.width


@pytest.fixture
def scores() -> Scores:
    """60 films of 30 patients with two studies each; three seeds of every arm."""
    draw = np.random.default_rng(3)
    truth = np.repeat(np.arange(30) % 2 == 1, 2)
    of = {
        arm: 1 / (1 + np.exp(-(truth * strength + draw.standard_normal((3, 60)))))
        for strength, arm in enumerate(plans.ARMS)
    }
    patients = np.repeat([f"p{i}" for i in range(30)], 2)
    studies = np.array([f"s{i // 2}" for i in range(60)])
    return Scores(truth=truth, patients=patients, studies=studies, of=of)


def test_areas_are_means_over_seeds(scores: Scores) -> None:
    one, other = plans.TAGS, plans.ORIGINAL
    each = [auc(scores.truth, row).value for row in scores.of[one]]
    assert scores.each(one) == pytest.approx(each)
    assert scores.mean(one).value == pytest.approx(np.mean(each))
    apart = [
        auc_difference(scores.truth, a, b).value
        for a, b in zip(scores.of[one], scores.of[other], strict=True)
    ]
    assert scores.difference(one, other).value == pytest.approx(np.mean(apart))
    fixed, random = scores.difference(one, other), scores.difference(one, other, "random")
    assert random.high - random.low > fixed.high - fixed.low
    assert fixed.n_groups == 30


def test_with_equal_seeds_the_test_is_that_of_one_pair(scores: Scores) -> None:
    """Three copies of one network add nothing: the mean's test is DeLong's of that network."""
    same = {arm: np.stack([found[0]] * 3) for arm, found in scores.of.items()}
    alone = np.array([f"film {i}" for i in range(60)])
    copies = Scores(truth=scores.truth, patients=alone, studies=scores.studies, of=same)
    ours = copies.test(plans.COVERED, plans.ORIGINAL)
    one = copies.test_of_seed(plans.COVERED, plans.ORIGINAL, 0, clustered=False)
    assert ours.p_value == pytest.approx(one.p_value, abs=0.01)


def test_a_study_has_the_mean_probability_of_its_films(scores: Scores) -> None:
    studies = by_study(scores)
    assert studies.truth.sum() == 15
    first = next(iter(studies.of.values()))
    position = list(studies.studies).index("s7")
    expected = next(iter(scores.of.values()))[:, 14:16].mean(axis=1)
    assert first[:, position] == pytest.approx(expected)
    assert studies.patients[position] == "p7"


def test_pairs_are_corrected_together_and_seeds_are_shown(scores: Scores) -> None:
    found = paired(scores, PAIRS)
    assert all(one.corrected >= one.p_value for one in found)
    table = pairs_table(found, paired(by_study(scores), PAIRS))
    assert [row.name for row in table.rows] == [f"{a} – {b}" for a, b, _ in PAIRS]
    assert all(len(row.cells) == len(table.columns) - 1 for row in table.rows)
    assert len(seeds_table(scores).rows) == 3


@pytest.mark.parametrize(
    ("value", "half", "word"),
    [(0.85, 0.01, "agrees"), (0.85, 0.05, "cannot tell"), (0.70, 0.02, "differs")],
)
def test_an_area_is_compared_within_a_margin_though_no_n_is_printed(
    value: float, half: float, word: str
) -> None:
    figure = find("yi2022").figure("area-original")
    ours = Number(kind="area", value=value, low=value - half, high=value + half, n=3000)
    found = compare(figure, ours, because="reasons")
    assert found.word == word
    assert found.difference is not None
    assert found.difference.value == pytest.approx(value - 0.844)
    assert found.difference.high == pytest.approx(value + half - 0.844 + 0.0005)
    assert compare(figure, ours, because="", drawn=True).word == "no verdict"


def test_a_share_without_n_is_still_not_compared() -> None:
    figure = Published(id="a", what="a", value=0.8, where="there", margin=0.05)
    ours = Number(kind="share", value=0.8, low=0.79, high=0.81, n=100)
    assert compare(figure, ours, because="").word == "cannot be compared"


@pytest.mark.parametrize(("p", "word"), [(0.01, "same conclusion"), (0.2, "cannot tell")])
def test_a_printed_p_is_compared_by_its_conclusion(p: float, word: str) -> None:
    figure = find("yi2022").figure("p-covered")
    assert compare(figure, Number(kind="p", value=p), because="").word == word


def test_areas_are_worded_to_three_decimals() -> None:
    assert number_words(Number(kind="area", value=0.8444, low=0.8, high=0.9)) == (
        "0.844",
        "(0.800–0.900)",
    )
    assert number_words(Number(kind="area-change", value=0.0126, low=-0.01, high=0.0351)) == (
        "+0.013",
        "(\N{MINUS SIGN}0.010 to +0.035)",
    )


class Sum(torch.nn.Module):
    """The sum of an image."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1).sum(1, keepdim=True)


def test_a_model_covers_tags_before_it_asks_another() -> None:
    pixels, box = burnt(tissue(), "R", (20, 30))
    inner = TorchModel(Sum(), task=Binary(classes=("no", "yes")))
    known: dict[str, object] = {}
    model = TagsCovered(inner, Finder(), known=known)  # type: ignore[arg-type]
    images = torch.from_numpy(np.stack([pixels, tissue()])[:, None].astype(np.float32))
    covered = images.clone()
    (tag,) = Finder()(as_image(pixels))
    assert tag.box.overlap(box) > 0.8
    covered[0, :, *tag.box.slices] = 0
    images.requires_grad = True
    outputs = model.outputs(images)
    torch.testing.assert_close(outputs, inner.outputs(covered))
    (slope,) = torch.autograd.grad(outputs.sum(), images)
    assert slope[0, 0][tag.box.slices].abs().max() == 0
    assert int((slope[0] > 0).sum()) == pixels.size - tag.box.area
    assert int((slope[1] > 0).sum()) == pixels.size
    assert len(known) == 2
    assert model.access == "gradients"
    assert "tags covered" in model.card.architecture


def test_a_cover_of_another_fill_shows_scores_and_is_another_model() -> None:
    inner = TorchModel(Sum(), task=Binary(classes=("no", "yes")))
    black, mean = TagsCovered(inner), TagsCovered(inner, fill="mean")
    assert mean.access == "scores"
    assert len({inner.identity(), black.identity(), mean.identity()}) == 3


def test_black_is_the_greatest_number_where_the_file_stores_small_for_bright() -> None:
    pixels, _ = burnt(tissue(), "R", (20, 30))
    stored = inverted(pixels)
    images = torch.from_numpy(stored.pixels[None].astype(np.float32))
    one = torch.ones(1, 1, 1, 1)
    scaling = Scaling(slope=-one, intercept=255 * one)

    inner = TorchModel(Sum(), task=Binary(classes=("no", "yes")))
    with_table = TagsCovered(inner).outputs(images, scaling)
    (tag,) = Finder()(stored)
    covered = images.clone()
    covered[0, :, *tag.box.slices] = 255
    torch.testing.assert_close(with_table, inner.outputs(covered, scaling))


def test_initial_weights_and_missing_films_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no --start"):
        steps_of("yi2022", Request(out=tmp_path, scale="smoke", start={"covered-0": tmp_path}))
    with pytest.raises(PlanError, match="scale small needs the real images"):
        steps_of("yi2022", Request(out=tmp_path, scale="small"))
    with pytest.raises(PlanError, match="covered-7"):
        steps_of("yi2022", Request(out=tmp_path, scale="smoke", weights={"covered-7": tmp_path}))
