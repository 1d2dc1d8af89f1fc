"""A folder that a maker of manifests knows is told by its names and headers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import examples
from tests.helpers.runs import plexor

from plexor.cases.sources import SOURCES
from plexor.cases.sources.recognised import recognised


def _written(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _film(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) // 16).convert("L").save(
        path
    )


def _slices(folder: Path, series: list[str], modality: str = "CT") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, uid in enumerate(series):
        dataset = examples.ct
        dataset.SeriesInstanceUID, dataset.Modality = uid, modality
        dataset.save_as(folder / f"{number}.dcm")


@pytest.mark.parametrize("above", ["", "archive/"])
@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("mura", {"train/XR_WRIST/patient00001/study1_positive/image1.png": ""}),
        ("chexpert", {"valid.csv": "Path,Sex,Enlarged Cardiomediastinum,Edema\n"}),
        ("padchest", {"PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz": ""}),
        ("bids", {"participants.tsv": "", "sub-01/anat/sub-01_T1w.nii.gz": ""}),
        ("msd", {"dataset.json": "{}", "imagesTr/liver_1.nii.gz": ""}),
    ],
)
def test_layouts(tmp_path: Path, source: str, files: dict[str, str], above: str) -> None:
    for name, text in files.items():
        _written(tmp_path / f"{above}{name}", text)
    found = recognised(tmp_path)
    assert found is not None
    assert found[0] == source
    assert source in SOURCES


@pytest.mark.parametrize(
    "files",
    [
        {"train.csv": "image,label\n"},
        {"dataset.json": "{}"},
        {"participants.tsv": "", "a.png": ""},
        {"train/cat/1.png": "", "valid/dog/1.png": ""},
        {"a.dcm": "no DICOM at all"},
    ],
)
def test_others_are_not_told(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        _written(tmp_path / name, text)
    assert recognised(tmp_path) is None


def test_slices_of_a_series(tmp_path: Path) -> None:
    _slices(tmp_path / "one", ["1.2.3", "1.2.4", "1.2.3"])
    assert recognised(tmp_path / "one") == (
        "dicom",
        "2 files are slices of one DICOM series, which is one volume",
    )
    _slices(tmp_path / "other", ["1.2.3", "1.2.4"])
    assert recognised(tmp_path / "other") is None  # a slice each
    _slices(tmp_path / "films", ["1.2.3", "1.2.3"], modality="DX")
    assert recognised(tmp_path / "films") is None  # two views are two images


def test_init_names_the_command_and_writes_its_plan_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for n in range(12):
        label = "positive" if n % 2 else "negative"
        folder = f"MURA-v1.1/train/XR_WRIST/patient{n:05}/study1_{label}"
        _film(tmp_path / folder / "image1.png")
    done = plexor("init", tmp_path / "MURA-v1.1")
    assert (done.status, done.err) == (0, "")
    said = " ".join(done.out.split())
    assert f"plexor cohort make mura {tmp_path / 'MURA-v1.1'} --out mura.parquet" in said
    assert (tmp_path / "MURA-v1.1-audit" / "plan.yaml").exists()
