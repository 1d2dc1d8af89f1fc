"""A report reads a plan without the packages that run it; both must name its probes alike."""

from __future__ import annotations

from dataclasses import asdict

from plexor.findings.planned import planned, planned_shortcuts
from plexor.plans.plan import load_plan


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
        threat, goal = carried_out[entry.id].threat, carried_out[entry.id].goal
        assert threat is not None
        assert goal is not None
        region = None if threat.region is None else asdict(threat.region)
        assert entry.threat == {
            "norm": threat.norm,
            "radius": threat.radius,
            "unit": threat.unit,
            "channels": threat.channels,
            "region": region,
            "access": "gradients",
        }
