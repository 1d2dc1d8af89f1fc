"""A folder of phantoms is a cohort like any other, in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plexor.cases import load_cohort, read_image
from plexor.cases.phantoms import (
    BrainConfig,
    LesionConfig,
    RadiographConfig,
    write_phantoms,
)
from plexor.core.errors import PlanError
from plexor.core.ids import digest_file

SMALL_BRAIN = BrainConfig(shape=(20, 24, 20), spacing_mm=9.0)
COHORTS = [
    ("radiograph", "png", RadiographConfig(height=48, width=56)),
    ("radiograph", "dicom", RadiographConfig(height=48, width=56, bits=12)),
    ("radiograph", "dicom-monochrome1", RadiographConfig(height=49, width=57)),
    ("lesion", "jpeg", LesionConfig(height=48, width=64)),
    ("lesion", "png", LesionConfig(height=48, width=64)),
    ("brain", "nifti", SMALL_BRAIN),
]


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}


@pytest.mark.parametrize(("kind", "file_format", "config"), COHORTS)
def test_is_a_cohort_and_the_same_bytes_again(
    kind: Any, file_format: str, config: Any, tmp_path: Path
) -> None:
    def write(name: str, n_cases: int, seed: int) -> Path:
        return write_phantoms(
            kind,
            tmp_path / name,
            n_cases=n_cases,
            seed=seed,
            file_format=file_format,
            config=config,
        )

    manifest = write("one", 24, 3)
    # This refuses groups that are cut, and files that are missing.
    cohort = load_cohort(manifest, truth="number" if kind == "brain" else "class")
    assert len(cohort) == 24
    assert cohort.splits == ("test", "train", "validation")
    assert len({case.group for case in cohort.cases}) == 12
    shapes = {read_image(case.path).pixels.shape for case in cohort.cases}
    assert len(shapes) == 1

    write("two", 24, 3)
    write("fewer", 7, 3)
    write("other", 7, 4)
    one, fewer = hashes(tmp_path / "one"), hashes(tmp_path / "fewer")
    assert one == hashes(tmp_path / "two")
    images = {path for path in fewer if path != "manifest.csv"}
    assert len(images) == 7
    assert all(fewer[path] == one[path] for path in images)
    assert not set(hashes(tmp_path / "other").values()) & set(one.values())


def test_each_class_is_in_each_split(tmp_path: Path) -> None:
    config = LesionConfig(height=40, width=40)
    manifest = write_phantoms("lesion", tmp_path, n_cases=30, seed=0, config=config)
    cohort = load_cohort(manifest)
    found = {(case.truth, case.split) for case in cohort.cases}
    assert len(found) == 9


def test_lossless_formats_hold_the_same_picture(tmp_path: Path) -> None:
    config = RadiographConfig(height=48, width=48, bits=12)
    stored = {}
    for name in ("png", "dicom", "dicom-monochrome1"):
        folder = tmp_path / name
        manifest = write_phantoms(
            "radiograph", folder, n_cases=2, seed=1, config=config, file_format=name
        )
        stored[name] = [read_image(case.path) for case in load_cohort(manifest).cases]
    for png, plain, inverted in zip(*stored.values(), strict=True):
        np.testing.assert_array_equal(plain.pixels, png.pixels)
        np.testing.assert_array_equal(inverted.pixels, 4095 - png.pixels)
        assert plain.intensity.high == inverted.intensity.high == 4095
        values = [
            image.intensity.slope * image.pixels + image.intensity.intercept
            for image in (plain, inverted)
        ]
        np.testing.assert_array_equal(*values)
        assert plain.spacing_mm == pytest.approx((400 / 48, 400 / 48))


def test_dicom_says_what_a_viewer_needs(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    manifest = write_phantoms("radiograph", tmp_path, n_cases=4, seed=1, file_format="dicom")
    read = [pydicom.dcmread(case.path) for case in load_cohort(manifest).cases]
    assert [data.PatientID for data in read] == ["patient-0001"] * 2 + ["patient-0002"] * 2
    assert len({data.SOPInstanceUID for data in read}) == 4
    assert len({data.StudyInstanceUID for data in read}) == 2
    for data in read:
        assert (data.BitsAllocated, data.BitsStored, data.HighBit) == (16, 12, 11)
        assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID
        assert data.PhotometricInterpretation == "MONOCHROME2"
        assert all(uid.is_valid for uid in (data.SOPInstanceUID, data.SeriesInstanceUID))


def test_nifti_is_upright(tmp_path: Path) -> None:
    nib = pytest.importorskip("nibabel")
    manifest = write_phantoms("brain", tmp_path, n_cases=1, seed=1, config=SMALL_BRAIN)
    [case] = load_cohort(manifest, truth="number").cases
    volume = nib.load(case.path)
    assert nib.aff2axcodes(volume.affine) == ("R", "A", "S")
    middle = volume.affine @ [9.5, 11.5, 9.5, 1]
    np.testing.assert_allclose(middle, [0, 0, 0, 1], atol=1e-9)
    assert 20 <= float(case.truth) <= 90
    assert float(str(case.metadata["intracranial_ml"])) > 1000


def test_a_film_must_have_room_for_its_marker() -> None:
    with pytest.raises(PlanError, match="at least 32"):
        RadiographConfig(height=31)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "lesions"}, "did you mean 'lesion'"),
        ({"file_format": "gif"}, "unknown format 'gif'"),
        ({"config": LesionConfig()}, "needs a RadiographConfig, got LesionConfig"),
        ({"n_cases": 0}, "at least 1"),
    ],
)
def test_refuses_what_makes_no_sense(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    default: dict[str, Any] = {"kind": "radiograph", "n_cases": 2, "seed": 0}
    with pytest.raises(PlanError, match=message):
        write_phantoms(directory=tmp_path / "out", **(default | arguments))
    assert not (tmp_path / "out").exists()
