"""Outcomes of required conditions for CI: JUnit XML, and GitHub's annotations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree as ET

import typer

from plexor.cli.output import console
from plexor.core.files import write_atomic

Junit = Annotated[
    Path | None,
    typer.Option(help="JUnit XML file to write, with a test for each required condition."),
]
Outcomes = Mapping[str, tuple[str, str]]
"""Condition → its outcome and a sentence on it. Outcomes: "met", "not met", "no answer"."""


def write_junit(path: Path, suite: str, outcomes: Outcomes) -> None:
    """Writes a JUnit file with a test for each condition.

    A condition that does not hold is a failure, one without an answer an error.

    Args:
        path: the file.
        suite: name of the suite, e.g. the run directory.
        outcomes: of each condition.

    Raises:
        RunDirectoryError: the file cannot be written.
    """
    failures, errors = (
        sum(outcome == kind for outcome, _ in outcomes.values())
        for kind in ("not met", "no answer")
    )
    root = ET.Element(
        "testsuite",
        name=_printable(suite),
        tests=str(len(outcomes)),
        failures=str(failures),
        errors=str(errors),
    )
    for condition, (outcome, said) in outcomes.items():
        case = ET.SubElement(
            root, "testcase", classname="plexor.require", name=_printable(condition)
        )
        if outcome != "met":
            kind = "failure" if outcome == "not met" else "error"
            part = ET.SubElement(case, kind, message=_printable(said))
            part.text = _printable(said)
    ET.indent(root)
    write_atomic(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def report_outcomes(
    junit: Path | None, suite: str, outcomes: Outcomes, *, quiet: bool = False
) -> None:
    """Writes the JUnit file where one is asked for, and prints annotations within GitHub Actions.

    Args:
        junit: the file; None for none.
        suite: see ``write_junit``.
        outcomes: see ``write_junit``.
        quiet: print nothing, because the output is JSON.
    """
    if junit is not None:
        write_junit(junit, suite, outcomes)
    for line in () if quiet else annotation_lines(outcomes):
        console.print(line)


def annotation_lines(outcomes: Outcomes) -> list[str]:
    """Lines that GitHub Actions shows beside a run; none elsewhere."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    return [
        f"::error title={_property(f'plexor: {outcome}')}::{_data(said)}"
        for outcome, said in outcomes.values()
        if outcome != "met"
    ]


def _data(text: str) -> str:
    """Escaped as GitHub's runner reads it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _printable(text: str) -> str:
    """Without the characters that XML does not allow."""
    return "".join(one if one.isprintable() or one in "\n\t" else repr(one)[1:-1] for one in text)
