"""What a command prints while it works."""

from __future__ import annotations

import pytest

from plexor.audits import Progress
from plexor.cli.output import stepping


def test_lines_say_what_is_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plexor.cli.output._QUIET_SECONDS", -1.0)
    with stepping("audit", unit="cases") as advance:
        advance(3, 10, "fitting", unit="batches")
        advance(4, 10, "fitting")
        advance(2, 40, "pgd", unit="cases")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "audit: 3 of 10 batches; fitting",
        "audit: 4 of 10 batches",
        "audit: 2 of 40 cases; pgd",
    ]


def test_a_bar_says_what_is_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with stepping("audit", unit="cases") as advance:
        advance(3, 10, "fitting", unit="batches")
    shown = capsys.readouterr().err
    assert "batches" in shown
    assert "audit: fitting" in shown


def test_an_audit_counts_one_thing_after_another() -> None:
    def unit(stage: str) -> str:
        return Progress(probe="", done=0, total=1, resumed=0, stage=stage).unit  # type: ignore[arg-type]

    assert [unit(stage) for stage in ("read", "fit", "audit")] == [
        "images",
        "batches",
        "case-probes",
    ]
