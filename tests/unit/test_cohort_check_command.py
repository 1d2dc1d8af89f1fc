"""``plexor cohort check``: its exit status, and consoles that lack characters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from plexor.cases import check_cohort

NIFTI_1: Any = nib.Nifti1Image


def _cohort(folder: Path, labels: tuple[str, str] = ("a", "b"), groups: str = "") -> Path:
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    header = "path,label,group\n" if groups else "path,label\n"
    rows = [
        f"{i}.png,{label}" + (f",{groups[i]}" if groups else "") for i, label in enumerate(labels)
    ]
    (folder / "m.csv").write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    return folder / "m.csv"


def _run(*arguments: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    code = "from plexor.cli.app import main; main()"
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", code, "cohort", "check", *arguments]
    return subprocess.run(command, capture_output=True, check=False, env=environment)


def test_warnings_alone_are_no_failure_unless_asked_for(tmp_path: Path) -> None:
    manifest = str(_cohort(tmp_path))
    warned = _run(manifest)
    assert b"group-unknown" in warned.stdout
    assert warned.returncode == 0
    assert _run(manifest, "--strict").returncode == 1
    sound = str(_cohort(tmp_path, groups="pq"))
    assert _run(sound, "--strict").returncode == 0
    (tmp_path / "0.png").write_bytes(b"")
    assert _run(sound).returncode == 1


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "utf-8"])
def test_names_that_a_console_cannot_show_are_escaped(encoding: str, tmp_path: Path) -> None:
    done = _run(str(_cohort(tmp_path, labels=("肺炎", "正常"))), encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    shown = "肺炎" if encoding == "utf-8" else "\\u80ba\\u708e"
    assert shown in done.stdout.decode(encoding)


def test_errors_are_shown_on_any_console_too(tmp_path: Path) -> None:
    done = _run(str(tmp_path / "肺.csv"), encoding="ascii")
    assert done.returncode == 2
    assert b"\\u80ba.csv: cannot be read" in done.stderr.replace(b"\n", b"")


def test_mixed_orientation_and_spacing_are_told(tmp_path: Path) -> None:
    rows = []
    for k in range(4):
        affine = np.eye(4) if k % 2 == 0 else np.diag([-1.0, -1, 3, 1])
        voxels = np.random.default_rng(k).integers(0, 900, (8, 8, 8)).astype(np.int16)
        volume: Any = NIFTI_1(voxels, affine)
        volume.to_filename(tmp_path / f"{k}.nii.gz")
        rows.append(f"{k}.nii.gz,{'ab'[k // 2]},g{k}")
    (tmp_path / "m.csv").write_text("path,label,group\n" + "\n".join(rows) + "\n")
    report = check_cohort(tmp_path / "m.csv")
    assert [problem.id for problem in report.problems] == ["orientations-mixed", "spacings-mixed"]
    assert "RAS (2), LPS (2)" in report.problems[0].message
    assert "1 × 1 × 1 (2), 1 × 1 × 3 (2)" in report.problems[1].message
    assert {problem.where for problem in report.problems} == {"1.nii.gz, 3.nii.gz"}
    assert report.usable


def test_volumes_without_an_orientation_are_named(tmp_path: Path) -> None:
    rows = []
    for k in range(3):
        voxels = np.random.default_rng(k).integers(0, 900, (8, 8, 8)).astype(np.int16)
        volume: Any = NIFTI_1(voxels, np.eye(4))
        if k == 1:
            volume.set_sform(None, 0)
            volume.set_qform(None, 0)
        volume.to_filename(tmp_path / f"{k}.nii.gz")
        rows.append(f"{k}.nii.gz,{30 + k},g{k}")
    (tmp_path / "m.csv").write_text("path,label,group\n" + "\n".join(rows) + "\n")
    (problem,) = check_cohort(tmp_path / "m.csv", truth="number").problems
    assert (problem.id, problem.where) == ("orientation-unknown", "1.nii.gz")
    assert problem.message.startswith("1 of 3 volumes do not say where")
