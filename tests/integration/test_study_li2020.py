"""The brain-age study: its cohorts, layouts, verdict, and a run at its smallest scale."""

from __future__ import annotations

import importlib.util
import math
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from plexor.cases import Case
from plexor.cases.phantoms import AgeingConfig
from plexor.core.errors import DataError, ModelError
from plexor.findings.study_file import Number
from plexor.models import Feature, Preprocess, Regression, Scaling, TorchModel
from plexor.models.card import ModelCard
from plexor.report.study_page import number_words
from plexor.stats import clustered_mean
from plexor.studies import Request, find, run_study
from plexor.studies.li2020 import attention, plans
from plexor.studies.li2020.cohorts import permuted
from plexor.studies.li2020.diagnosis import Diagnosis
from plexor.studies.li2020.estimator import (
    N_CLASSES,
    Estimator,
    calibrated,
    estimator_errors,
    rescan_radii,
    segmentation_network,
)
from plexor.studies.li2020.estimator_training import train_estimator
from plexor.studies.li2020.layout import FEATURES, read_layout
from plexor.studies.li2020.ours import Network, Paired, old_minus_young, paired, relative_difference
from plexor.studies.li2020.pipeline import Pipeline
from plexor.studies.li2020.result import BOTH, PIPELINE, verdict

DATA = Path(os.environ.get("PLEXOR_DATA") or Path(__file__).parents[3] / "shared" / "data")
NIFTI_1: Any = nib.Nifti1Image
needs_template = pytest.mark.skipif(
    importlib.util.find_spec("nilearn") is None,
    reason="nilearn is not installed; pip install -c constraints.txt -e '.[neuro]'",
)


def person_rows() -> list[dict[str, str]]:
    return [
        {
            "path": f"{person}-{scan}.nii.gz",
            "group": f"person-{person}",
            "split": "train" if person < 5 else "test",
            **{name: f"{person}.{k}" for k, name in enumerate(FEATURES)},
        }
        for person in range(8)
        for scan in range(2)
    ]


def test_permuted_volumes_are_another_persons_of_the_same_split() -> None:
    rows = person_rows()
    other = permuted(rows)
    for before, after in zip(rows, other, strict=True):
        owner = {after[name].split(".")[0] for name in FEATURES}
        assert len(owner) == 1
        (owner_id,) = owner
        assert owner_id != before["group"].removeprefix("person-")
        assert (int(owner_id) < 5) is (before["split"] == "train")
        assert after["path"] == before["path"]
    assert Counter(r[FEATURES[0]] for r in rows) == Counter(r[FEATURES[0]] for r in other)
    by_person = {row["group"]: row[FEATURES[0]] for row in other}
    assert all(row[FEATURES[0]] == by_person[row["group"]] for row in other)


def write_bids(folder: Path, **changes: str) -> Path:
    cells = {"age": "63.5", **dict.fromkeys(FEATURES, "20.5"), "intracranial_ml": "1450"} | changes
    columns = ["participant_id", *cells]
    lines = ["\t".join(columns), "\t".join(["sub-01", *cells.values()])]
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n")
    image = folder / "sub-01" / "ses-1" / "anat" / "sub-01_ses-1_T1w.nii.gz"
    image.parent.mkdir(parents=True)
    image.touch()
    return image


def test_a_bids_folder_is_read(tmp_path: Path) -> None:
    image = write_bids(tmp_path)
    (scan,) = read_layout(tmp_path)
    assert (scan.subject, scan.path, scan.age) == ("sub-01", image, 63.5)
    assert scan.volumes_ml["intracranial_ml"] == 1450
    assert tuple(scan.volumes_ml) == FEATURES


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"age": ""}, "sub-01: the age is 'missing', expected a number"),
        ({"age": "762"}, "sub-01: the age is 762, expected years; is it in months"),
        ({"intracranial_ml": "0"}, "sub-01: the intracranial volume is 0 ml"),
        ({"ventricles_ml": "n/a"}, "sub-01: ventricles_ml is missing"),
    ],
)
def test_what_a_subject_lacks_is_told_by_name(
    tmp_path: Path, changes: dict[str, str], complaint: str
) -> None:
    write_bids(tmp_path, **changes)
    with pytest.raises(DataError, match=complaint):
        read_layout(tmp_path)


def test_tables_with_other_rows_than_the_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "nifti").mkdir()
    (tmp_path / "nifti" / "IXI999-T1.nii.gz").touch()
    (tmp_path / "nichart_participants.csv").write_text("MRID,Age,Sex\nIXI999,40,F\n")
    (tmp_path / "nichart_dlmuse_vol.csv").write_text("MRID,702\nIXI998,1450000\n")
    (tmp_path / "nichart_muse_dict.csv").write_text("Index,Code,Name\n702,MUSE_702,ICV\n")
    with pytest.raises(DataError, match="IXI999: no row of regional volumes"):
        read_layout(tmp_path)
    with pytest.raises(DataError, match=r"found neither nichart_participants.csv nor one table"):
        read_layout(tmp_path / "nifti")


@pytest.mark.skipif(not DATA.exists(), reason="no PLEXOR_DATA and no ../shared/data")
def test_real_volumes_are_read_with_their_tables() -> None:
    scans = read_layout(DATA / "brain_ixi")
    assert len(scans) == 10
    first = scans[0]
    assert (first.subject, first.age) == ("IXI012-HH-1211", 38.78)
    assert first.volumes_ml["intracranial_ml"] == pytest.approx(1652.136)
    assert first.volumes_ml["hippocampi_ml"] == pytest.approx(5.448 + 4.856)


class Brightness(nn.Module):
    """Logits: the brightness of a voxel for the first region, 0 for the rest, none for others."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        never = torch.full_like(images, -1e4)
        rest = torch.zeros_like(images)
        return torch.cat([images, *[never] * (N_CLASSES - 3), rest, never], dim=1)


class Age(nn.Module):
    """The sum of the standardised features; the image counts a tenth."""

    def forward(self, images: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        return features.sum(1, keepdim=True) + images.flatten(1).mean(1, keepdim=True) / 10


AS_STORED = Preprocess(size=(4, 4, 4), spacing_mm=10, window=(0, 1))
AXES = Scaling(slope=torch.ones(1), intercept=torch.zeros(1), axes=10 * torch.eye(3)[None])


def test_volumes_are_probabilities_times_the_volume_of_a_voxel() -> None:
    """64 voxels of 1 ml: half of each is the first region where it is as bright as nothing."""
    estimator = Estimator(network=Brightness(), preprocess=AS_STORED)
    found = estimator.estimate(torch.zeros(1, 1, 4, 4, 4), AXES)
    assert found.names == FEATURES
    assert found.values[0].tolist() == [pytest.approx(32.0), *[0.0] * 7, pytest.approx(64.0)]  # noqa: PD011
    brighter = estimator.estimate(torch.full((1, 1, 4, 4, 4), math.log(3)), AXES)
    assert brighter.values[0, 0].item() == pytest.approx(48.0)  # noqa: PD011
    with pytest.raises(ModelError, match="needs `spacing_mm`"):
        Estimator(network=Brightness(), preprocess=Preprocess(window=(0, 1)))


def test_a_pipeline_lets_the_volumes_move_with_the_image() -> None:
    features = tuple(Feature(name=name, mean=0, std=4) for name in FEATURES)
    task = Regression(unit="years")
    card = ModelCard(task=task, preprocess=AS_STORED, features=features)
    estimator = Estimator(network=Brightness(), preprocess=AS_STORED)
    model = Pipeline(TorchModel(Age(), task=task, card=card), estimator)
    images = torch.zeros(1, 1, 4, 4, 4, requires_grad=True)
    outputs = model.outputs(images, AXES)
    assert outputs.item() == pytest.approx((32 + 64) / 4)
    (gradient,) = torch.autograd.grad(outputs.sum(), images)
    # the slope of the logistic function at 0 is a quarter; the whole cavity does not move
    assert gradient.sum().item() == pytest.approx(64 / 4 / 4 + 1 / 10)
    assert not model.card.features


def test_errors_of_an_estimator_are_counted_by_volume(tmp_path: Path) -> None:
    estimator = Estimator(network=Brightness(), preprocess=AS_STORED)
    cases = []
    for number, (odds, truth) in enumerate(((1, 30.0), (3, 50.0), (7, 60.0))):
        path = tmp_path / f"{number}.nii"
        level = np.full((4, 4, 4), math.log(odds), np.float32)
        NIFTI_1(level, np.diag([10.0, 10.0, 10.0, 1.0])).to_filename(path)
        volumes = dict.fromkeys(FEATURES, 1.0 + number) | {FEATURES[0]: truth}
        group = f"g{number // 2}"
        cases.append(Case(id=path.name, path=path, truth=40.0, group=group, features=volumes))
    found = estimator_errors(estimator, cases)
    measured = [32.0, 48.0, 56.0]
    assert found[FEATURES[0]] == pytest.approx(
        ((2 + 2 + 4) / 3, np.corrcoef(measured, [30, 50, 60])[0, 1])
    )
    radii = rescan_radii(estimator, cases[:2])
    again = calibrated(estimator, cases)
    slope, intercept = np.polyfit(measured, [30, 50, 60], 1)
    assert (again.slopes[0], again.intercepts[0]) == pytest.approx((slope, intercept), rel=1e-5)
    assert again.slopes[1] == 0.0  # it is counted as 0 in everybody
    assert again.intercepts[1] == pytest.approx(2.0)
    assert radii[FEATURES[0]] == pytest.approx(1.96 * 16 / math.sqrt(2), rel=5e-3)


def test_an_estimator_is_read_as_it_was_written(tmp_path: Path) -> None:
    network = segmentation_network().eval()
    prepare = Preprocess(size=(32, 32, 32), spacing_mm=2.0, window=None)
    slopes = tuple(1 + n / 10 for n in range(len(FEATURES)))
    Estimator(network=network, preprocess=prepare, slopes=slopes).save(tmp_path / "e")
    again = Estimator.load(tmp_path / "e")
    assert (again.preprocess, again.slopes, again.intercepts) == (prepare, slopes, (0.0,) * 9)
    images = torch.rand(1, 1, 32, 32, 32)
    assert torch.equal(again.network(images), network(images))
    (tmp_path / "e").write_bytes(b"no")
    with pytest.raises(ModelError, match="holds no estimator of volumes"):
        Estimator.load(tmp_path / "e")


@needs_template
def test_an_estimator_learns_where_regions_lie() -> None:
    """Its first loss is that of frequencies alone, which do not know where a region lies."""
    told: list[float] = []
    train_estimator(
        preprocess=Preprocess(size=(28, 34, 34), spacing_mm=6, window=None),
        config=AgeingConfig(spacing_mm=6),
        n_people=2,
        n_steps=10,
        seed=0,
        advance=lambda _step, _n, text: told.append(float(text.removeprefix("loss "))),
    )
    assert len(told) == 16  # five eighths more, with the error of volumes
    assert told[9] < 0.85 * told[0]
    assert told[-1] < told[10]


def test_a_bias_by_age_is_removed_exactly_where_it_is_linear() -> None:
    ages = np.array([20.0, 50.0, 80.0])
    found = Diagnosis(slope=0.5, intercept=20.0, older=(), shares=())
    assert found.corrected(20 + 0.5 * ages).tolist() == ages.tolist()
    assert np.isnan(replace(found, slope=-0.1).corrected(ages)).all()


def network_of(shift: float, noise: float = 0.0) -> Network:
    """Six people with two scans each, under one probe that moves the number by ``shift``."""
    draw = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for case in range(12):
        before = 50.0 + case
        for seed in (0, 1):
            after = before + shift + noise * draw.standard_normal()
            rows.append(
                {"seed": seed, "probe": "p", "case_id": f"c{case:02d}", "group": f"g{case // 2}",
                 "truth": before, "before": before, "after": after}
            )  # fmt: skip
    return Network(name="n", findings=pd.DataFrame(rows))


def test_shifts_are_means_over_seeds_and_compared_on_the_same_scans() -> None:
    strong, weak = network_of(-6.0), network_of(4.0, noise=0.1)
    assert strong.mean("p", "signed") == replace(strong.mean("p", "signed"), value=-6.0)  # type: ignore[type-var]
    crossed = strong.mean("p", "crossed")
    assert crossed is not None
    assert (crossed.value, crossed.n, crossed.n_groups) == (1.0, 12, 6)
    found = {one.name: one for one in paired({
        "strong – weak": (strong.shifts("p"), weak.shifts("p")),
        "strong – strong": (strong.shifts("p"), strong.shifts("p")),
    })}  # fmt: skip
    assert found["strong – weak"].difference.value == pytest.approx(2.0, abs=0.2)
    assert found["strong – weak"].p_value == pytest.approx(2 / 2**6)  # all six people agree
    assert found["strong – weak"].corrected == pytest.approx(2 * 2 / 2**6)
    assert found["strong – strong"].p_value == 1.0


def test_the_old_and_the_young_are_compared_as_independent_means() -> None:
    """Welch's interval and the squared and added ones agree for equal, balanced groups."""
    ages, sizes = [25, 30, 35, 38, 65, 70, 75, 90], [1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0]
    rows = pd.DataFrame({"truth": ages, "size": sizes, "group": list("abcdefgh")})
    found = old_minus_young(rows)
    half = 3.182446 * np.sqrt(5 / 3 / 4) * np.sqrt(2)  # t with 3 degrees of freedom, twice
    assert found.value == pytest.approx(5.0)
    assert (found.low, found.high) == pytest.approx((5 - half, 5 + half), rel=1e-5)
    assert old_minus_young(rows[:4]).value is None


def test_a_network_of_twice_the_error_that_moves_twice_as_far_is_not_less_robust() -> None:
    one, other = network_of(6.0).shifts("p"), network_of(3.0).shifts("p")
    assert relative_difference(one, 8.0, other, 4.0).value == pytest.approx(0.0)
    assert relative_difference(one, 8.0, other, 8.0).value == pytest.approx(3 / 8)


def compared(name: str, value: float, p: float) -> Paired:
    interval = clustered_mean([value - 1, value + 1, value - 0.5, value + 0.5])
    return Paired(name=name, difference=interval, p_value=p, corrected=p)


@pytest.mark.parametrize(("p_permuted", "said"), [(0.5, True), (0.01, False)])
def test_the_verdict_says_what_was_shown_and_what_was_not(p_permuted: float, said: bool) -> None:
    clean = network_of(1.0)
    main = f"pgd-deviate-5-linf-{plans.SCALES['small'].main_radius:g}"
    probes = [clean.findings.assign(probe=probe) for probe in ("clean", main)]
    clean = replace(clean, findings=pd.concat(probes))
    networks = dict.fromkeys(plans.NETWORKS, clean)
    comparisons = [
        compared("conventional – hybrid", 4.0, 0.001),
        compared("permuted – hybrid", 0.3, p_permuted),
        compared(PIPELINE, 3.0, 0.001),
        compared(BOTH, 0.1, 0.6),
    ]
    told = verdict(networks, comparisons, plans.SCALES["small"])
    assert "with volumes held, the conventional network moved further than the hybrid (4.00" in told
    assert "estimated from the attacked image, the hybrid moved further" in told
    assert "no difference was shown between the hybrid and the hybrid with volumes held" in told
    assert "which chance may explain" in told
    assert (
        "In units of its own clean error, the conventional network's shift differs by +0.00" in told
    )
    assert ("It is thus not shown that it is anatomy" in told) is said
    assert "training seed" not in told
    assert "1 training seed(s)" in verdict(networks, comparisons, plans.SCALES["smoke"])


def test_years_are_worded_with_their_unit() -> None:
    value, limits = number_words(Number(kind="years", value=4.081, low=3.5, high=4.7))
    assert value.replace("\N{NO-BREAK SPACE}", " ") == "4.08 years"
    assert limits == "(3.50 to 4.70)"
    assert find("li2020").figure("mae-both").value == 4.08


def test_the_mass_of_a_map_is_dealt_out_by_what_share_of_a_voxel_a_region_fills() -> None:
    shares = np.zeros((len(attention.INSIDE), 2, 1, 1), np.float32)
    shares[0, :, 0, 0] = 0.5, 1.0
    shares[1, 0, 0, 0] = 0.25
    found = attention.shares_of_mass(np.array([[[4.0]], [[1.0]]]), shares)
    first, second, *others = found.values()
    assert (first, second) == pytest.approx(((4 * 0.5 + 1) / 5, 4 * 0.25 / 5))
    assert others[-1] == pytest.approx(4 * 0.25 / 5)  # what is left of the first voxel
    assert sum(others[:-1]) == 0
    flat = attention.shares_of_mass(np.zeros((2, 1, 1)), shares)
    assert np.isnan(list(flat.values())).all()


class Middle(nn.Module):
    """The mean of a cube of 6 voxels in the middle of the volume."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        middle = [slice(n // 2 - 3, n // 2 + 3) for n in images.shape[2:]]
        return images[:, :, *middle].flatten(1).mean(1, keepdim=True)


@needs_template
def test_the_map_of_a_network_that_sees_the_middle_lies_within_the_skull(tmp_path: Path) -> None:
    scale = replace(plans.SCALES["smoke"], attended=2)
    task = Regression(unit="years")
    card = ModelCard(task=task, preprocess=Preprocess(window=(0, 1)))
    kept: list[attention.MapsOfOne] = []
    found = attention.attend(TorchModel(Middle(), task=task, card=card), scale, kept.append)
    (maps,) = kept
    assert maps.before.shape == maps.after.shape == maps.volume.shape
    assert maps.years[1] - maps.years[0] == pytest.approx(found[0].shift)
    middle = tuple(slice(n // 2 - 3, n // 2 + 3) for n in maps.volume.shape)
    assert maps.before[middle].sum() == pytest.approx(maps.before.sum())  # and nowhere else
    assert len({one.person for one in found}) == 2
    for one in found:
        assert one.before[attention.OUTSIDE] < 0.02
        assert one.volume[attention.OUTSIDE] > 0.5
        assert sum(one.before.values()) == pytest.approx(1)
        assert sum(one.volume.values()) == pytest.approx(1)
        assert one.contrast[attention.OUTSIDE] > 0.3  # an even slope would lie outside too
        assert abs(one.shift) == pytest.approx(scale.main_radius)  # each voxel moves by the radius
    attention.save(found, tmp_path / "a.json")
    assert attention.load(tmp_path / "a.json") == found
    table = attention.attention_table({"middle": found}, scale)
    of_outside = table.rows[-1].cells[2]
    assert isinstance(of_outside, Number)
    assert of_outside.value == pytest.approx(
        np.mean([one.before[attention.OUTSIDE] for one in found])
    )


@needs_template
def test_the_whole_study_runs_on_phantoms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer people and shorter searches than `smoke`, to be quick."""
    least = replace(
        plans.SCALES["smoke"],
        network_size=(16, 20, 16),
        n_people={"train": 3, "validation": 2, "test": 2},
        n_fit=(2,),
        training={"epochs": 1, "batch_size": 4, "patience": 1},
        steps=1,
        universal={"steps": 1},
        radii=(4.0, 16.0),
        estimator_people=1,
        estimator_steps=2,
        attended=2,
    )
    monkeypatch.setitem(plans.SCALES, "smoke", least)
    result = run_study("li2020", Request(out=tmp_path, scale="smoke", device="cpu"))
    assert result.verdict.startswith("Phantoms cannot tell")
    assert "1 training seed" in result.verdict
    tables = {table.id: table for table in result.tables}
    attackers = [(row.name[:3], row.cells[0]) for row in tables["attackers"].rows]
    assert attackers == [
        ("(a)", "hybrid"), ("(b)", "hybrid"), ("(c)", "hybrid"), ("(d)", "hybrid"),
        ("(a)", "permuted"), ("(c)", "permuted"), ("(d)", "permuted"),
        ("(a)", "volumes-only"), ("(d)", "volumes-only"),
    ]  # fmt: skip
    of_volumes = next(r for r in tables["attackers"].rows if r.cells[0] == "volumes-only")
    assert isinstance(of_volumes.cells[1], Number)
    assert of_volumes.cells[1].value == 0.0  # it does not see the image
    share = {row.name: row.cells[0] for row in tables["share"].rows}
    assert isinstance(share["conventional"], Number)
    assert share["conventional"].value == 1.0
    assert isinstance(share["volumes-only"], Number)
    assert share["volumes-only"].value == 0.0
    assert tables["attention"].columns[3:] == (
        "conventional, untouched",
        "conventional, attacked",
        "hybrid, untouched",
        "hybrid, attacked",
    )
    assert [one.title for one in result.maps] == ["conventional", "hybrid"]
    assert all((tmp_path / one.file).is_file() for one in result.maps)
    assert len(result.rows) == 3
    assert {row.agreement["phantoms"].word for row in result.rows} == {"cannot be compared"}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    again = run_study("li2020", Request(out=tmp_path, scale="smoke", device="cpu"))
    assert again == result
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
