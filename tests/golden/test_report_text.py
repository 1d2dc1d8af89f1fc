"""The report of a fixed synthetic audit, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers import task_run
from tests.helpers.golden import assert_golden
from tests.helpers.page import Page

from plexor.findings import Finding
from plexor.report import build_report

HERE = Path(__file__).parent / "report"
PROBES = (
    synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),
    synthetic.probe("pgd", "l2", (100,), target="nv", settings=synthetic.PGD),
)


@pytest.mark.parametrize("name", ["finished", "stopped"])
def test_the_text_of_a_report(tmp_path: Path, name: str) -> None:
    run = synthetic.write(tmp_path, n_cases=60, seed=11, probes=PROBES)
    if name == "stopped":
        run.write_provenance(synthetic.provenance(finished=False))
    text = Page(build_report(run)).text
    assert_golden(HERE / f"{name}.txt", text)


def test_the_text_of_a_report_of_shortcuts(tmp_path: Path) -> None:
    ink = synthetic.shortcut("ink", {"radius": 0.44, "width": 0.06}, named="pen")
    probes = (synthetic.shortcut("ruler", {"side": "left", "ticks": 20}), ink)
    run = synthetic.write(tmp_path, n_cases=60, seed=11, probes=probes)
    assert_golden(HERE / "shortcuts.txt", Page(build_report(run)).text)


@pytest.mark.parametrize(
    ("name", "task", "goal", "rows"),
    [
        ("findings", task_run.FINDINGS, task_run.HIDE, task_run.several()),
        ("outlines", task_run.OUTLINES, task_run.LOWER, task_run.outlines()),
        ("number", task_run.AGE, task_run.DEVIATE, task_run.numbers("deviate")),
    ],
)
def test_the_text_of_a_report_of_another_task(
    tmp_path: Path, name: str, task: dict[str, Any], goal: dict[str, Any], rows: list[Finding]
) -> None:
    run = task_run.write(tmp_path, task, goal, rows)
    assert_golden(HERE / f"{name}.txt", Page(build_report(run)).text)
