"""Reliance of models whose place of looking is known, measured on files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.helpers.tagged_cohort import LESION, TASK, TaggedCohort, looking_at, tagged_cohort

from plexor.audits.tags import TagQuestions, measure_tags
from plexor.audits.tags.record import RECORDS
from plexor.cases import read_image
from plexor.core.errors import DataError, PlanError, RunDirectoryError
from plexor.findings.study_file import Number
from plexor.findings.tag_results import TagResults, read_tag_results
from plexor.models import ModelCard, Multilabel, Preprocess, TorchModel, save_weights
from plexor.models.architectures import build_network
from plexor.report import write_report
from plexor.report.tag_words import advice, answer
from plexor.studies.yi2022.leaning import aspects_table, leaning_words, reliance_table

FULL = TagQuestions(
    draws=3, exchanges=1, attention=("grad-cam", "integrated-gradients"), stratum="view"
)
QUICK = TagQuestions(draws=1, exchanges=1, attention=("grad-cam",))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> TaggedCohort:
    return tagged_cohort(tmp_path_factory.mktemp("films"), n_cases=32)


def at_the_tag() -> TorchModel:
    """Calls a film normal where the R makes the upper left corner bright, and nothing else."""
    return looking_at(slice(3, 12), slice(3, 12), gain=-40.0, threshold=0.45)


def at_the_lesion() -> TorchModel:
    return looking_at(*LESION, gain=40.0, threshold=0.65)


@pytest.fixture(scope="module")
def folder(cohort: TaggedCohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "tag"
    measure_tags(cohort.plan(), cohort.tags, out, FULL, model=at_the_tag())
    return out


@pytest.fixture(scope="module")
def at_tag(folder: Path) -> TagResults:
    return read_tag_results(folder)


def test_a_model_that_looks_at_the_tag_only(at_tag: TagResults, cohort: TaggedCohort) -> None:
    (found,) = at_tag.reliance
    assert found.label == "opacity"
    assert found.n_carriers == len(cohort.carriers)
    areas = {row.arm: row.area.value or 0.0 for row in found.areas}
    assert found.decision_covered.value == 1.0
    assert found.decision_elsewhere.value == 0.0
    assert found.decision.value == 1.0
    assert found.sensitivity.value == pytest.approx(1.0, abs=0.01)
    assert areas["tags alone"] == pytest.approx(areas["original"], abs=0.05)
    # A black box is darker than any film, so that the model reads where boxes are; inpainting
    # leaves nothing to be read.
    assert areas["covered"] < 0.35
    assert areas["inpainted"] == pytest.approx(0.5, abs=0.2)
    presence = next(row for row in at_tag.aspects if row.aspect == "presence")
    assert presence.decision.value == 1.0
    integrated = at_tag.maps[1]
    assert integrated.method == "Integrated gradients"
    assert integrated.ratio.value is not None
    assert integrated.ratio.value > 5
    assert integrated.pointing.value == 1.0


def test_films_with_equal_tags_are_counted_and_few_ones_get_no_area(at_tag: TagResults) -> None:
    (curated,) = at_tag.curated
    assert curated.label == "opacity"
    assert curated.n_kept == curated.model.n == 16  # 8 of each label, of 32
    assert curated.model.value is None
    assert "8 positive and 8 negative cases are too few" in curated.model.note
    assert curated.alone["logistic regression"].n == 16


def test_a_model_that_looks_at_the_lesion_only(cohort: TaggedCohort, tmp_path: Path) -> None:
    questions = TagQuestions(draws=3, exchanges=1, attention=("integrated-gradients",))
    results = measure_tags(cohort.plan(), cohort.tags, tmp_path / "run", questions,
                           model=at_the_lesion())  # fmt: skip
    (found,) = results.reliance
    areas = {row.arm: row for row in found.areas}
    assert areas["original"].area.value == 1.0
    assert areas["covered"].area.value == 1.0
    assert areas["tags alone"].area.value == pytest.approx(0.5)
    assert found.decision_covered.value == 0.0
    assert found.decision_covered.high is not None
    assert found.decision_covered.high > 0.1  # nothing was seen to change in 20 films, no more
    assert found.decision.low is None
    assert f"up to {100 * found.decision_covered.high:.1f} points" in answer(results)
    narrow = replace(found.decision, value=-0.001, low=-0.004, high=0.001)
    sometimes = replace(results, reliance=(replace(found, decision=narrow),))
    assert answer(sometimes) == answer(results)  # the controls' spread is no reassurance
    assert found.margin.value is not None
    assert found.margin.value <= 0  # covers elsewhere sometimes touch the lesion, tags never do
    assert {row.aspect for row in results.aspects} >= {"presence", "letter", "position"}
    assert all(abs(row.shift.value or 0) < 1e-6 for row in results.aspects)
    assert results.maps[0].share.value == pytest.approx(0, abs=1e-6)


def test_the_margin_that_falls_is_the_light_that_is_covered(
    cohort: TaggedCohort, folder: Path
) -> None:
    """A cover of the tag takes its light from a window around it: 40 / 81 · Σ light / 255."""
    records = [
        record
        for file in sorted((folder / "units").iterdir())
        for record in RECORDS.load(file.read_bytes()).cases
    ]
    seen = 0
    for record in records:
        if not record.elsewhere:
            assert record.covered == record.original
            continue
        pixels = read_image(cohort.folder / record.id).pixels[0].astype(float)
        box = next(line for line in cohort.tags.read_text().splitlines() if record.id in line)
        x0, y0, x1, y1 = (int(number) for number in box.split(",")[1:5])
        inside = np.zeros_like(pixels)
        inside[y0:y1, x0:x1] = 1
        light = (pixels * inside)[3:12, 3:12].sum() / 255 / 81
        assert record.covered[0] - record.original[0] == pytest.approx(40 * light, abs=1e-3)
        seen += 1
    assert seen == len(cohort.carriers)


def test_a_run_is_resumed_and_another_is_refused(
    cohort: TaggedCohort, at_tag: TagResults, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    asked: list[int] = []

    def stop(done: int, _total: int, _note: str) -> None:
        asked.append(done)
        if done >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_tags(cohort.plan(), cohort.tags, out, FULL, model=at_the_tag(), on_progress=stop)
    assert asked == [8, 16]
    news: list[tuple[int, str]] = []
    again = measure_tags(cohort.plan(), cohort.tags, out, FULL, model=at_the_tag(),
                         on_progress=lambda done, _, note: news.append((done, note)))  # fmt: skip
    assert news[0] == (16, "resumed")
    assert again == at_tag
    with pytest.raises(RunDirectoryError, match="another value of model"):
        measure_tags(cohort.plan(), cohort.tags, out, FULL, model=at_the_lesion())
    with pytest.raises(RunDirectoryError, match="another value of questions"):
        measure_tags(cohort.plan(), cohort.tags, out, QUICK, model=at_the_tag())


def test_the_page_says_what_the_numbers_say(at_tag: TagResults, folder: Path) -> None:
    page = write_report(folder).read_text()
    assert "This model leans on burnt-in tags: covering them changes 100.0" in page
    assert "Cover tags before the model is asked" in page
    assert "Not measured here." in page
    assert f"on {at_tag.curated[0].n_kept} of them, chosen so that both sides carry" in page
    assert "view AP" in page
    assert page.count('alt="Integrated gradients before covering') == len(at_tag.shown) == 6
    assert page.count("<svg") == 2
    assert json.loads((folder / "tags.json").read_text())["format"] == "plexor-tags/1"


def test_a_study_shows_the_same_numbers_for_each_seed(at_tag: TagResults) -> None:
    table = reliance_table([at_tag, at_tag], (0, 1))
    assert table.columns == ("Figure", "Seed 0", "Seed 1")
    rows = {(row.name, row.detail): row.cells for row in table.rows}
    assert len(rows) == len(table.rows) == 6 + 4 * len(at_tag.maps)
    for cell in rows["Decisions changed", "tags covered"]:
        assert isinstance(cell, Number)
        assert (cell.kind, cell.value) == ("share", 1.0)
    (cell, _) = rows["Integrated gradients", "attention on tags over their area"]
    assert isinstance(cell, Number)
    assert cell.value == at_tag.maps[1].ratio.value
    shifts = {row.name: row.cells[0] for row in aspects_table([at_tag, at_tag], (0, 1)).rows}
    for one in at_tag.aspects:
        shown = shifts[one.aspect]
        assert isinstance(shown, Number)
        assert (shown.value, shown.kind) == (one.shift.value, "amount")
    assert leaning_words([at_tag]).startswith("On films with a tag, covering it changes 100.0 %")


def test_a_damaged_image_is_counted_and_a_retrained_model_is_asked(tmp_path: Path) -> None:
    cohort = tagged_cohort(tmp_path / "films", n_cases=16)
    (cohort.folder / "images" / "005.png").write_bytes(b"no image")
    weights = tmp_path / "retrained.safetensors"
    card = ModelCard(
        task=TASK, preprocess=Preprocess(), architecture="small-cnn", channels=1, spatial_dims=2
    )
    torch.manual_seed(0)
    network = build_network("small-cnn", spatial_dims=2, channels=1, n_outputs=1)
    save_weights(weights, network, card)
    out = tmp_path / "run"
    results = measure_tags(
        cohort.plan(), cohort.tags, out, QUICK, model=at_the_tag(), retrained=weights
    )
    assert results.n_cases == 15
    assert [one.split(":")[0] for one in results.failures] == ["images/005.png"]
    row = next(one for one in results.reliance[0].areas if one.arm == "re-trained, covered")
    assert row.change is not None
    original = results.reliance[0].areas[0].area.value
    assert row.area.value is not None
    assert original is not None
    assert row.change.value == pytest.approx(row.area.value - original)
    effect = advice(results)[1].effect
    assert effect.startswith("Area for opacity")


def test_what_cannot_be_measured_is_refused(cohort: TaggedCohort, tmp_path: Path) -> None:
    none = tmp_path / "none.csv"
    lines = [f"images/{i:03d}.png,,,,,none" for i in range(32)]
    none.write_text("path,x0,y0,x1,y1,kind\n" + "\n".join(lines))
    with pytest.raises(PlanError, match="none of the 32 images"):
        measure_tags(cohort.plan(), none, tmp_path / "run", QUICK, model=at_the_tag())
    outside = tmp_path / "outside.csv"
    first = "images/000.png,"
    outside.write_text(
        none.read_text().replace(f"{first},,,,none", f"{first}900,900,910,910,marker")
    )
    with pytest.raises(DataError, match=r"none of the 1 images with a tag .* lies outside"):
        measure_tags(cohort.plan(), outside, tmp_path / "outside", QUICK, model=at_the_tag())
    several = Multilabel(classes=("normal", "opacity"))
    inner = at_the_tag()
    labels = TorchModel(inner.network, task=several, preprocess=Preprocess(window=(0, 255)))
    with pytest.raises(PlanError, match="this one is for multilabel, whose labels the probes"):
        measure_tags(cohort.plan(), cohort.tags, tmp_path / "labels", QUICK, model=labels)
    for wrong in ({"fill": "red"}, {"attention": ("x",)}, {"draws": 0}):
        with pytest.raises(PlanError):
            TagQuestions(**wrong)


class Program:
    """A program that is called: it has no network, and shows no gradients."""

    def __init__(self, inner: TorchModel) -> None:
        self._inner = inner
        self.task, self.card, self.device = inner.task, inner.card, inner.device
        self.access = "scores"

    def outputs(self, images: torch.Tensor, scaling: object = None) -> torch.Tensor:
        return self._inner.outputs(images.detach())

    def identity(self) -> str:
        return self._inner.identity()


def test_a_program_without_a_network_is_measured_as_far_as_it_goes(
    cohort: TaggedCohort, tmp_path: Path
) -> None:
    program = Program(at_the_tag())
    results = measure_tags(cohort.plan(), cohort.tags, tmp_path / "run", QUICK,
                           model=program)  # type: ignore[arg-type]  # fmt: skip
    assert results.maps == ()
    assert results.carried == ()
    assert "no torch network" in results.notes[0]
    assert results.reliance[0].decision.value == 1.0
