"""The script that compares two run directories."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from plexor.findings import Finding, RunDirectory

SCRIPT = Path(__file__).parents[2] / "scripts" / "same_findings.py"
ROW = Finding(
    case_id="a", group="g", truth="x", probe="clean", stored="lossless", outputs_after=(0.25, 1.0)
)
ROWS = [ROW, dataclasses.replace(ROW, case_id="b")]


def run_of(path: Path, rows: list[Finding], *, unit_size: int) -> Path:
    run = RunDirectory(path)
    run.open({}, {})
    for start in range(0, len(rows), unit_size):
        run.write_unit(f"{path.name}-{start}", rows[start : start + unit_size], [])
    return path


def compared(*folders: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, folders)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_units_and_their_order_do_not_matter(tmp_path: Path) -> None:
    one = run_of(tmp_path / "one", ROWS, unit_size=2)
    other = run_of(tmp_path / "other", ROWS[::-1], unit_size=1)
    done = compared(one, other)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{one}: 2 rows; clean 2", f"{other}: 2 rows; clean 2", "the same findings",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS[:1], "only in the first: clean lossless b"),
        ([*ROWS, dataclasses.replace(ROW, case_id="c")], "only in the second: clean lossless c"),
        (
            [ROW, dataclasses.replace(ROWS[1], outputs_after=(0.25, 1.0000001))],
            "clean lossless b differs in outputs_after",
        ),
    ],
)
def test_one_row_or_one_bit_is_told(rows: list[Finding], said: str, tmp_path: Path) -> None:
    done = compared(
        run_of(tmp_path / "one", ROWS, unit_size=2), run_of(tmp_path / "other", rows, unit_size=2)
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[2:] == [said, "1 rows differ"]


def test_a_folder_without_findings_is_an_error(tmp_path: Path) -> None:
    done = compared(tmp_path, tmp_path)
    assert done.returncode == 2
    assert "holds no findings" in done.stderr
