"""Weights that do not fit, code that may not run, and outputs that are not what was promised."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from markupsafe import escape
from tests.helpers.runs import CLASSES, Setup, audited, plexor
from tests.helpers.summary_json import read_flat
from torch import Tensor, nn

from plexor.cases import read_image
from plexor.core.errors import ModelError
from plexor.findings import RunDirectory
from plexor.models import ModelSource, Multiclass, TorchModel, load_model, save_weights
from plexor.models.architectures import build_network
from plexor.report import write_report


def refusal(setup: Setup, *options: str) -> str:
    sentence = plexor("audit", setup.plan, "--out", setup.out, *options).sentence
    assert not list(setup.out.rglob("*.parquet"))
    return sentence


def test_no_weights(few: Setup) -> None:
    few.weights.unlink()
    assert refusal(few) == f"no weights at {few.weights}; train a model with: plexor train PLAN"


def test_truncated_weights(few: Setup) -> None:
    few.weights.write_bytes(few.weights.read_bytes()[:9000])
    assert refusal(few).startswith(f"{few.weights} is not a complete safetensors file: ")


def test_weights_of_another_network(few: Setup) -> None:
    """Without a card, so that the plan has to say what they are of."""
    network = build_network("small-cnn", spatial_dims=2, channels=1, n_outputs=3)
    safetensors.torch.save_file(network.state_dict(), few.weights)
    model = {"weights": few.weights.name, "architecture": "small-cnn", "classes": list(CLASSES)}
    few.change_plan(model=model)
    sentence = refusal(few)
    assert sentence.startswith(f"the weights in {few.weights} do not fit SmallCNN: size mismatch")
    assert sentence.endswith("check architecture, channels and classes")

    few.change_plan(model=model | {"architecture": "smallcnn"})
    assert "unknown architecture 'smallcnn'; did you mean 'small-cnn'?" in refusal(few)
    del model["architecture"]
    few.change_plan(model=model)
    assert refusal(few).startswith(
        "model: the network is not known; give `weights` written by plexor"
    )


def test_a_plan_that_contradicts_the_weights(few: Setup) -> None:
    few.change_plan(model={"weights": few.weights.name, "classes": list(reversed(CLASSES))})
    assert refusal(few).startswith("model: `classes` is ('naevus', 'melanoma', 'keratosis') in the")
    few.change_plan(model={"weights": few.weights.name, "classes": list(CLASSES)})
    assert plexor("audit", few.plan, "--out", few.out).status == 0


@pytest.mark.parametrize(
    ("name", "content", "program"),
    [
        ("model.h5", b"\x89HDF\r\n\x1a\n", "Keras (HDF5)"),
        ("renamed.pt", b"\x89HDF\r\n\x1a\n", "Keras (HDF5)"),
    ],
)
def test_weights_of_another_program_are_told_what_they_are(
    few: Setup, name: str, content: bytes, program: str
) -> None:
    (few.folder / name).write_bytes(content)
    model = {"weights": name, "architecture": "small-cnn", "classes": list(CLASSES)}
    few.change_plan(model=model)
    sentence = refusal(few)
    assert f"{name} is a file of {program}, and weights are a state_dict saved" in sentence
    assert "`model.python`" in sentence


@pytest.mark.parametrize(("name", "key"), [("m.onnx", "onnx"), ("m.keras", "keras")])
def test_a_whole_model_as_weights_is_told_its_key(few: Setup, name: str, key: str) -> None:
    (few.folder / name).write_bytes(b"PK\x03\x04")
    few.change_plan(model={"weights": name, "architecture": "small-cnn", "classes": list(CLASSES)})
    assert refusal(few).endswith(f"is a whole model, not weights; name it as `model.{key}`")


def test_code_as_weights_is_told_its_key(few: Setup) -> None:
    (few.folder / "mine.py").write_text("def build(): ...")
    model = {"weights": "mine.py", "architecture": "small-cnn", "classes": list(CLASSES)}
    few.change_plan(model=model)
    assert refusal(few).endswith("returns the network as `model.python: mine:FUNCTION`")


def test_weights_that_would_run_code(few: Setup) -> None:
    network = build_network("small-cnn", spatial_dims=2, channels=3, n_outputs=3)
    path = few.folder / "whole.pt"
    torch.save(network, path)
    model = {"weights": path.name, "architecture": "small-cnn", "classes": list(CLASSES)}
    few.change_plan(model=model)
    assert refusal(few).startswith(f"{path} holds more than tensors and would execute code when lo")
    torch.save(network.state_dict(), path)
    assert plexor("audit", few.plan, "--out", few.out).status == 0


CODE = """
import torch
from torch import nn

def network():
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 3)).eval()

def number():
    return 3

def broken():
    raise FileNotFoundError("secret.pth")
"""


@pytest.fixture
def code(few: Setup, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the working directory."""
    (few.folder / "their_network.py").write_text(CODE)
    monkeypatch.chdir(few.folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "their_network", raising=False)
    return "their_network"


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        (
            "their_network:nothing",
            "model: cannot load nothing from their_network: AttributeError",
        ),
        ("no_module:network", "model: cannot load network from no_module: ModuleNotFoundError: "),
        ("their_network:number", "model: their_network:number returned int, expected a torch.nn."),
        ("their_network:broken", "model: cannot load broken from their_network: FileNotFoundError"),
        ("their_network", "model: `python` must be 'package.module:factory', got 'their_network'"),
    ],
)
def test_code_that_gives_no_network(few: Setup, code: str, factory: str, reason: str) -> None:
    few.change_plan(model={"python": factory, "classes": list(CLASSES)})
    assert refusal(few, "--allow-code").startswith(reason)


def test_code_is_not_run_unasked(few: Setup, code: str) -> None:
    few.change_plan(model={"python": f"{code}:network", "classes": list(CLASSES)})
    assert refusal(few) == (
        "model: `python: their_network:network` would import their_network and call network(); "
        "if you trust it, add --allow-code"
    )
    assert code not in sys.modules
    assert plexor("audit", few.plan, "--out", few.out, "--allow-code").status == 0


class Altered(nn.Module):
    """A sound network whose outputs are meddled with."""

    def __init__(self, network: nn.Module, change: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.network = network
        self.change = change

    def forward(self, images: Tensor) -> Any:
        return self.change(self.network(images), images)


def altered(setup: Setup, change: Callable[[Tensor, Tensor], Any]) -> TorchModel:
    sound = load_model(ModelSource(weights=setup.weights))
    return TorchModel(Altered(sound.network, change).eval(), task=sound.task)


def fail(_outputs: Tensor, _images: Tensor) -> Tensor:
    raise ValueError("no such thing")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda o, _: o[:, :2],
            r"model returned outputs of shape \(12, 2\), expected \(12, 3\)",
        ),
        (lambda o, _: o[:, 0], r"the model returned outputs of shape \(12,\), expected \(12, 3\)"),
        (lambda o, _: o[:1], r"the model returned outputs of shape \(1, 3\), expected \(12, 3\)"),
        (lambda o, x: (o, x), r"the model returned a tuple, expected a tensor of shape \(12, 3\)"),
        (fail, r"the network fails on images of shape \(3, 32, 32\): ValueError: no such thing"),
    ],
)
def test_outputs_of_a_wrong_shape(
    few: Setup, change: Callable[[Tensor, Tensor], Any], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        audited(few.plan, few.out, model=altered(few, change))
    assert not list(few.out.rglob("*.parquet"))


def raised_flags(run: Path) -> dict[str, str]:
    """Id → message, of what is raised on the model; the report shows each."""
    write_report(run)
    summary = read_flat(run)
    page = (run / "report.html").read_text()
    assert all(escape(flag["message"]) in page for flag in summary["flags"])
    return {flag["id"]: flag["message"] for flag in summary["flags"]}


OF_THE_MODEL = {"training-mode", "non-deterministic", "probability-outputs", "zero-gradients"}


def test_a_sound_model_raises_no_flag(few: Setup) -> None:
    audited(few.plan, few.out, model=altered(few, lambda outputs, _: outputs))
    assert not OF_THE_MODEL & raised_flags(few.out).keys()


def test_probabilities(few: Setup) -> None:
    findings = audited(few.plan, few.out, model=altered(few, lambda o, _: o.softmax(1)))
    assert set(findings["status"]) == {"ok"}
    assert "logits are expected" in raised_flags(few.out)["probability-outputs"]


def test_a_model_that_is_handed_over_in_training_mode(few: Setup) -> None:
    expected = audited(few.plan, few.folder / "evaluation", model=altered(few, lambda o, _: o))
    model = altered(few, lambda o, _: o)
    training = TorchModel(model.network.train(), task=model.task)
    found = audited(few.plan, few.out, model=training)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)  # it was switched over
    assert "was switched to evaluation mode" in raised_flags(few.out)["training-mode"]


class Stubborn(nn.Dropout):
    """Stays in training mode."""

    def train(self, mode: bool = True) -> Stubborn:
        super().train(mode=True)
        return self


def test_a_model_that_stays_in_training_mode(few: Setup) -> None:
    sound = load_model(ModelSource(weights=few.weights))
    network = nn.Sequential(sound.network, Stubborn(0.5))
    findings = audited(few.plan, few.out, model=TorchModel(network, task=sound.task))
    assert set(findings["status"]) == {"ok"}
    flags = raised_flags(few.out)
    assert "1 modules stay in training mode, e.g. '1'" in flags["training-mode"]
    assert (
        "two evaluations of the same images differ by up to" in flags["non-deterministic"].lower()
    )


def test_outputs_that_differ_from_call_to_call(few: Setup) -> None:
    audited(few.plan, few.out, model=altered(few, lambda o, _: o + torch.randn_like(o) * 1e-3))
    assert "differ by up to 0.00" in raised_flags(few.out)["non-deterministic"]


def test_no_gradient_fails_the_attack_and_nothing_else(few: Setup) -> None:
    findings = audited(few.plan, few.out, model=altered(few, lambda o, _: o.detach()))
    failed = findings[findings["status"] == "failed"]
    assert set(failed["probe"]) == {"pgd-linf-2"}
    assert len(failed) == 12
    assert (
        failed["error"]
        .str.contains("this attack needs gradients, and the model is not differentiable")
        .all()
    )
    flags = raised_flags(few.out)
    assert "no gradient" in flags["zero-gradients"].lower()
    assert flags["failed-cases"] == "12 of 12 cases failed that could be judged untouched."


def test_a_model_that_gives_nan_for_some_cases(few: Setup) -> None:
    means = {path: float(read_image(path).pixels.mean()) for path in few.images()}
    ordered = sorted(means.values())
    below, above = max(pairwise(ordered), key=lambda pair: pair[1] - pair[0])
    limit = (below + above) / 2
    assert above - below > 4  # an attack of two levels does not bring a case across
    lost = {str(p.relative_to(few.folder)) for p, mean in means.items() if mean > limit}

    def change(outputs: Tensor, images: Tensor) -> Tensor:
        too_bright = images.mean((1, 2, 3), keepdim=True).flatten(1) * 255 > limit
        return torch.where(too_bright, torch.nan, outputs)

    findings = audited(few.plan, few.out, model=altered(few, change))
    failed = findings[findings["status"] == "failed"]
    assert set(failed["case_id"]) == lost
    assert len(failed) == 3 * len(lost)
    clean = failed["probe"] == "clean"
    assert set(failed.loc[clean, "error"]) == {"the model's outputs are not finite"}
    assert set(failed.loc[~clean, "error"]) == {"the untouched image had failed already"}
    assert not failed[["attempted", "reached", "within_threat"]].any(axis=None)
    flags = raised_flags(few.out)
    assert flags["failed-cases"] == f"{len(lost)} of 12 untouched cases could not be judged."


def test_a_model_that_gives_nan_for_perturbed_cases_only(few: Setup) -> None:
    """Neither robust nor fooled."""
    known = torch.stack(
        [torch.from_numpy(read_image(path).pixels.astype(np.float32)) for path in few.images()]
    )

    def change(outputs: Tensor, images: Tensor) -> Tensor:
        away = (images[:, None] * 255 - known).abs().amax((2, 3, 4)).amin(1, keepdim=True)
        return torch.where(away > 0.5, torch.nan, outputs)

    findings = audited(few.plan, few.out, model=altered(few, change))
    right = findings["decision_before"] == findings["truth"]
    attempted = findings.loc[(findings["probe"] == "clean") & right, "case_id"]
    assert len(attempted) > 3
    failed = findings[findings["status"] == "failed"]
    assert set(failed["probe"]) == {"pgd-linf-2", "noise-linf-2"}
    assert set(failed.loc[failed["probe"] == "pgd-linf-2", "case_id"]) == set(attempted)
    assert (failed["probe"] == "noise-linf-2").sum() == 12
    assert not failed["reached"].any()
    assert "failed-cases" in raised_flags(few.out)


def test_a_model_that_gives_nan_for_all(few: Setup) -> None:
    findings = audited(few.plan, few.out, model=altered(few, lambda o, _: o * torch.nan))
    assert set(findings["status"]) == {"failed"}
    flags = raised_flags(few.out)
    assert flags["failed-cases"] == "12 of 12 untouched cases could not be judged."
    accuracy = read_flat(few.out)["clean"]["accuracy"]
    assert (accuracy["value"], accuracy["n"], accuracy["note"]) == (None, 0, "no observations")
    done = plexor("report", few.out)
    assert (done.status, done.err) == (0, "")


def test_an_audit_without_a_single_verdict_is_no_success(few: Setup) -> None:
    model = load_model(ModelSource(weights=few.weights))
    state = model.network.state_dict()
    state["head.bias"].fill_(torch.nan)
    save_weights(few.weights, model.network, model.card)
    unmet = plexor("audit", few.plan, "--out", few.out, "--require", "clean.accuracy.low > 0.5")
    assert "NOT met: clean.accuracy.low > 0.5" in unmet.out
    assert unmet.sentence == (
        "every case failed under clean, pgd-linf-2, noise-linf-2, so nothing was measured; "
        "the first error: the model's outputs are not finite; correct the images or the model, and "
        "audit into a new directory"
    )
    assert (few.out / "report.html").exists()
    assert RunDirectory(few.out).provenance()["finished"] is True
    assert plexor("audit", few.plan, "--out", few.out).status == 2  # and so again


def test_classes_the_model_does_not_know(few: Setup) -> None:
    sound = load_model(ModelSource(weights=few.weights))
    model = TorchModel(sound.network, task=Multiclass(classes=("a", "b", "c")))
    with pytest.raises(Exception, match="which are no classes of the model; it knows a, b, c"):
        audited(few.plan, few.out, model=model)
