"""Attacks that are fitted first, as plans write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from plexor.attacks import Become, Border, FitCard, Misclassify, Threat, UniversalSGD
from plexor.attacks.universal import UniversalPerturbation
from plexor.core.errors import DataError, PlanError
from plexor.plans import Plan, load_plan
from plexor.probes import Fitting, PlannedAttack, PlannedProbe, Saved, ToFit

LINF_2 = {"norm": "linf", "radius": 2}
SGD = {"attack": "universal-sgd"}


def plan_of(*probes: dict[str, Any]) -> Plan:
    return load_plan(
        {"cohort": {"manifest": "m.csv"}, "model": {"weights": "w"}, "probes": list(probes)}
    )


def refusal(probe: dict[str, Any]) -> str:
    with pytest.raises(PlanError) as caught:
        plan_of(probe)
    return str(caught.value)


def source_of(probe: PlannedProbe) -> object:
    assert isinstance(probe, PlannedAttack)
    return probe.source


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A pattern that was fitted to make everything a naevus, at the border."""
    card = FitCard(
        method="universal-sgd",
        options={"steps": 7},
        threat=Threat(norm="l2", radius=30, region=Border(width=4)),
        goal={"kind": "become", "target": "nv"},
        seed=0,
        shape=(3, 8, 8),
        model_sha256="",
        seen=frozenset(),
        n_gradients=1,
        n_forwards=0,
    )
    path = tmp_path / "pattern.safetensors"
    UniversalPerturbation(pattern=torch.zeros(3, 8, 8), card=card).save(path)
    return path


def test_each_radius_is_fitted_on_the_train_split_unless_another_is_named() -> None:
    plan = plan_of(SGD | {"threat": {"norm": "linf", "radius": [1, 2]}, "steps": 20})
    _, *attacks, noise_1, noise_2 = plan.all_probes()
    assert (noise_1.id, noise_2.id) == ("noise-linf-1", "noise-linf-2")
    for radius, probe in enumerate(attacks, 1):
        assert probe.id == f"universal-sgd-linf-{radius}"
        assert probe.threat == Threat(norm="linf", radius=radius)
        assert probe.goal == Misclassify()
        assert probe.needs.fitting == Fitting(
            attack=UniversalSGD(steps=20),
            goal=Misclassify(),
            threat=Threat(norm="linf", radius=radius),
            split="train",
            batch_size=32,
        )
        assert source_of(probe) == ToFit(fitting=probe.needs.fitting)
    other = SGD | {"threat": LINF_2, "fit": "test", "fit_batch": 8}
    fitting = plan_of(other).all_probes()[1].needs.fitting
    assert fitting is not None
    assert (fitting.attack, fitting.split, fitting.batch_size) == (UniversalSGD(), "test", 8)


def test_a_saved_one_brings_its_threat_and_its_goal(saved: Path) -> None:
    open_plan = plan_of(SGD | {"load": str(saved)})
    assert [probe.id for probe in open_plan.all_probes()] == ["clean"]
    plan = open_plan.with_saved()
    _, probe, noise = plan.all_probes()
    assert probe.id == "universal-sgd-to-nv-l2-30-border-4"
    assert probe.goal == Become(target="nv")
    assert probe.threat == Threat(norm="l2", radius=30, region=Border(width=4))
    assert source_of(probe) == Saved(file=saved, applied="none")
    assert noise.id == "noise-l2-30-border-4"


def test_a_saved_one_can_be_judged_by_another_goal(saved: Path) -> None:
    threat = {"norm": "l2", "radius": 30, "region": {"border": 4}, "access": "none"}
    plan = plan_of(SGD | {"load": str(saved), "goal": "misclassify", "threat": threat})
    _, probe, _ = plan.with_saved().all_probes()
    assert probe.goal == Misclassify()


def test_a_saved_file_is_looked_for_beside_the_plan(saved: Path) -> None:
    path = saved.parent / "plan.yaml"
    path.write_text(
        "cohort: {manifest: m.csv}\nprobes:\n- {attack: universal-sgd, load: pattern.safetensors}\n"
    )
    (_, probe, _) = load_plan(path).with_saved().all_probes()
    assert source_of(probe) == Saved(file=Path("pattern.safetensors"), applied="none")


def test_a_resolved_plan_is_the_same_plan(saved: Path) -> None:
    plan = plan_of(SGD | {"threat": LINF_2}, SGD | {"load": str(saved)}).with_saved()
    resolved: dict[str, Any] = plan.resolved()
    fitted, loaded = resolved["probes"]
    assert fitted["fit"] == "train"
    assert fitted["steps"] == UniversalSGD().steps
    assert set(loaded) == {"kind", "attack", "id", "goal", "threat", "load"}
    again = load_plan(resolved)
    assert again.resolved() == resolved
    assert again.all_probes() == plan.all_probes()
    assert again.with_saved().resolved() == resolved


def test_what_makes_no_sense_is_refused() -> None:
    assert "universal-sgd: `threat` is missing; it may be left out only with `load`" in refusal(SGD)
    both = SGD | {"fit": "train", "load": "x.safetensors"}
    assert "`fit` and `load` exclude each other" in refusal(both)
    moot = SGD | {"load": "x.safetensors", "steps": 3, "fit_batch": 2}
    assert "so `fit_batch`, `steps` would have no effect" in refusal(moot)
    assert "unknown key 'fit'" in refusal({"attack": "pgd", "fit": "train", "threat": LINF_2})
    blind = SGD | {"threat": LINF_2 | {"access": "none"}}
    assert "universal-sgd needs access to the model's gradients" in refusal(blind)
    l0 = {"attack": "universal-deepfool", "threat": {"norm": "l0", "radius": 2}}
    assert "universal-deepfool does not support the norm l0" in refusal(l0)
    none = SGD | {"threat": LINF_2, "fit_batch": 0}
    assert "fit_batch" in refusal(none)


def test_files_that_do_not_fit_the_plan_are_refused(saved: Path) -> None:
    missing = SGD | {"load": str(saved.parent / "gone.safetensors")}
    with pytest.raises(DataError, match=r"no fitted attack at .*gone\.safetensors"):
        plan_of(missing).with_saved()
    other = {"attack": "universal-singular", "load": str(saved)}
    with pytest.raises(PlanError, match="is a fit of universal-sgd, but the plan has `attack: un"):
        plan_of(other).with_saved()
    wider = SGD | {"load": str(saved), "threat": {"norm": "l2", "radius": [30, 60]}}
    with pytest.raises(PlanError, match="fitted within l2-30-border-4, but the plan asks for l2-3"):
        plan_of(wider).with_saved()
    twice = SGD | {"load": str(saved)}
    with pytest.raises(PlanError, match="several probes have the id universal-sgd-to-nv"):
        plan_of(twice, twice).with_saved()
