"""Odds ratios of carrying a tag, against closed forms and simulation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from plexor.cases import Case
from plexor.core.errors import PlanError
from plexor.shortcuts.carriers import carriers, odds_ratio
from plexor.shortcuts.find import Box, Tag

TAG = Tag(box=Box(x0=0, y0=0, x1=5, y1=5), kind="marker")


def table(a: int, b: int, c: int, d: int) -> tuple[list[bool], list[bool]]:
    """Members with the event and without, others with it and without."""
    events = [True] * a + [False] * b + [True] * c + [False] * d
    return events, [True] * (a + b) + [False] * (c + d)


def test_without_groups_it_is_woolfs() -> None:
    events, member = table(120, 60, 80, 140)
    found = odds_ratio(events, member, [str(i) for i in range(400)])
    woolf = 1.96 * math.sqrt(1 / 120 + 1 / 60 + 1 / 80 + 1 / 140)
    assert found.value == pytest.approx(120 * 140 / (60 * 80))
    assert math.log(found.high / found.value) == pytest.approx(woolf, rel=0.01)
    assert math.log(found.value / found.low) == pytest.approx(woolf, rel=0.01)


def test_equal_films_of_a_patient_count_once() -> None:
    events, member = table(12, 6, 8, 14)
    alone = odds_ratio(events, member, [str(i) for i in range(40)])
    fourfold = odds_ratio(events * 4, member * 4, [str(i) for i in range(40)] * 4)
    assert fourfold.value == pytest.approx(alone.value)
    assert fourfold.high == pytest.approx(alone.high)
    assert fourfold.n_groups == 40


def test_an_empty_cell_has_no_ratio() -> None:
    for cells in ((5, 0, 3, 2), (0, 5, 3, 2), (5, 1, 0, 0)):
        events, member = table(*cells)
        found = odds_ratio(events, member, [str(i) for i in range(len(events))])
        assert math.isnan(found.value)
        assert found.note


def test_intervals_cover_over_patients_that_resemble_themselves() -> None:
    """Patients are of one label, and their films carry tags together: 95 % within 2 SE."""
    hits, runs = 0, 300
    true = (0.6 / 0.4) / (0.4 / 0.6)
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(80), 3)
        label = patient % 2 == 0
        habit = rng.beta(3, 2, 80)
        habit[1::2] = rng.beta(2, 3, 40)
        has = rng.random(240) < habit[patient]
        found = odds_ratio(has, label, [str(p) for p in patient])
        hits += found.low <= true <= found.high
    assert hits >= runs * (0.95 - 2 * math.sqrt(0.95 * 0.05 / runs))


def test_a_tag_that_stands_for_a_stratum_has_no_odds_within_it() -> None:
    """Views differ in tags and in labels; within a view, the two are unrelated."""
    rng = np.random.default_rng(0)
    cases, tags = [], {}
    for i in range(2000):
        view = "AP" if rng.random() < 0.5 else "PA"
        often = 0.8 if view == "AP" else 0.2
        label = "sick" if rng.random() < often else "well"
        tags[str(i)] = (TAG,) if rng.random() < often else ()
        cases.append(
            Case(id=str(i), path=Path("x"), truth=label, group=str(i), metadata={"view": view})
        )
    found = carriers(tags, cases, "sick", stratum="view")
    assert found.odds.low > 2
    assert found.common is not None
    for one in (*found.within.values(), found.common.odds_ratio):
        assert one.low < 1 < one.high
    with pytest.raises(PlanError, match="no column 'site'"):
        carriers(tags, cases, "sick", stratum="site")
