"""An audit that was stopped, however it was stopped, ends as one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.helpers.runs import LINF_2, Setup
from tests.helpers.shared import made_once

from plexor.findings import RunDirectory

ROOT = Path(__file__).parents[2]
PROBES = [
    LINF_2 | {"threat": {"norm": "linf", "radius": [1, 2]}},
    {"attack": "fgsm", "threat": {"norm": "l2", "radius": 50}},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """What ``tests.helpers.killed`` told, and the folder of its runs."""

    folder: Path
    told: dict[str, Any]

    @property
    def whole(self) -> Path:
        """The run that nothing interrupted."""
        return self.folder / "whole"


@pytest.fixture(scope="module")
def stopped(lesions: Setup, tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    """A plan of 21 units, carried out many times, in children of a process of their own."""
    plan = json.dumps(
        {
            "cohort": {"manifest": str(lesions.manifest), "audit": None},
            "model": {"weights": str(lesions.weights)},
            "probes": PROBES,
            "unit_size": 16,
            "n_examples": 2,
        }
    )

    def make(folder: Path) -> None:
        (folder / "plan.yaml").write_text(plan)
        done = subprocess.run(
            [sys.executable, "-m", "tests.helpers.killed", folder / "plan.yaml", folder],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (folder / "told.json").write_text(done.stdout.splitlines()[-1])

    folder = made_once(tmp_path_factory, "killed", make)
    return Stopped(folder=folder, told=json.loads((folder / "told.json").read_text()))


def contents(run: Path) -> dict[str, bytes]:
    """Every file that counts: not the lock, what a killed write left, or the record of dates."""
    return {
        str(file.relative_to(run)): file.read_bytes()
        for file in run.rglob("*")
        if file.is_file() and not file.name.startswith(".") and file.name != "record.json"
    }


def assert_same(run: Path, whole: Path) -> None:
    """Byte for byte; a report that only ``run`` has is no difference."""
    found, expected = contents(run), contents(whole)
    assert {name: found.get(name) for name in expected} == expected
    assert found.keys() - expected.keys() <= {"report.html", "summary.json"}


def test_twenty_kills_at_random_moments(stopped: Stopped) -> None:
    told = stopped.told["random"]
    at_kill, n_units = told["n_units_at_kill"], told["n_units"]
    assert len(at_kill) == 20
    assert n_units == 21
    assert sum(0 < n < n_units for n in at_kill) >= 3  # else nothing was put to the test
    findings = RunDirectory(stopped.whole).findings()
    assert len(findings) == 48 * 7
    for number in range(told["n_runs"]):
        run = stopped.folder / f"killed-{number}"
        assert_same(run, stopped.whole)
        pd.testing.assert_frame_equal(RunDirectory(run).findings(), findings, check_exact=True)


def test_a_kill_in_the_midst_of_each_write(stopped: Stopped) -> None:
    told, run = stopped.told["write"], stopped.folder / "killed-writing"
    assert told["n_starts"] > 8
    halves = [file for file in run.rglob(".*") if file.is_file() and file.name != ".lock"]
    assert halves == []  # each kill left half a file, which the next start cleared
    assert_same(run, stopped.whole)


def test_ctrl_c_says_how_to_go_on(stopped: Stopped) -> None:
    told, run = stopped.told["keyboard"], stopped.folder / "interrupted"
    assert told["status"] == 130
    assert told["said"].splitlines()[-1] == "stopped; run the same command again to resume"
    assert "Traceback" not in told["said"]
    assert 0 < told["n_units"] < 21
    assert told["status_again"] == 0
    assert (run / "report.html").exists()
    assert_same(run, stopped.whole)
