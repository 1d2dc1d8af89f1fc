"""Files of a run directory beside its units."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from plexor.core.errors import RunDirectoryError
from plexor.findings import Example, RunDirectory


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
    run.write_unit("unit", [], [])
    with pytest.raises(RunDirectoryError, match="holds a run with another model"):
        run.open(plan, fingerprint | {"model": "n"})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"model": "n"}, "another model; choose another directory with --out"),
        (
            {"model": "n", "images": "j", "python": "3.12"},
            "other images, another model and python 3.11 (this is 3.12); choose another directory",
        ),
        (
            {"python": "3.12"},
            "python 3.11 (this is 3.12); findings of two versions are not mixed",
        ),
    ],
)
def test_another_run_is_refused_with_all_that_differs(
    changed: dict[str, str], told: str, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path)
    plan: dict[str, object] = {"seed": 1}
    fingerprint = {"images": "i", "model": "m", "python": "3.11"}
    run.open(plan, fingerprint)
    run.check(plan, fingerprint | changed)  # nothing was found yet
    run.write_unit("unit", [], [])
    with pytest.raises(RunDirectoryError, match=re.escape(told)):
        run.check(plan, fingerprint | changed)


@pytest.mark.parametrize(
    "name", ["units/a.parquet", "artifacts/a.json", "artifacts/examples/index.json", "notes.txt"]
)
def test_a_run_without_any_result_is_replaced_and_one_with_is_kept(
    name: str, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path)
    old, new, versions = {"seed": 1}, {"seed": 2}, {"model": "m"}
    run.open(dict(old), versions)
    run.write_provenance({"finished": False})
    run.write_record({"sessions": []})
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / ".b.parquet.partial").touch()
    run.open(dict(new), versions)
    assert run.plan() == new
    assert not run.has_provenance()
    assert run.record() == {}
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(RunDirectoryError, match="holds a run with another plan"):
        run.open(dict(old), versions)
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("at", range(1, 6))
@pytest.mark.parametrize("then", [{"seed": 1}, {"seed": 2}])
def test_a_replacement_that_was_killed_can_be_begun_by_either_plan(
    at: int, then: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its first change of a file, the second, and so on."""
    run = RunDirectory(tmp_path)
    run.open({"seed": 1}, {"model": "m"})
    run.write_provenance({"finished": False})
    steps = itertools.count(1)

    def dying(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*args: object, **options: object) -> object:
            if next(steps) == at:
                raise KeyboardInterrupt
            return change(*args, **options)

        return changed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dying(Path.unlink))
        patch.setattr(Path, "replace", dying(Path.replace))
        with pytest.raises(KeyboardInterrupt):
            run.open({"seed": 2}, {"model": "m"})
    run.open(dict(then), {"model": "m"})
    assert run.plan() == then


def test_an_example_is_kept_with_all_its_parts(tmp_path: Path) -> None:
    parts = {"original": b"o", "perturbed": b"p", "labels": b"l", "by_position": b"b"}
    whole = Example(case_id="a/1", probe="pgd-linf-2", suffix=".png", **parts)
    bare = replace(whole, case_id="b", labels=b"", by_position=b"")
    RunDirectory(tmp_path).write_unit("unit", [], [whole, bare])
    found = {one.case_id: one for one in RunDirectory(tmp_path).examples()}
    assert found.keys() == {"a/1", "b"}
    for name, content in parts.items():
        assert getattr(found["a/1"], name).read_bytes() == content
    assert found["b"].labels is None
    assert found["b"].by_position is None
