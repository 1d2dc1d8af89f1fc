"""What the command line offers: its commands, arguments and options, each with its help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.helpers.golden import assert_golden
from tests.helpers.runs import plexor

from plexor.cli.app import app

GOLDEN = Path(__file__).parent / "cli_help.txt"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group, with the words that call it."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def spelled(parameter: Any) -> str:
    """An argument as METAVAR, an option with all its names."""
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return " / ".join([*parameter.opts, *parameter.secondary_opts])


def test_commands_and_options_are_those_known() -> None:
    lines = []
    for path, command in ALL.items():
        lines.append(" ".join(("plexor", *path)))
        lines += [f"  {spelled(parameter)}" for parameter in command.params]
    assert_golden(GOLDEN, "\n".join(lines) + "\n")


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "plexor")
def test_help_shows_and_explains_everything(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    shown = plexor(*path, "--help")
    assert (shown.status, shown.err) == (0, "")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.out)
    text = " ".join(re.sub(r"[^\x20-\x7e×–]", " ", plain).split())  # without boxes
    command = ALL[path]
    assert command.help
    assert command.help.split("\n")[0][:40] in text
    for parameter in command.params:
        assert parameter.help, spelled(parameter)
        assert parameter.help.split()[0] in text
        for name in parameter.opts:
            assert (name if name.startswith("-") else name.upper()).lower() in text.lower()
    for name in getattr(command, "commands", {}):
        assert name in text


def test_a_word_that_is_no_command() -> None:
    wrong = plexor("adit")
    assert wrong.status == 2
    assert "No such command 'adit'" in wrong.err
    assert "Traceback" not in wrong.err
