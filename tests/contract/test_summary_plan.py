"""A report reads a plan without the packages that run it; both must name its probes alike."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from plexor.findings.planned import planned, planned_shortcuts
from plexor.plans.plan import load_plan
from plexor.threat_model import goal_from, threat_from


def test_a_resolved_plans_shortcuts_are_those_the_audit_carries_out() -> None:
    plan = load_plan(
        {
            "cohort": {"manifest": "cohort.csv"},
            "probes": [
                {"shortcut": "ruler", "side": "left"},
                {"attack": "pgd", "threat": {"norm": "linf", "radius": 1}},
                {"shortcut": "hairs", "id": "beard", "count": 40},
                {"shortcut": "transplant", "stamp": "ruler.png"},
            ],
        }
    )
    carried_out = {probe.id: probe for probe in plan.all_probes()}
    read = list(planned_shortcuts(plan.resolved()))
    assert [entry.id for entry in read] == [
        name for name, probe in carried_out.items() if probe.kind == "shortcut"
    ]
    assert [entry.id for entry in planned(plan.resolved())] == ["pgd-linf-1"]
    for entry in read:
        probe, control = carried_out[entry.id], carried_out[entry.control]
        assert (control.kind, control) == ("control", probe.control)
        assert entry.name == probe.name
        assert entry.settings == probe.about.settings


def test_a_resolved_plan_stands_for_the_probes_the_audit_carries_out() -> None:
    plan = load_plan(
        {
            "cohort": {"manifest": "cohort.csv", "masks": {"lung": "lung_mask"}},
            "probes": [
                {"attack": "pgd", "threat": {"norm": "linf", "radius": [0.5, 1, 4]}},
                {"attack": "pgd", "id": "aimed", "goal": {"become": "nv"},
                 "threat": {"norm": "l2", "radius": 5, "unit": "percent"}},
                {"attack": "fgsm", "threat": {"norm": "linf", "radius": 20, "unit": "value"}},
                {"attack": "pgd", "goal": {"hide": "effusion"},
                 "threat": {"norm": "l0", "radius": 9, "channels": "apart",
                            "region": {"border": 8}}},
                {"attack": "pgd", "goal": {"invent": "effusion"},
                 "threat": {"norm": "l0", "radius": 1, "unit": "percent",
                            "region": {"masked": "lung", "outside": True}}},
                {"attack": "pgd", "goal": {"deviate": 2.5},
                 "threat": {"norm": "l1", "radius": 9, "region": {"masked": "lung"}}},
            ],
        }
    )  # fmt: skip
    carried_out = {probe.id: probe for probe in plan.all_probes()}
    read = list(planned(plan.resolved()))
    assert [entry.id for entry in read] == [
        name for name, probe in carried_out.items() if probe.kind == "attack"
    ]
    assert {entry.control for entry in read} == {
        name for name, probe in carried_out.items() if probe.kind == "control"
    }
    for entry in read:
        goal: Any = carried_out[entry.id].goal
        threat = carried_out[entry.id].threat
        assert threat is not None
        assert goal is not None
        assert entry.threat == threat_from(asdict(threat))
        assert entry.goal == goal_from(asdict(goal))


def test_an_entry_that_names_its_kind_has_the_same_options() -> None:
    plan: dict[str, Any] = load_plan(
        {
            "cohort": {"manifest": "cohort.csv"},
            "probes": [
                {"shortcut": "ruler", "side": "left"},
                {"attack": "pgd", "threat": {"norm": "linf", "radius": 1}},
            ],
        }
    ).resolved()
    named = {
        **plan,
        "probes": [
            {"kind": "shortcut" if "shortcut" in entry else "attack", **entry}
            for entry in plan["probes"]
        ],
    }
    assert list(planned(named)) == list(planned(plan))
    assert list(planned_shortcuts(named)) == list(planned_shortcuts(plan))
