"""Volumes packed into a page: what the script unpacks is what was stored, within the limit."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.helpers import volume_run

from plexor.report import volumes as viewer
from plexor.report.comparator import comparator
from plexor.report.pictures import Pictures
from plexor.report.volumes import Volumes, room_beside


def shown(path: Path, room: float, **made: Any) -> Volumes:
    run = volume_run.write(path, **made)
    summary, findings = run.summarise(), run.findings()
    return viewer.volumes(run, summary, comparator(run, summary, findings, Pictures()), room=room)


def unpacked(text: str, dtype: str, size: list[int]) -> NDArray[Any]:
    """As the page's script does: low bytes first, then high ones, x fastest."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    width = np.dtype(dtype).itemsize
    codes = planes.reshape(width, -1).T.copy().view(dtype).ravel()
    return codes.reshape(size, order="F").astype(float)


@pytest.mark.parametrize("dtype", ["int16", "uint8"])
def test_whole_numbers_and_changes_are_packed_exactly_and_upright(
    tmp_path: Path, dtype: str
) -> None:
    found = shown(tmp_path, 1e6, dtype=dtype, to_left=True)
    original, perturbed = volume_run.pixels(dtype)
    (case, *_) = found.cases
    packed = case.data
    assert packed["size"] == list(original.shape)
    assert packed["upright"]
    values = packed["low"] + packed["step"] * unpacked(packed["data"], "<u2", packed["size"])
    np.testing.assert_array_equal(values, original[::-1])  # the file's first axis runs to the left
    (change,) = packed["changes"]
    moved = change["step"] * unpacked(change["data"], "i1", packed["size"])
    np.testing.assert_array_equal(moved, (perturbed.astype(float) - original)[::-1])
    assert change["reach"] == 3.0
    assert not found.note


def test_floats_are_packed_within_half_a_step(tmp_path: Path) -> None:
    (case, *_) = shown(tmp_path, 1e6, dtype="float32").cases
    original, perturbed = volume_run.pixels("float32")
    packed = case.data
    values = packed["low"] + packed["step"] * unpacked(packed["data"], "<u2", packed["size"])
    assert np.abs(values - original).max() <= 0.5001 * np.ptp(original) / 65535
    (change,) = packed["changes"]
    moved = change["step"] * unpacked(change["data"], "i1", packed["size"])
    assert np.abs(moved - (perturbed - original)).max() <= 0.5001 * change["reach"] / 127


def test_a_volume_that_is_too_large_leaves_voxels_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "MOST_CHARACTERS", 1_000)
    (case,) = shown(tmp_path, 1_000, dtype="int16", n_cases=1).cases
    original, _ = volume_run.pixels("int16")
    packed = case.data
    assert packed["size"][0] < original.shape[0]
    every = round(packed["spacing"][0] / volume_run.SPACING[0])
    values = packed["low"] + packed["step"] * unpacked(packed["data"], "<u2", packed["size"])
    np.testing.assert_array_equal(values, original[::every, ::every, ::every])
    assert f"One voxel in {every} along each axis" in case.note
    assert len(packed["data"]) + len(packed["changes"][0]["data"]) <= 1_000


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    whole = shown(tmp_path / "whole", 1e9, dtype="int16", n_cases=2)
    first = whole.cases[0].data
    size = len(first["data"]) + len(first["changes"][0]["data"])
    found = shown(tmp_path / "cut", size, dtype="int16", n_cases=2)
    assert (len(whole.cases), len(found.cases)) == (2, 1)
    assert found.note.startswith("1 further change would make this page too large")


def test_without_a_grid_no_side_is_named(tmp_path: Path) -> None:
    (case, *_) = shown(tmp_path, 1e6, dtype="int16", placed=False).cases
    assert not case.data["upright"]
    assert "no side is named" in case.note


def test_a_page_of_one_file_has_no_limit() -> None:
    assert room_beside(5.0, float("inf")) == float("inf")
    assert room_beside(100.0, 1_000.0) == viewer.MOST_CHARACTERS + 900
