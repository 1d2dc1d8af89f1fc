"""Files of a run directory beside its units."""

from __future__ import annotations

from pathlib import Path

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
