"""Files of a run directory beside its units."""

from __future__ import annotations

from pathlib import Path

import pytest

from plexor.core.errors import RunDirectoryError
from plexor.findings import RunDirectory


def test_pictures_replace_those_of_an_earlier_report(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write_pictures("cases", {"a.png": b"first", "b.png": b"second"})
    (tmp_path / "cases" / "notes.txt").write_text("kept")
    run.write_pictures("cases", {"b.png": b"third"})
    found = {path.name: path.read_bytes() for path in (tmp_path / "cases").iterdir()}
    assert found == {"b.png": b"third", "notes.txt": b"kept"}


def test_no_folder_is_made_without_a_picture(tmp_path: Path) -> None:
    RunDirectory(tmp_path / "run").write_pictures("cases", {})
    assert not (tmp_path / "run").exists()


def test_a_plan_is_written_in_its_own_order_and_stays(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    plan: dict[str, object] = {"seed": 1, "cohort": {"root": "b", "manifest": "a"}}
    fingerprint = {"cohort": "c", "images": "i", "model": "m", "python": "3.11"}
    run.open(plan, fingerprint)
    written = (tmp_path / "plan.yaml").read_text()
    assert written == "seed: 1\ncohort:\n  root: b\n  manifest: a\n"
    run.open(dict(reversed(plan.items())), fingerprint)
    assert (tmp_path / "plan.yaml").read_text() == written
    with pytest.raises(RunDirectoryError, match="holds a run with another model"):
        run.open(plan, fingerprint | {"model": "n"})
