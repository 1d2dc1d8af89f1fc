"""From a folder of images to a report, for each file format: plan, train, audit, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
import yaml
from tests.helpers.page import Page
from tests.helpers.runs import Setup, plexor, write_lesions
from tests.helpers.summary_json import read_flat

from plexor.cases import read_image
from plexor.cases.phantoms import BrainConfig, RadiographConfig, write_phantoms
from plexor.core.wording import share
from plexor.findings import RunDirectory

RECOMPRESSED = ["recompressed-own", "recompressed-q75", "recompressed-q90"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """Images of one kind, and what a network needs to know of them.

    Attributes:
        write: draws them into a folder.
        window: stored values that become 0 and 1; None for each image's own.
        size: what the network sees.
        suffix: ending of the lossless container.
        stored: containers an image is judged in.
    """

    write: Callable[[Path], Path]
    window: list[int] | None
    size: tuple[int, ...] = (32, 32)
    suffix: str
    stored: tuple[str, ...] = ("lossless",)


def lesions(file_format: str) -> Callable[[Path], Path]:
    return lambda folder: write_lesions(folder, n_cases=36, file_format=file_format)


def films(file_format: str, bits: Any) -> Callable[[Path], Path]:
    config = RadiographConfig(height=32, width=32, bits=bits)
    return lambda folder: write_phantoms(
        "radiograph", folder, n_cases=24, seed=0, file_format=file_format, config=config
    )


def brains(folder: Path) -> Path:
    """Age becomes a class: old or young."""
    config = BrainConfig(shape=(20, 24, 20), spacing_mm=9.0)
    manifest = write_phantoms("brain", folder, n_cases=24, seed=0, config=config)
    setup = Setup(folder=folder)
    rows = setup.rows()
    ages = sorted(float(row["label"]) for row in rows)
    middle = ages[len(ages) // 2]
    label = {True: "old", False: "young"}
    setup.write_rows([row | {"label": label[float(row["label"]) >= middle]} for row in rows])
    return manifest


FORMATS = {
    "png": Format(write=lesions("png"), window=[0, 255], suffix=".png"),
    "jpeg": Format(
        write=lesions("jpeg"),
        window=[0, 255],
        suffix=".png",
        stored=("lossless", *RECOMPRESSED),
    ),
    "png-16": Format(write=films("png", 16), window=[0, 65535], suffix=".png"),
    "dicom": Format(write=films("dicom", 12), window=[0, 4095], suffix=".dcm"),
    "dicom-monochrome1": Format(
        write=films("dicom-monochrome1", 12), window=[0, 4095], suffix=".dcm"
    ),
    "nifti": Format(
        write=brains,
        window=None,
        size=(16, 16, 16),
        suffix=".nii.gz",
        stored=("lossless", "resampled-1mm"),
    ),
}


def plan(kind: Format, classes: list[str]) -> dict[str, Any]:
    """One percent of the range is 2 levels of 8 bits, 40 of 12 and 655 of 16."""
    threat = {"norm": "linf", "radius": 1, "unit": "percent"}
    return {
        "name": "end to end",
        "cohort": {"manifest": "manifest.csv"},
        "model": {"weights": "weights.safetensors"},
        "train": {
            "architecture": "small-cnn",
            "preprocess": {"size": list(kind.size), "window": kind.window},
            "epochs": 2,
            "batch_size": 8,
            "learning_rate": 0.003,
        },
        "probes": [
            {"attack": "pgd", "steps": 3, "threat": threat},
            {"attack": "pgd", "steps": 3, "threat": threat, "goal": {"become": classes[0]}},
        ],
        "n_examples": 2,
    }


@pytest.fixture(scope="module", params=FORMATS)
def done(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Format, Setup]:
    """Trained, audited and reported from the command line."""
    kind, setup = FORMATS[request.param], Setup(folder=tmp_path_factory.mktemp(request.param))
    kind.write(setup.folder)
    classes = sorted({row["label"] for row in setup.rows()})
    setup.plan.write_text(yaml.safe_dump(plan(kind, classes)))
    for command in (("train", setup.plan), ("audit", setup.plan, "--out", setup.out)):
        outcome = plexor(*command)
        assert outcome.status == 0, outcome.err
    return kind, setup


def rows_of(run: Path) -> pd.DataFrame:
    """The findings, read without Plexor."""
    return pd.concat(map(pd.read_parquet, sorted((run / "units").glob("*.parquet"))))


def test_the_summary_agrees_with_the_findings(done: tuple[Format, Setup]) -> None:
    kind, setup = done
    rows = rows_of(setup.out)
    summary = read_flat(setup.out)
    expected = [row for row in setup.rows() if row["split"] == "test"]
    assert summary["cohort"]["n_cases"] == len(expected) > 3
    assert summary["cohort"]["n_groups"] == len({row["group"] for row in expected})
    assert summary["cohort"]["classes"] == sorted({row["label"] for row in setup.rows()})
    assert set(rows["status"]) == {"ok"}
    assert len(summary["probes"]) == 3
    entries = {"clean": summary["clean"]} | {probe["id"]: probe for probe in summary["probes"]}
    assert set(entries) == set(rows["probe"])
    for name, entry in entries.items():
        assert set(entry["stored"]) == set(kind.stored)
        for container, figures in entry["stored"].items():
            part = rows[(rows["probe"] == name) & (rows["stored"] == container)]
            assert len(part) == len(expected)
            right = part["decision_after"] == part["truth"]
            check_estimate(figures["accuracy"], right)
            recalls = right.groupby(part["truth"]).mean()
            assert figures["balanced_accuracy"]["value"] == pytest.approx(recalls.mean())
            table = pd.crosstab(part["truth"], part["decision_after"])
            classes = summary["cohort"]["classes"]
            table = table.reindex(index=classes, columns=classes, fill_value=0)
            assert figures["confusion"] == table.to_numpy().tolist()
            if entry.get("kind") == "attack":
                tried = part["attempted"]
                check_estimate(figures["success"], part.loc[tried, "reached"])
        assert entry["accuracy"] == entry["stored"]["lossless"]["accuracy"]


def check_estimate(estimate: dict[str, Any], events: pd.Series[bool]) -> None:
    assert estimate["n"] == len(events)
    if len(events) == 0:
        assert (estimate["value"], bool(estimate["note"])) == (None, True)
        return
    assert estimate["value"] == pytest.approx(events.mean())
    assert estimate["method"]
    if estimate["low"] is None:  # too few groups to tell
        assert estimate["note"]
        return
    assert estimate["low"] <= estimate["value"] <= estimate["high"]


def test_decisions_and_verdicts_follow_from_outputs(done: tuple[Format, Setup]) -> None:
    _, setup = done
    rows = rows_of(setup.out)
    classes = read_flat(setup.out)["cohort"]["classes"]
    target = classes[0]
    for row in rows.to_dict("records"):
        assert row["decision_before"] == classes[int(np.argmax(row["outputs_before"]))]
        assert row["decision_after"] == classes[int(np.argmax(row["outputs_after"]))]
        assert row["within_threat"]
        if not str(row["probe"]).startswith("pgd"):
            continue
        becomes = "-to-" in str(row["probe"])
        goal = {True: row["decision_after"] == target, False: row["decision_after"] != row["truth"]}
        open_ = {
            True: row["decision_before"] != target,
            False: row["decision_before"] == row["truth"],
        }
        assert (row["reached"], row["attempted"]) == (goal[becomes], open_[becomes])


def test_perturbed_files_are_of_the_image_own_format(done: tuple[Format, Setup]) -> None:
    kind, setup = done
    rows = rows_of(setup.out).query("stored == 'lossless'").set_index(["probe", "case_id"])
    examples = RunDirectory(setup.out).examples()
    assert len(examples) == 3 * 2
    for example in examples:
        assert example.perturbed.name == f"perturbed{kind.suffix}"
        source = read_image(setup.folder / example.case_id)
        before, after = read_image(example.original), read_image(example.perturbed)
        np.testing.assert_array_equal(before.pixels, source.pixels)
        assert after.pixels.dtype == source.pixels.dtype
        assert after.intensity == source.intensity
        change = np.abs(after.pixels.astype(float) - source.pixels)
        row: Any = rows.loc[(example.probe, example.case_id)]
        assert change.max() == row["linf"] <= 0.01 * source.intensity.span
        assert np.count_nonzero(change.any(axis=0)) == row["l0"]
        if example.probe.startswith("noise"):
            assert change.max() >= 1


def test_the_report_tells_the_same(done: tuple[Format, Setup]) -> None:
    kind, setup = done
    summary = read_flat(setup.out)
    text = " ".join(Page((setup.out / "report.html").read_text()).text.split())
    assert "end to end" in text
    for entry in (summary["clean"], *summary["probes"]):
        assert share(entry["accuracy"]["value"]).replace("\u00a0", " ") in text
    assert ("JPEG, quality 75" in text) == ("recompressed-q75" in kind.stored)
    assert ("resampled to 1 mm and back" in text) == ("resampled-1mm" in kind.stored)
    files = {name: (setup.out / name).read_bytes() for name in ("report.html", "summary.json")}
    assert plexor("report", setup.out).status == 0
    assert {name: (setup.out / name).read_bytes() for name in files} == files


@pytest.mark.parametrize("done", ["jpeg"], indirect=True)
def test_a_jpeg_is_judged_lossless_and_recompressed(done: tuple[Format, Setup]) -> None:
    _, setup = done
    rows = rows_of(setup.out)
    assert set(rows["stored"]) == {"lossless", *RECOMPRESSED}
    noise = rows[rows["probe"].str.startswith("noise")].set_index("case_id")
    lossless = noise[noise["stored"] == "lossless"]
    for name in RECOMPRESSED:
        part = noise[noise["stored"] == name].loc[lossless.index]
        same = [
            np.array_equal(a, b)
            for a, b in zip(part["outputs_after"], lossless["outputs_after"], strict=True)
        ]
        assert not any(same)
        assert (part["linf"] > lossless["linf"]).all()  # the container adds its own error
        assert part["within_threat"].all()  # which is not the adversary's


@pytest.mark.parametrize("done", ["dicom", "dicom-monochrome1"], indirect=True)
def test_a_dicom_file_keeps_everything_but_its_pixels(done: tuple[Format, Setup]) -> None:
    _, setup = done
    for example in RunDirectory(setup.out).examples():
        before = pydicom.dcmread(setup.folder / example.case_id)
        after = pydicom.dcmread(example.perturbed)
        assert before.file_meta.TransferSyntaxUID == after.file_meta.TransferSyntaxUID
        assert before.SOPInstanceUID != after.SOPInstanceUID
        for dataset in (before, after):
            del dataset.PixelData, dataset.SOPInstanceUID
        assert before == after


@pytest.mark.parametrize("done", ["nifti"], indirect=True)
def test_a_volume_keeps_its_place_in_space(done: tuple[Format, Setup]) -> None:
    _, setup = done
    for example in RunDirectory(setup.out).examples():
        before: Any = nib.load(setup.folder / example.case_id)
        after: Any = nib.load(example.perturbed)
        assert before.header == after.header
        np.testing.assert_array_equal(before.affine, after.affine)
