"""Maps over a volume in a study's page: which way up, which voxel, and damaged files."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from plexor.cases.formats import decode_image
from plexor.core.errors import RunDirectoryError
from plexor.findings.study_file import StudyMaps, StudyResult
from plexor.report.pictures import Pictures
from plexor.report.study_maps import planes, study_maps


def result(file: str = "arm/attention.npz") -> StudyResult:
    maps = StudyMaps(title="hybrid", text="Look.", file=file, shown={"before": "untouched"})
    return StudyResult(
        plexor="0", name="n", title="t", citation="c", question="q", design="d", scale="smoke",
        setting="s", departures=(), rows=(), arms=(), tables=(), limits=(), maps=(maps,),
    )  # fmt: skip


def test_planes_are_upright_and_pass_through_the_voxel() -> None:
    volume = np.arange(2 * 3 * 4, dtype=float).reshape(2, 3, 4)  # right, anterior, superior
    found = planes(volume, (1, 2, 3))
    gap = np.zeros((4, 2))
    axial = np.pad(volume[:, ::-1, 3].T, ((0, 1), (0, 0)))  # anterior above, right on the right
    coronal, sagittal = volume[:, 2, ::-1].T, volume[1, :, ::-1].T  # superior above
    np.testing.assert_array_equal(found, np.hstack([axial, gap, coronal, gap, sagittal]))


def test_what_the_map_marks_is_coloured_and_the_rest_is_grey(tmp_path: Path) -> None:
    volume = np.zeros((13, 13, 13), np.float32)
    volume[3:10, 3:10, 3:10] = 100
    before = np.zeros_like(volume)
    before[7, 6, 6] = 1.0  # to the right of the middle
    (tmp_path / "arm").mkdir()
    np.savez(tmp_path / "arm" / "attention.npz", volume=volume, before=before)
    (shown,) = study_maps(tmp_path, result(), Pictures())
    scan, untouched = shown.pictures
    assert (scan.words, untouched.words) == ("the scan", "untouched")
    assert (untouched.width, untouched.height) == (3 * (3 * 11 + 2 * 2), 3 * 11)
    pixels = decode_image(
        base64.b64decode(untouched.placed.source.partition(",")[2]), "map"
    ).pixels.astype(int)
    spread = np.ptp(pixels, axis=0)  # of the three colours
    rows, columns = np.nonzero(spread)
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {
        (5, 6),  # axial: of 11 rows the middle one, and the column right of the middle
        (5, 11 + 2 + 6),  # coronal
    }  # the sagittal slice is the middle one, which the mark is not in


def test_a_missing_or_damaged_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no maps of attention"):
        study_maps(tmp_path, result(), Pictures())
    (tmp_path / "arm").mkdir()
    (tmp_path / "arm" / "attention.npz").write_bytes(b"PK\x03\x04 not all of it")
    with pytest.raises(RunDirectoryError, match="run the study again"):
        study_maps(tmp_path, result(), Pictures())
    np.savez(tmp_path / "arm" / "attention.npz", volume=np.ones((2, 2, 2)), before=np.ones(3))
    with pytest.raises(RunDirectoryError, match="not of one volume"):
        study_maps(tmp_path, result(), Pictures())
