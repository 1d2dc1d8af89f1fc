"""A first try on some cases: ``plexor audit --limit``."""

from __future__ import annotations

import pytest
from tests.helpers.runs import Setup, plexor

from plexor.findings import RunDirectory


def test_a_limited_audit_takes_some_cases_of_every_class(
    few: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(few.folder)
    done = plexor("audit", few.plan, "--limit", 6, "--set", "name=A first try")
    assert (done.status, done.err.count("error")) == (0, 0)
    run = RunDirectory(few.folder / "runs" / "plan-limit-6")
    clean = run.findings().query("probe == 'clean'")
    assert len(clean) == 6
    assert clean["truth"].nunique() == 3
    assert run.summary().name == "A first try"
