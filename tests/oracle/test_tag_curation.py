"""Cases chosen so that labels carry equal tags: exactly equal counts, and nothing left to tell."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from plexor.cases import Case
from plexor.shortcuts.association import association, tag_features
from plexor.shortcuts.carriers import carriers
from plexor.shortcuts.curate import signature, with_equal_tags
from plexor.shortcuts.find import Box, Tag

SIZE = (100, 100)


def tag(kind: str, text: str = "") -> Tag:
    box = Box(x0=5, y0=5, x1=15, y1=20)
    return Tag(box=box, kind=kind, text=text)  # type: ignore[arg-type]


CHOICES: tuple[tuple[Tag, ...], ...] = (
    (),
    (tag("laterality", "R"),),
    (tag("laterality", "L"), tag("text")),
)


def films(n: int) -> tuple[list[Case], dict[str, tuple[Tag, ...]]]:
    """Of the sick, 70 % carry an R, 20 % nothing and 10 % an L with a text; of others 15, 80, 5."""
    rng = np.random.default_rng(0)
    cases = []
    tags: dict[str, tuple[Tag, ...]] = {}
    for index in range(n):
        sick = index % 2 == 0
        drawn = rng.choice(3, p=(0.2, 0.7, 0.1) if sick else (0.8, 0.15, 0.05))
        name = f"film-{index}"
        label = "sick" if sick else "well"
        cases.append(Case(id=name, path=Path(name), truth=label, group=f"patient-{index // 4}"))
        tags[name] = CHOICES[drawn]
    return cases, tags


def test_of_each_combination_as_many_are_kept_of_either_side() -> None:
    cases, tags = films(400)
    kept = with_equal_tags(tags, cases, "sick", seed=0)
    counts = Counter((signature(tags[case.id]), case.truth) for case in kept)
    whole = Counter((signature(tags[case.id]), case.truth) for case in cases)
    combinations = {signature(choice) for choice in CHOICES}
    assert combinations == {(), ("laterality R",), ("laterality L", "text")}
    for one in combinations:
        fewer = min(whole[one, "sick"], whole[one, "well"])
        assert counts[one, "sick"] == counts[one, "well"] == fewer
    assert [case.id for case in kept] == [case.id for case in cases if case in kept]
    assert carriers(tags, kept, "sick").odds.value == pytest.approx(1.0)
    assert carriers(tags, cases, "sick").odds.value > 5


def test_what_tags_told_is_gone_afterwards() -> None:
    cases, tags = films(600)
    kept = with_equal_tags(tags, cases, "sick", seed=0)
    for some, low, high in ((cases, 0.7, 0.9), (kept, 0.4, 0.6)):
        features = np.stack([tag_features(tags[case.id], SIZE) for case in some])
        for found in association(features, some, positive="sick", seed=0):
            assert low < found.overall.value < high, found.classifier


def test_another_seed_is_another_choice_and_none_is_left_without_overlap() -> None:
    cases, tags = films(80)
    first, again, other = (
        [case.id for case in with_equal_tags(tags, cases, "sick", seed=seed)] for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    apart = {case.id: CHOICES[int(case.truth == "sick")] for case in cases}
    assert with_equal_tags(apart, cases, "sick", seed=0) == []
