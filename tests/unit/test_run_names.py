"""Names of a run directory's files."""

from __future__ import annotations

from pathlib import Path

from plexor.findings import RunDirectory


def test_ids_with_long_names_of_classes_are_kept_apart(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    long = "pgd-to-" + "肺炎" * 100
    ids = [f"{long}-1", f"{long}-2", f"{long} x/../y-2", "pgd-to-a/../b"]
    for number, unit in enumerate(ids):
        assert not run.has_unit(unit)
        run.write_unit(unit, [], [])
        assert run.has_unit(unit)
        files = list((tmp_path / "units").iterdir())
        assert len(files) == number + 1
        assert all(len(file.name.encode()) <= 255 for file in files)
    assert not list(tmp_path.glob("*.parquet"))
