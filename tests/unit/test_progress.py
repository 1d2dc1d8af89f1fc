"""What is shown while something long runs, and the time that it says is left."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any

import pytest

from plexor.audits import Progress
from plexor.audits.pace import Pace, part_by_part
from plexor.audits.run import _told
from plexor.core import progress
from plexor.core.progress import stepping


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress, "time", found)
    return found


def test_a_line_a_minute_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    with stepping("audit", unit="cases") as advance:
        for done in range(1, 11):
            advance(done, 20, "pgd")
            clock.now += 20
        advance(2, 40, "cw", unit="batches", seconds_left=math.nan)
        clock.now += 60
        advance(4, 40, "cw", seconds_left=600)
        advance(40, 40, "cw")
    assert capsys.readouterr().err.splitlines() == [
        "audit: 1 of 20 cases; pgd",
        "audit: 4 of 20 cases, 5 min left; pgd",
        "audit: 7 of 20 cases, 4 min left; pgd",
        "audit: 10 of 20 cases, 3 min left; pgd",
        "audit: 4 of 40 batches, 10 min left; cw",
        "audit: 40 of 40 batches, 0 min left; cw",
    ]


@pytest.mark.parametrize("columns", [80, 200])
def test_a_bar_fits_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    probe = "fitting universal-targeted-linf-2-melanoma"
    with stepping("audit", unit="case-probes") as advance:
        advance(1234, 56_789, probe, seconds_left=4000)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err).splitlines()
    assert all(len(line) <= columns for line in lines)
    shown = "\n".join(lines)
    assert "1234/56789" in shown
    assert "case-probes" in shown
    assert "left 1:06:" in shown
    assert "…" not in shown
    described = [re.split(r"\s{2,}|━", line.strip("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "))[0] for line in lines]
    assert "".join(probe.split()) in "".join("".join(described).split())


def test_nothing_is_shown_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with stepping("audit", unit="cases", quiet=True) as advance:
        advance(1, 2, "pgd")
    assert capsys.readouterr().err == ""


def test_an_audit_shows_its_progress_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    news = Progress(probe="pgd", done=1, total=2, resumed=0, seconds_left=120)
    with _told(None, quiet=False) as listener:
        listener(news)
    assert capsys.readouterr().err == "audit: 1 of 2 case-probes, 2 min left; pgd\n"
    with _told(None, quiet=True) as listener:
        listener(news)
    assert capsys.readouterr().err == ""
    heard: list[Progress] = []
    with _told(heard.append, quiet=False) as listener:
        listener(news)
    assert capsys.readouterr().err == ""
    assert heard == [news]


def unit(probe: str, part: int) -> Any:
    cases = [SimpleNamespace(id=f"case-{4 * part + i}") for i in range(4)]
    return SimpleNamespace(id=f"{probe}-{part}", probe=SimpleNamespace(id=probe), cases=cases)


def test_the_time_left_is_weighed_by_what_each_probe_costs() -> None:
    order = part_by_part([unit(probe, i) for probe in ("noise", "cw", "clean") for i in range(3)])
    assert [one.id for one in order] == [
        *("clean-0", "noise-0", "cw-0"),
        *("clean-1", "noise-1", "cw-1"),
        *("clean-2", "noise-2", "cw-2"),
    ]
    clock = Clock()
    pace = Pace(order, clock.monotonic)
    told = []
    for one in order:
        clock.now += {"clean": 4, "noise": 4, "cw": 400}[one.probe.id]
        pace.done(one)
        told.append(pace.seconds_left())
    # Told exactly once each probe's cost is known; nothing before, rather than a guess.
    assert [math.isnan(left) for left in told[:2]] == [True, True]
    assert told[2:] == [816, 812, 808, 408, 404, 400, 0]


def test_an_audit_counts_one_thing_after_another() -> None:
    def counted(stage: str) -> str:
        return Progress(probe="", done=0, total=1, resumed=0, stage=stage).unit  # type: ignore[arg-type]

    assert [counted(stage) for stage in ("read", "fit", "audit")] == [
        "images",
        "batches",
        "case-probes",
    ]
