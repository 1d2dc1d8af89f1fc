"""Every goal, region and threat: short form, plain data, name, words."""

from __future__ import annotations

import doctest
import json
from dataclasses import asdict
from typing import Any

import pytest

from plexor.core import wording
from plexor.core.errors import PlanError
from plexor.core.wording import PLACE
from plexor.threat_model import (
    GOALS,
    NORMS,
    REGIONS,
    Border,
    Masked,
    Threat,
    goal_from,
    read_goal,
    read_region,
    region,
    region_from,
    threat,
    threat_from,
)
from plexor.threat_model.goals import (
    Become,
    Drift,
    Erase,
    Flip,
    LowerDice,
    Misclassify,
    Move,
    Spread,
    catalogue,
)

SHORT: list[tuple[Any, Any, str]] = [
    ("misclassify", Misclassify(), ""),
    ({"become": "naevus"}, Become(target="naevus"), "to-naevus"),
    ({"hide": "effusion"}, Flip(label="effusion", kind="hide"), "hide-effusion"),
    ({"invent": "effusion"}, Flip(label="effusion", kind="invent"), "invent-effusion"),
    ({"raise": 5}, Move(by=5, kind="raise"), "raise-5"),
    ({"lower": 2.5}, Move(by=2.5, kind="lower"), "lower-2.5"),
    ({"deviate": 5}, Move(by=5, kind="deviate"), "deviate-5"),
    ({"lower-dice": "disc", "below": 0.5}, LowerDice(of="disc", below=0.5), "lower-dice-disc-0.5"),
    ({"erase": "disc"}, Erase(of="disc"), "erase-disc"),
    ({"erase": "disc", "keep": 0.1}, Erase(of="disc", keep=0.1), "erase-disc-keep-0.1"),
    ({"grow": "disc", "by": 2}, Spread(of="disc", by=2, kind="grow"), "grow-disc-2"),
    ({"invent": "disc", "by": 0.1}, Spread(of="disc", by=0.1, kind="invent"), "invent-disc-0.1"),
    ({"drift": "disc", "by": 4}, Drift(of="disc", by=4), "drift-disc-4"),
]
"""How a plan writes it, what it is, and how a probe's id names it."""
PARTS: list[tuple[Any, Border | Masked, str]] = [
    ({"border": 8}, Border(width=8), "border-8"),
    ({"masked": "lesion"}, Masked(mask="lesion"), "inside-lesion"),
    (
        {"masked": "lesion", "outside": True},
        Masked(mask="lesion", outside=True),
        "outside-lesion",
    ),
]
THREATS = [
    (Threat(norm="linf", radius=2), "linf-2"),
    (Threat(norm="l2", radius=5.0, unit="percent"), "l2-5-percent"),
    (Threat(norm="l1", radius=0.5, unit="value", region=Border(width=8)), "l1-0.5-value-border-8"),
    (Threat(norm="l0", radius=9, channels="apart"), "l0-9-apart"),
]


def test_every_goal_and_every_kind_is_tried_here() -> None:
    assert {type(goal).__name__ for _, goal, _ in SHORT} == set(GOALS)
    kinds = {kind for goal in GOALS.values() for kind in goal.kinds}
    assert {goal.kind for _, goal, _ in SHORT} == kinds
    assert {part.kind for _, part, _ in PARTS} == set(REGIONS)
    assert {one.norm for one, _ in THREATS} == set(NORMS)


@pytest.mark.parametrize(("written", "goal", "name"), SHORT)
def test_a_goal_comes_back_from_its_short_form_and_from_plain_data(
    written: Any, goal: Any, name: str
) -> None:
    assert read_goal(written, GOALS.values()) == goal
    assert goal.short == written
    stored = json.loads(json.dumps(asdict(goal) | {"unit": "years"}))
    assert goal_from(stored) == goal
    assert (goal.name, goal_from(stored).name) == (name, name)


@pytest.mark.parametrize(("written", "goal", "name"), SHORT)
def test_a_goals_short_form_is_that_of_no_other_goal(written: Any, goal: Any, name: str) -> None:
    readers = [key for key, one in GOALS.items() if one.read(written) is not None]
    assert readers == [type(goal).__name__]


@pytest.mark.parametrize(("written", "goal", "name"), SHORT)
def test_every_word_of_a_goal_is_said(written: Any, goal: Any, name: str) -> None:
    spoken = [goal.aim("years"), goal.effect("40 %", "years"), goal.reached("years")]
    assert all(spoken)
    assert "40 %" in goal.effect("40 %", "years")
    assert goal.chance("3 %") in {"3 %", "in 3 %"}
    figure = goal.figure
    about = getattr(goal, "label", getattr(goal, "of", None))
    assert (figure is None) == (about is None)
    if figure is not None:
        assert figure.of == about
        assert figure.sentence.count(PLACE) == 1
    if isinstance(goal, Move):
        assert all("years" in text for text in spoken)
    else:
        assert spoken == [goal.aim(), goal.effect("40 %"), goal.reached()]


def test_each_goal_is_told_by_its_effect_and_its_figure() -> None:
    asked = " in 40 % of the images to which the goal applies"
    seen = " in 40 % of the images in which "
    told: dict[str, tuple[str, str | None]] = {
        "": ("overturns 40 % of this model's right decisions", None),
        "to-naevus": ("turns 40 % of other decisions into naevus", None),
        "hide-effusion": (f"hides effusion{seen}this model saw it", "sensitivity"),
        "invent-effusion": (f"makes this model see effusion{seen}it saw none", "specificity"),
        "raise-5": ("raises this model's answer by 5 years or more in 40 % of the images", None),
        "lower-2.5": (
            "lowers this model's answer by 2.5 years or more in 40 % of the images",
            None,
        ),
        "deviate-5": ("moves this model's answer by 5 years or more in 40 % of the images", None),
        "lower-dice-disc-0.5": (
            f"lowers the Dice of this model's outline of disc below 0.5{asked}",
            "dice",
        ),
        "erase-disc": (f"erases this model's outline of disc{asked}", "dice"),
        "erase-disc-keep-0.1": (
            f"erases this model's outline of disc but for 10.0 %{asked}",
            "dice",
        ),
        "grow-disc-2": (
            f"grows this model's outline of disc by 2 times its size or more{asked}",
            "dice",
        ),
        "invent-disc-0.1": (
            f"makes this model outline disc in another 10.0 % of the image{asked}",
            "dice",
        ),
        "drift-disc-4": (
            f"shifts this model's outline of disc by more than 4 pixels{asked}",
            "dice",
        ),
    }
    for _, goal, name in SHORT:
        figure = goal.figure
        effect = goal.effect("40 %", "years").replace(wording.SPACE, " ")
        assert (effect, figure and figure.statistic) == told[name]


def test_a_distance_must_be_finite_and_above_0() -> None:
    for by in (-0.5, 0.0, float("inf")):
        with pytest.raises(PlanError, match="must be by more than 0"):
            Move(by=by)


@pytest.mark.parametrize("kind", ["hide", "invent"])
def test_the_field_of_earlier_versions_is_still_read(kind: Any) -> None:
    assert goal_from({"kind": kind, "finding": "x"}) == Flip(label="x", kind=kind)


@pytest.mark.parametrize(
    "written",
    [None, 3, "become", {}, {"become": "x", "by": 1}, {"raise": "far"}, {"raise": True},
     {"drift": "x"}, {"grow": "x", "by": 1, "keep": 0}, {"hide": "x", "invent": "x"}],
)  # fmt: skip
def test_what_is_no_short_form_is_refused_with_all_that_are(written: Any) -> None:
    with pytest.raises(PlanError, match="goal: expected `misclassify`") as refused:
        read_goal(written, GOALS.values())
    assert all(form in str(refused.value) for goal in GOALS.values() for form in goal.forms)
    assert str(refused.value).endswith(f"got {written!r}")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(PlanError, match="unknown kind 'becom'; did you mean 'become'"):
        goal_from({"kind": "becom", "target": "x"})
    with pytest.raises(PlanError, match="region: unknown kind 'borders'"):
        region_from({"kind": "borders", "width": 3})


@pytest.mark.parametrize(("written", "part", "name"), PARTS)
def test_a_region_comes_back_from_its_short_form_and_from_plain_data(
    written: Any, part: Border | Masked, name: str
) -> None:
    assert read_region(written, REGIONS.values()) == part
    assert part.short == written
    assert region_from(asdict(part)) == part
    assert part.name == name
    assert str(getattr(part, "width", getattr(part, "mask", None))) in part.place


@pytest.mark.parametrize(("one", "name"), THREATS)
def test_a_threat_comes_back_from_plain_data(one: Threat, name: str) -> None:
    assert threat_from(json.loads(json.dumps(asdict(one) | {"access": "scores"}))) == one
    assert one.name == name
    assert one.size.startswith(f"{one.radius:g}")
    assert one.size in one.extent
    assert one.place in one.ball
    assert one.place in one.extent
    assert one.size_unit


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"norm": "linf", "radius": 1}, "1 level"),
        ({"norm": "linf", "radius": 2}, "2 levels"),
        ({"norm": "l0", "radius": 1}, "1 pixel"),
        ({"norm": "l0", "radius": 1200}, "1,200 pixels"),
        ({"norm": "l0", "radius": 9, "channels": "apart"}, "9 numbers"),
        ({"norm": "l0", "radius": 5, "unit": "percent"}, "5 % of the pixels"),
        ({"norm": "l2", "radius": 0.5, "unit": "percent"}, "0.5 % of the range"),
        ({"norm": "linf", "radius": 30, "unit": "value"}, "30 in the image's unit"),
    ],
)
def test_a_radius_is_said_with_its_unit(fields: dict[str, Any], size: str) -> None:
    assert Threat(**fields).size.replace("\N{NO-BREAK SPACE}", " ") == size


@pytest.mark.parametrize("module", [wording, region, threat, catalogue])
def test_the_examples_in_docstrings_are_right(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
