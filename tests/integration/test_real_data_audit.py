"""Audits of real images, from their own files to a report."""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
import yaml
from tests.helpers.page import Page
from tests.helpers.runs import Row, Setup, audited, plexor
from tests.helpers.summary_json import read_flat

from plexor.report import write_report

DATA = Path(os.environ.get("PLEXOR_DATA") or Path(__file__).parents[3] / "shared" / "data")
DICOM = Path(pydicom.__file__).parent / "data" / "test_files"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real images are not at {DATA}")
SPLIT = {"train": 0.5, "validation": 0.2, "test": 0.3}
RECOMPRESSED = {"recompressed-own", "recompressed-q90", "recompressed-q75"}


def some_of_each(table: Path, label: str, n: int) -> list[Row]:
    """The first rows of each class."""
    kept: dict[str, list[Row]] = defaultdict(list)
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            if len(kept[row[label]]) < n:
                kept[row[label]].append(row)
    return [row for rows in kept.values() for row in rows]


def plan(size: tuple[int, int], **cohort: object) -> dict[str, Any]:
    return {
        "cohort": {"manifest": "manifest.csv", "split": SPLIT, **cohort},
        "model": {"weights": "weights.safetensors"},
        "train": {
            "architecture": "small-cnn",
            "preprocess": {"size": list(size)},
            "epochs": 1,
            "batch_size": 16,
            "learning_rate": 0.003,
        },
        "probes": [{"attack": "pgd", "steps": 3, "threat": {"norm": "linf", "radius": 2}}],
        "n_examples": 2,
    }


def trained_and_audited(setup: Setup) -> pd.DataFrame:
    """Findings of the command line, after a look at what it wrote."""
    for command in (("train", setup.plan), ("audit", setup.plan, "--out", setup.out)):
        done = plexor(*command)
        assert done.status == 0, done.err
    summary = read_flat(setup.out)
    findings = pd.concat(map(pd.read_parquet, (setup.out / "units").iterdir()))
    assert set(findings["status"]) == {"ok"}
    assert summary["cohort"]["n_failed"] == 0
    clean = findings[(findings["probe"] == "clean") & (findings["stored"] == "lossless")]
    right = clean["decision_after"] == clean["truth"]
    assert summary["clean"]["accuracy"]["value"] == pytest.approx(right.mean())
    assert summary["clean"]["n"] == len(clean) > 20
    Page((setup.out / "report.html").read_text())
    return findings


@real
@pytest.mark.data
def test_dermatoscopic_images(tmp_path: Path) -> None:
    setup = Setup(folder=tmp_path)
    folder = DATA / "ham10000"
    setup.write_rows(some_of_each(folder / "HAM10000_metadata.csv", "dx", 15))
    cohort = {
        "root": str(folder),
        "columns": {"label": "dx", "group": "lesion_id"},
        "path_template": "images/{image_id}.jpg",
    }
    setup.plan.write_text(yaml.safe_dump(plan((36, 48), **cohort)))
    findings = trained_and_audited(setup)
    assert set(findings["stored"]) == {"lossless", *RECOMPRESSED}
    assert findings["truth"].nunique() == 7
    lossless = findings[findings["stored"] == "lossless"]
    assert lossless["linf"].max() == 2
    assert findings.loc[findings["stored"] == "recompressed-q75", "linf"].max() > 2


@real
@pytest.mark.data
def test_chest_films(tmp_path: Path) -> None:
    setup = Setup(folder=tmp_path)
    folder = DATA / "chest_xray"
    setup.write_rows(some_of_each(folder / "index.csv", "label", 50))
    cohort = {"root": str(folder), "columns": {"path": "file", "group": "patient"}}
    setup.plan.write_text(yaml.safe_dump(plan((48, 48), **cohort)))
    findings = trained_and_audited(setup)
    assert set(findings["truth"]) == {"NORMAL", "PNEUMONIA"}
    assert set(findings["stored"]) == {"lossless", *RECOMPRESSED}


# One CT slice, and one MR slice in the transfer syntaxes that keep its every pixel.
SLICES = {
    "CT_small.dcm": "CT",
    "MR_small.dcm": "MR",
    "MR_small_bigendian.dcm": "MR",
    "MR_small_implicit.dcm": "MR",
    "MR_small_RLE.dcm": "MR",
    "MR_small_jp2klossless.dcm": "MR",
    "MR_small_jpeg_ls_lossless.dcm": "MR",
}


def test_dicom_slices_in_any_transfer_syntax(tmp_path: Path) -> None:
    setup = Setup(folder=tmp_path)
    rows = [{"path": str(DICOM / name), "label": label} for name, label in SLICES.items()]
    setup.write_rows([row | {"id": Path(row["path"]).stem} for row in rows])
    model = setup.any_model(channels=1, classes=("CT", "MR"))
    threats = ({"norm": "linf", "radius": 8}, {"norm": "l2", "radius": 200, "unit": "value"})
    probes = [{"attack": "fgsm", "threat": threat} for threat in threats]
    setup.change_plan(model=model, probes=probes, n_examples=7)
    findings = audited(setup.plan, setup.out)
    assert set(findings["status"]) == {"ok"}
    assert set(findings["stored"]) == {"lossless"}
    assert findings["within_threat"].all()
    search = findings[~findings["probe"].str.startswith("noise")]
    for _, part in search[search["truth"] == "MR"].groupby("probe"):
        assert len(part) == 6
        assert len({tuple(outputs) for outputs in part["outputs_after"]}) == 1
        assert len(set(part[["decision_after", "linf", "l2", "l0"]].itertuples(index=False))) == 1
    for about in (setup.out / "artifacts" / "examples").rglob("about.json"):
        case = json.loads(about.read_text())["case_id"]
        before, after = (
            pydicom.dcmread(DICOM / f"{case}.dcm"),
            pydicom.dcmread(about.parent / "perturbed.dcm"),
        )
        assert before.file_meta.TransferSyntaxUID == after.file_meta.TransferSyntaxUID
        assert str(before.get("PatientID")) == str(after.get("PatientID"))
    write_report(setup.out)


@real
@pytest.mark.data
def test_brain_volumes(tmp_path: Path) -> None:
    setup = Setup(folder=tmp_path)
    folder = DATA / "brain_ixi"
    with (folder / "lists" / "IXI_demog_n10.csv").open(newline="") as file:
        ages = {row["MRID"]: float(row["Age"]) for row in csv.DictReader(file)}
    volumes = sorted((folder / "nifti").glob("*.nii.gz"))[:3]
    age = {path: ages[path.name.split("-T1")[0]] for path in volumes}
    label = {True: "older", False: "younger"}
    setup.write_rows([{"path": str(p), "label": label[age[p] > 45]} for p in volumes])
    model = setup.any_model(channels=1, spatial_dims=3, classes=("older", "younger"))
    probes = [
        {"attack": "pgd", "steps": 1, "threat": threat}
        for threat in ({"norm": "linf", "radius": 2}, {"norm": "l2", "radius": 2000})
    ]
    setup.change_plan(model=model, probes=probes, n_examples=1)
    findings = audited(setup.plan, setup.out)
    assert set(findings["status"]) == {"ok"}
    assert findings["within_threat"].all()
    assert set(findings["stored"]) == {"lossless", "resampled-1mm"}
    stored = findings[findings["stored"] == "lossless"]
    noise = stored.set_index(["probe", "case_id"]).loc["noise-linf-2"]
    assert set(noise["linf"]) == {2}
    assert (noise["l0"] > 100_000).all()
    assert (np.stack(list(noise["outputs_after"])) != np.stack(list(noise["outputs_before"]))).all()
    Page(write_report(setup.out).read_text())
