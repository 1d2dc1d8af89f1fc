"""A model that leaves torch, audited to the report with something in that layer's place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.helpers.runs import Setup, audited
from tests.helpers.summary_json import read_flat
from torch import Tensor, nn

from plexor.audits import audit
from plexor.audits.preview import preview
from plexor.core.errors import PlanError, RunDirectoryError
from plexor.models import ModelSource, TorchModel, load_model
from plexor.plans import load_plan
from plexor.report import write_report

THREAT = {"norm": "linf", "radius": 40}


class Coarse(nn.Module):
    """Rounds to steps of a tenth, by NumPy."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.from_numpy((inputs.numpy() * 10).round() / 10)


def guarded(setup: Setup) -> TorchModel:
    sound = load_model(ModelSource(weights=setup.weights))
    network = nn.Sequential()
    network.add_module("guard", Coarse())
    network.add_module("network", sound.network)
    return TorchModel(network, task=sound.task, preprocess=sound.preprocess)


def with_backward(setup: Setup, written: object, **more: Any) -> None:
    probe = {"attack": "pgd", "steps": 5, "threat": THREAT, "backward": written}
    setup.change_plan(n_examples=0, probes=[probe], **more)


def test_the_report_says_what_stands_for_the_layer(setup: Setup) -> None:
    with_backward(setup, {"guard": "identity"})
    findings = audited(setup.plan, setup.out, model=guarded(setup))
    attacked = findings[findings["probe"] == "pgd-linf-40"]
    assert (attacked["error"] == "").all()
    assert attacked["n_gradients"].sum() > 0
    write_report(setup.out)
    assert "PGD (guard as identity)" in (setup.out / "report.html").read_text()


@pytest.mark.parametrize(
    ("probe", "raised"),
    [
        ({"attack": "pgd", "steps": 5}, True),
        ({"attack": "pgd", "steps": 5, "backward": {"guard": "identity"}}, False),
        ({"attack": "cascade"}, False),
    ],
)
def test_gradients_are_in_doubt_until_attacks_pass_by_what_hides_them(
    setup: Setup, probe: dict[str, object], *, raised: bool
) -> None:
    setup.change_plan(n_examples=0, probes=[probe | {"threat": THREAT}])
    audited(setup.plan, setup.out, model=guarded(setup))
    write_report(setup.out)
    flags = {flag["id"]: str(flag) for flag in read_flat(setup.out)["flags"]}
    in_doubt = {"zero-gradients", "false-gradients", "unbounded-fails"}
    assert in_doubt & flags.keys() == (in_doubt if raised else set())
    if raised:
        said = "hidden by guard: an attack with `backward: {guard: identity}` passes by"
        assert said in flags["zero-gradients"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"gaurd": "identity"}, "unknown layer 'gaurd'; did you mean 'guard'"),
        ({"network": "identity"}, r"pgd-linf-40: backward: the layer network \(\w+\) makes"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_attacked(
    setup: Setup, written: object, message: str
) -> None:
    with_backward(setup, {"guard": "identity"} | dict(written))  # type: ignore[call-overload]
    with pytest.raises(PlanError, match=message):
        audited(setup.plan, setup.out, model=guarded(setup))


CODE = """
import torch
from torch import nn

def imitation():
    network = nn.Conv2d(3, 3, 1, bias=False)
    network.weight.data = {factor} * torch.eye(3).view(3, 3, 1, 1)
    return network
"""


def test_a_network_of_ones_own_is_allowed_hashed_and_kept_to(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "imitated.py").write_text(CODE.format(factor=1.0))
    with_backward(setup, {"guard": {"python": "imitated:imitation"}})
    with pytest.raises(PlanError, match=r"backward: `python: imitated:imitation` would import"):
        audit(setup.plan, out=setup.out, model=guarded(setup))
    assert not setup.out.exists()
    audit(setup.plan, out=setup.out, model=guarded(setup), allow_code=True)
    (tmp_path / "imitated.py").write_text(CODE.format(factor=3.0))
    monkeypatch.delitem(sys.modules, "imitated")
    with pytest.raises(RunDirectoryError, match="another network in `backward`"):
        audit(setup.plan, out=setup.out, model=guarded(setup), allow_code=True)


def test_a_check_of_the_plan_tries_stand_ins_out(setup: Setup) -> None:
    with_backward(setup, {"hed": "identity"})
    (doubt,) = preview(load_plan(setup.plan)).doubts
    assert doubt.place == ("probes", 0, "backward")
    assert "unknown layer 'hed'" in doubt.text
