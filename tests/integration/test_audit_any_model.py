"""Whatever keeps the protocol ``Model`` is audited: a defence, a program, decisions alone."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from tests.helpers.runs import Setup, audited
from torch import Tensor
from torch.nn import functional

import plexor
from plexor.core.errors import ModelError, PlanError
from plexor.core.ids import digest
from plexor.models import (
    Features,
    HasNetwork,
    Model,
    ModelAccess,
    ModelCard,
    ModelSource,
    Scaling,
    Task,
    load_model,
)

UNSEEN = ("training-mode", "zero-gradients", "false-gradients", "unbounded-fails")
"""Checks that only a network or its gradients can answer."""


class MedianFilter:
    """A defence: the median of 3×3 pixels, then another model. Written as a user would."""

    def __init__(self, inner: Model) -> None:
        self.inner = inner

    @property
    def card(self) -> ModelCard:
        return replace(self.inner.card, architecture=f"median of {self.inner.card.architecture}")

    @property
    def task(self) -> Task:
        return self.inner.task

    @property
    def access(self) -> ModelAccess:
        return self.inner.access

    @property
    def device(self) -> torch.device:
        return self.inner.device

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
        windows = padded.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4)
        return self.inner.outputs(windows.median(dim=-1).values, scaling, features)

    def identity(self) -> str:
        return digest(["median of 3x3", self.inner.identity()])

    def to(self, device: torch.device) -> Self:
        self.inner.to(device)
        return self


class Program:
    """Scores of a NumPy function, as a foreign program or a service gives them."""

    access: ModelAccess = "scores"
    device = torch.device("cpu")

    def __init__(self, inner: Model) -> None:
        self.inner, self.task = inner, inner.task
        self.card = ModelCard(task=inner.task, architecture="program 1.2")

    def predict(self, values: NDArray[np.float32]) -> NDArray[Any]:
        with torch.no_grad():
            scores: NDArray[np.float32] = self.inner.outputs(torch.from_numpy(values)).numpy()
        return scores

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        values = images if scaling is None else scaling.values(images)
        return torch.from_numpy(self.predict(values.numpy()))

    def identity(self) -> str:
        return digest("program 1.2")

    def to(self, device: torch.device) -> Self:
        return self


class Decisions(Program):
    """The same, of which only the class decided is known."""

    access: ModelAccess = "decisions"

    def predict(self, values: NDArray[np.float32]) -> NDArray[Any]:
        decided = super().predict(values).argmax(axis=1)
        one_hot: NDArray[np.float32] = np.eye(len(self.task.classes), dtype=np.float32)[decided]
        return one_hot


class Strange(Program):
    """Outputs of another type than promised."""

    def predict(self, values: NDArray[np.float32]) -> NDArray[Any]:
        return super().predict(values).astype(np.float64)


class Short(Program):
    """One output too few."""

    def predict(self, values: NDArray[np.float32]) -> NDArray[Any]:
        return super().predict(values)[:, 1:]


def probe(attack: str, norm: str = "linf", radius: float = 4, **options: object) -> dict[str, Any]:
    return {"attack": attack, "threat": {"norm": norm, "radius": radius}, **options}


def network(setup: Setup) -> plexor.TorchModel:
    return load_model(ModelSource(weights=setup.weights))


def findings(setup: Setup, out: Path, model: Model, *probes: dict[str, Any]) -> pd.DataFrame:
    return audited(setup.plan_with(probes=list(probes), n_examples=2), out, model=model)


def refusal(setup: Setup, model: Model, wanted: dict[str, Any]) -> str:
    """Why the probe is refused; nothing was asked of the model, and nothing written."""
    with pytest.raises(PlanError) as caught:
        findings(setup, setup.out, model, wanted)
    assert not setup.out.exists()
    return str(caught.value)


def test_a_defence_around_a_network_is_searched_with_its_gradients(
    few: Setup, tmp_path: Path
) -> None:
    inner = network(few)
    model = MedianFilter(inner)
    found = findings(few, tmp_path / "defended", model, probe("pgd", radius=16, steps=5))
    assert (found["status"] == "ok").all()
    attacked = found[(found["probe"] == "pgd-linf-16") & found["attempted"]]
    assert attacked["reached"].any()
    assert (attacked["n_gradients"] > 0).all()
    clean = found[found["probe"] == "clean"].set_index("case_id")["outputs_after"]
    for case in plexor.load_cohort(few.manifest).cases:
        pixels = plexor.read_image(case.path).pixels
        filtered = np.stack([median_filter(one, 3, mode="nearest") for one in pixels])
        expected = inner.outputs(torch.from_numpy(filtered[None].astype(np.float32)))
        np.testing.assert_allclose(clean[case.id], expected[0], rtol=1e-4, atol=1e-4)


def test_scores_of_a_program_give_the_findings_of_the_network_behind_them(
    few: Setup, tmp_path: Path
) -> None:
    wanted = probe("square", queries=40)
    inner = network(few)
    expected = findings(few, tmp_path / "network", inner, wanted)
    found = findings(few, tmp_path / "program", Program(inner), wanted)
    assert expected.loc[expected["probe"] == "square-linf-4", "reached"].any()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_decisions_without_scores_lead_to_the_same_images(few: Setup, tmp_path: Path) -> None:
    wanted = probe("hop-skip-jump", "l2", 500, queries=200)
    inner = network(few)
    expected = findings(few, tmp_path / "network", inner, wanted)
    found = findings(few, tmp_path / "decisions", Decisions(inner), wanted)
    columns = ["probe", "case_id", "stored", "decision_after", "reached", "l2", "n_forwards"]
    assert expected.loc[expected["probe"] == "hop-skip-jump-l2-500", "reached"].any()
    pd.testing.assert_frame_equal(found[columns], expected[columns], check_exact=True)


@pytest.mark.parametrize("kind", [Program, Decisions])
def test_what_needs_gradients_is_left_out_and_said_to_be(
    few: Setup, tmp_path: Path, kind: type[Program]
) -> None:
    attack = probe("square", queries=5) if kind is Program else probe("hop-skip-jump", queries=30)
    model = kind(network(few))
    run = plexor.audit(few.plan_with(probes=[attack]), out=tmp_path / "run", model=model)
    about = run.provenance()
    assert about["model_access"] == model.access
    assert about["model_sha256"] == model.identity()
    checks = {check["id"]: check for check in about["checks"]}  # type: ignore[attr-defined]
    assert {checks[name]["raised"] for name in UNSEEN} == {None}
    assert checks["non-deterministic"]["raised"] is False
    assert plexor.write_report(run.path).exists()
    summary = json.loads((run.path / "summary.json").read_text())
    told = {*summary["flags_passed"], *(flag["id"] for flag in summary["flags"])}
    assert not told & set(UNSEEN)
    notes = [flag for flag in summary["flags"] if flag["id"] == "gradients-unseen"]
    assert [(note["severity"], model.access in note["message"]) for note in notes] == [
        ("note", True)
    ]
    assert "non-deterministic" in summary["flags_passed"]


@pytest.mark.parametrize(
    ("kind", "wanted", "advice"),
    [
        (Program, probe("pgd"), "gradients.*scores only; take square, the strongest"),
        (Program, probe("fmn", "l0"), "gradients.*scores only; take sparse-rs, the strongest"),
        (Program, probe("universal-sgd"), "take square.* or `load` a universal-sgd that was"),
        (Decisions, probe("square"), "scores.*decisions only; take hop-skip-jump, the strongest"),
        (
            Decisions,
            probe("pgd", "l1"),
            "no attack under l1 manages with this access; take another norm",
        ),
        (MedianFilter, probe("universal-singular"), "hidden layers, and MedianFilter has no"),
    ],
)
def test_an_attack_that_needs_more_is_refused_with_the_strongest_that_fits(
    few: Setup, kind: Any, wanted: dict[str, Any], advice: str
) -> None:
    sentence = refusal(few, kind(network(few)), wanted)
    assert sentence.startswith(wanted["attack"])
    assert re.search(advice, sentence), sentence


def test_what_was_fitted_on_another_model_needs_to_see_nothing(few: Setup, tmp_path: Path) -> None:
    inner = network(few)
    fitted = probe("universal-sgd", radius=16, steps=4, fit="train")
    few.write_rows([row | {"split": "train"} for row in few.rows()])
    run = plexor.audit(few.plan_with(probes=[fitted]), out=tmp_path / "fit", model=inner)
    (saved,) = run.path.glob("artifacts/*.safetensors")
    loaded = {"attack": "universal-sgd", "load": str(saved)}
    found = findings(few, tmp_path / "loaded", Decisions(inner), loaded)
    assert (found["status"] == "ok").all()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Strange, "returned torch.float64 on cpu, expected torch.float32 on cpu"),
        (Short, r"outputs of shape \(12, 2\), expected \(12, 3\)"),
    ],
)
def test_outputs_that_break_the_promise_stop_the_audit(
    few: Setup, kind: type[Program], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        findings(few, few.out, kind(network(few)), probe("square", queries=5))


def test_a_run_is_not_resumed_with_another_defence(few: Setup, tmp_path: Path) -> None:
    inner = network(few)
    findings(few, tmp_path / "run", inner, probe("fgsm"))
    with pytest.raises(plexor.PlexorError, match="holds a run with another model"):
        findings(few, tmp_path / "run", MedianFilter(inner), probe("fgsm"))


def test_only_what_runs_a_network_says_so(few: Setup) -> None:
    inner = network(few)
    assert isinstance(inner, HasNetwork)
    assert not isinstance(MedianFilter(inner), HasNetwork)
    assert not isinstance(Program(inner), HasNetwork)


def test_a_copy_moves_without_the_original(few: Setup) -> None:
    model = MedianFilter(network(few))
    moved = copy.deepcopy(model).to(torch.device("meta"))
    assert (moved.device.type, model.device.type) == ("meta", "cpu")
    assert asdict(moved.card) == asdict(model.card)
