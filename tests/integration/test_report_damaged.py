"""A report of an unfinished or damaged run directory: a page, or one line that says why not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers.runs import plexor
from tests.helpers.shared import made_once

PROBES = (synthetic.probe("pgd", "linf", (1,), settings=synthetic.PGD),)
PGD = "units/pgd-linf-1.parquet"


def _write(folder: Path) -> None:
    synthetic.write(folder, n_cases=20, probes=PROBES)


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    sound = made_once(tmp_path_factory, "small-run", _write)
    shutil.copytree(sound, tmp_path / "run")
    return tmp_path / "run"


def _rows(path: Path, **columns: Any) -> None:
    rows = pd.read_parquet(path)
    rows.assign(**columns).to_parquet(path, index=False)


def _changed(path: Path, **keys: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def _longer(run: Path) -> None:
    rows = pd.read_parquet(run / PGD)
    rows["outputs_after"] = [
        [1.0] if i == 3 else one for i, one in enumerate(rows["outputs_after"])
    ]
    rows.to_parquet(run / PGD, index=False)


def _folder_for_file(run: Path) -> None:
    (run / "provenance.json").unlink()
    (run / "provenance.json").mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a stray copy": (
        lambda run: shutil.copy(run / PGD, run / "units" / "pgd-linf-1 (copy).parquet"),
        "is found more than once, in",
    ),
    "no clean unit": (
        lambda run: (run / "units" / "clean.parquet").unlink(),
        "no untouched image has been judged yet",
    ),
    "no units": (lambda run: shutil.rmtree(run / "units"), "holds no findings"),
    "a column without values": (lambda run: _rows(run / PGD, truth=None), "rows without truth"),
    "a class of another model": (
        lambda run: _rows(run / PGD, decision_after="wart"),
        "findings say 'wart', which a model of akiec,",
    ),
    "an unknown status": (lambda run: _rows(run / PGD, status="lost"), "with the status lost"),
    "other outputs": (_longer, "has 1 outputs_after, others 7"),
    "no Parquet": (lambda run: (run / PGD).write_bytes(b"PAR1"), "is damaged ("),
    "a folder for a file": (
        _folder_for_file,
        "cannot read",
    ),
    "no JSON": (
        lambda run: (run / "provenance.json").write_text('{"model": '),
        "provenance.json is damaged (Expecting value",
    ),
    "JSON of another kind": (
        lambda run: (run / "provenance.json").write_text("[]"),
        "expected a mapping, got list",
    ),
    "a model without a task": (
        lambda run: _changed(run / "provenance.json", model={}),
        "field required at model.task",
    ),
    "no YAML": (lambda run: (run / "plan.yaml").write_text("a: [1"), "plan.yaml is damaged ("),
    "another plan": (
        lambda run: (run / "plan.yaml").write_text("name: other\n"),
        "is not the plan of the findings beside it",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_told_in_one_line(run: Path, name: str) -> None:
    spoil, reason = DAMAGE[name]
    spoil(run)
    assert reason in plexor("report", run).sentence


def test_an_unfinished_run_has_a_page_that_says_so(run: Path) -> None:
    """Stopped within the attack, when only one class has been tried."""
    _changed(run / "provenance.json", finished=False)
    for path in (run / "units").glob("noise*.parquet"):
        path.unlink()
    rows = pd.read_parquet(run / PGD)
    rows[rows["truth"] == "nv"].to_parquet(run / PGD, index=False)
    done = plexor("report", run)
    assert (done.status, done.err) == (0, "")
    page = (run / "report.html").read_text()
    assert "the audit has not finished" in page
    assert "Content-Security-Policy" in page
