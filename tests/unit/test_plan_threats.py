"""Goals, regions and access in a plan: what they become, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from plexor.attacks import Become, Border, Flip, Goal, Masked, Misclassify, Move, Spread, Threat
from plexor.core.errors import PlanError
from plexor.plans import Plan, load_plan
from plexor.plans.attack_plan import SearchPlan
from plexor.plans.written import ThreatPlan

LINF: dict[str, Any] = {"norm": "linf", "radius": 2}


def _plan(*probes: dict[str, Any]) -> Plan:
    cohort = {"manifest": "m.csv", "masks": {"lesion": "lesion_mask"}}
    return load_plan({"cohort": cohort, "probes": [{"threat": LINF, **p} for p in probes]})


def _threat(plan: Plan) -> ThreatPlan:
    searched = plan.probes[0]
    assert isinstance(searched, SearchPlan)
    return searched.threat


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("misclassify", Misclassify()),
        ({"become": "naevus"}, Become(target="naevus")),
        ({"hide": "effusion"}, Flip(label="effusion", kind="hide")),
        ({"invent": "effusion"}, Flip(label="effusion", kind="invent")),
        # as earlier versions wrote it in plan.yaml and in the cards of fits
        ({"kind": "hide", "finding": "effusion"}, Flip(label="effusion", kind="hide")),
        ({"kind": "invent", "of": "disc", "by": 0.1}, Spread(of="disc", by=0.1, kind="invent")),
        ({"raise": 5}, Move(by=5, kind="raise")),
        ({"lower": 2.5}, Move(by=2.5, kind="lower")),
        ({"deviate": 5}, Move(by=5, kind="deviate")),
    ],
)
def test_a_goal_as_it_is_written(written: object, meant: Goal) -> None:
    plan = _plan({"attack": "pgd", "goal": written})
    for read in (plan, load_plan(plan.resolved())):
        (probe,) = (probe for probe in read.all_probes() if probe.kind == "attack")
        assert probe.goal == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"border": 8}, Border(width=8)),
        ({"masked": "lesion"}, Masked(mask="lesion")),
        ({"masked": "lesion", "outside": True}, Masked(mask="lesion", outside=True)),
        (None, None),
    ],
)
def test_a_region_as_it_is_written(written: object, meant: object) -> None:
    plan = _plan({"attack": "pgd", "threat": LINF | {"region": written}})
    assert _threat(plan).region == meant
    assert load_plan(plan.resolved()).all_probes() == plan.all_probes()


def test_a_threat_is_all_that_was_written() -> None:
    threat = {"norm": "l0", "radius": [5, 9], "channels": "apart", "region": {"border": 3}}
    attacks = [p for p in _plan({"attack": "pgd", "threat": threat}).all_probes() if p.goal]
    assert [probe.threat for probe in attacks] == [
        Threat(norm="l0", radius=radius, channels="apart", region=Border(width=3))
        for radius in (5, 9)
    ]


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ({"goal": {"hid": "x"}}, r"expected `misclassify`, .*got \{'hid': 'x'\}"),
        ({"goal": {"hide": "x", "invent": "x"}}, "goal: expected `misclassify`"),
        ({"goal": {"kind": "hid", "label": "x"}}, "goal: unknown kind 'hid'; did you mean 'hide'"),
        ({"goal": {"raise": -1}}, "`raise` must be by more than 0, got -1"),
        ({"goal": {"raise": True}}, r"got \{'raise': True\}"),
        ({"goal": {"deviate": "far"}}, r"got \{'deviate': 'far'\}"),
        ({"threat": LINF | {"region": {"bordr": 8}}}, r"region: expected `\{border: WIDTH\}`"),
        ({"threat": LINF | {"region": {"border": True}}}, r"got \{'border': True\}"),
        ({"threat": LINF | {"region": {"masked": "lesion", "outside": "yes"}}}, "region: expected"),
        ({"threat": LINF | {"region": {"border": 0}}}, "at least 1 pixel wide, got 0"),
        (
            {"threat": LINF | {"region": {"masked": "lesoin"}}},
            "unknown mask 'lesoin'; did you mean",
        ),
        ({"threat": LINF | {"unit": "count"}}, "linf has no unit 'count'"),
    ],
)
def test_what_is_refused(probe: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        _plan({"attack": "pgd", **probe})


@pytest.mark.parametrize("access", ["scores", "decisions", "none"])
def test_an_attack_that_sees_more_than_the_threat_allows_is_refused(access: str) -> None:
    with pytest.raises(PlanError, match=f"pgd needs access to the model's gradients, .*{access}"):
        _plan({"attack": "pgd", "threat": LINF | {"access": access}})


def test_an_attack_that_sees_no_more_than_the_threat_allows_is_not() -> None:
    square = {"attack": "square", "threat": LINF | {"access": "scores"}}
    assert _threat(_plan(square)).access == "scores"
    with pytest.raises(PlanError, match="square needs access to the model's scores"):
        _plan({"attack": "square", "threat": LINF | {"access": "decisions"}})


def test_a_norm_the_attack_does_not_search_is_refused() -> None:
    with pytest.raises(PlanError, match="hop-skip-jump does not support the norm l0; it supports"):
        _plan({"attack": "hop-skip-jump", "threat": {"norm": "l0", "radius": 9}})
