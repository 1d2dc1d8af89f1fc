"""The catalogues that the command line prints, and what a shell offers to complete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer.core
from tests.helpers.runs import plexor
from tests.helpers.two_runs import write

from plexor.attacks import CATALOGUE
from plexor.cli import completion
from plexor.findings.flags.catalogue import FLAG_KINDS
from plexor.models.architectures import ARCHITECTURES, WITH_FEATURES
from plexor.shortcuts import LISTED
from plexor.studies import STUDIES

NAMES = {
    ("flags",): [kind.id for kind in FLAG_KINDS],
    ("architectures",): [*ARCHITECTURES, *WITH_FEATURES],
    ("shortcuts", "list"): list(LISTED),
    ("study", "list"): list(STUDIES),
    ("attacks",): list(CATALOGUE),
}


@pytest.mark.parametrize("command", NAMES, ids=" ".join)
def test_a_list_has_everything_within_80_columns(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = plexor(*command).out.splitlines()
    for name in NAMES[command]:
        assert any(name in line for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", NAMES, ids=" ".join)
def test_json_names_the_same(command: tuple[str, ...]) -> None:
    rows = json.loads(plexor(*command, "--json").out)
    assert [row.get("name") or row["id"] for row in rows] == NAMES[command]
    assert all(len(row) > 1 for row in rows)


def test_one_flag_says_when_why_and_what_to_do() -> None:
    (kind,) = [kind for kind in FLAG_KINDS if kind.id == "zero-gradients"]
    said = plexor("flags", "zero-gradients").out
    assert all(text in said for text in (kind.title, kind.raised_if, kind.why, kind.what_to_do))


def test_one_shortcut_shows_its_options() -> None:
    said = plexor("shortcuts", "list", "ruler").out
    assert "ticks" in said
    assert "- shortcut: ruler" in said


@pytest.mark.parametrize("command", [("flags", "zero-gradient"), ("shortcuts", "list", "rular")])
def test_an_unknown_name_is_refused_with_the_closest(command: tuple[str, ...]) -> None:
    assert "did you mean" in plexor(*command).sentence


def test_what_begins_so_is_offered() -> None:
    assert [name for name, _ in completion.attack_names("pgd")] == ["pgd"]
    assert [name for name, _ in completion.study_names("li")] == ["li2020"]
    assert [name for name, _ in completion.architecture_names("small-u")] == ["small-unet"]
    assert [name for name, _ in completion.shortcut_names("ru")] == ["ruler"]
    assert ("zero-gradients", "The gradient is zero") in completion.flag_ids("zero")
    assert [name for name, _ in completion.norms("l")] == ["linf", "l2", "l1", "l0"]
    assert [name for name, _ in completion.task_names("mult")] == ["multiclass", "multilabel"]


def test_probes_of_the_run_that_was_named(tmp_path: Path) -> None:
    write(tmp_path / "run", {"clean": ["a", "b"], "pgd-linf-2": ["b", "b"]}, truth=["a", "b"])
    context = typer.Context(typer.core.TyperCommand("draw"))
    assert completion.probe_ids(context, "") == []
    context.params["run"] = tmp_path / "run"
    assert [name for name, _ in completion.probe_ids(context, "pgd")] == ["pgd-linf-2"]
    context.params["run"] = Path("nothing-here")
    assert completion.probe_ids(context, "") == []
