"""Plans whose attacks search on other models than the one that is audited."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.helpers.runs import CLASSES, Setup, plexor, set_up, train_briefly
from tests.helpers.summary_json import flat
from torch import nn

from plexor.audits import Ray, audit
from plexor.audits.surrogates import load_surrogates
from plexor.core.errors import ModelError, PlanError
from plexor.findings import RunDirectory
from plexor.findings.summary import summarise
from plexor.models import Multiclass, Regression, TorchModel, load_model, save_weights
from plexor.models.architectures import build_network
from plexor.plans import load_plan

THREAT = {"norm": "linf", "radius": [2, 4], "access": "none"}


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """Twelve phantoms, the model that is audited, and two others beside the plan."""
    setup = set_up(tmp_path, n_cases=12)
    for name, steps in (("a", 15), ("b", 25)):
        other = train_briefly(setup.manifest, steps=steps)
        save_weights(setup.folder / f"{name}.safetensors", other.network, other.card)
    return setup


def probe(*names: str, **changes: Any) -> dict[str, Any]:
    files = [f"{name}.safetensors" for name in names]
    return {"attack": "transfer", "steps": 3, "surrogates": files, "threat": THREAT} | changes


def run_of(setup: Setup, *probes: dict[str, Any], out: str = "run", **options: Any) -> RunDirectory:
    setup.change_plan(probes=list(probes))
    return audit(setup.plan, out=setup.folder / out, **options)


def unit_names(run: RunDirectory) -> frozenset[str]:
    return frozenset({file.name for file in run.path.glob("units/transfer*.parquet")})


def card_of(setup: Setup, **changes: Any) -> None:
    """Writes a surrogate that differs in what its card says."""
    card = replace(train_briefly(setup.manifest, steps=1).card, **changes)
    network = build_network(
        "small-cnn",
        spatial_dims=card.spatial_dims or 2,
        channels=card.channels or 3,
        n_outputs=card.task.n_outputs,
    )
    save_weights(setup.folder / "odd.safetensors", network, card)


def test_a_plan_names_surrogates_and_is_told_what_became_of_them(setup: Setup) -> None:
    run = run_of(setup, probe("a", "b"))
    findings = run.findings()
    assert (findings["status"] == "ok").all()
    tried = findings.query("probe == 'transfer-linf-4' and attempted")
    assert (tried["n_gradients"] == 2 * 3).all()
    assert tried["linf"].max() == 4
    assert bool((tried["n_forwards"] % 2 == 0).all())
    told: Any = run.provenance()["surrogates"]
    assert [one["file"] for one in told] == ["a.safetensors", "b.safetensors"]
    assert all(len(one["weights_sha256"]) == 64 for one in told)
    summary: Any = flat(summarise(run.plan(), run.provenance(), findings))
    assert [one["about"]["access"] for one in summary["probes"] if one["kind"] == "attack"] == [
        "none",
        "none",
    ]
    assert plexor("report", run.path).status == 0
    page = (run.path / "report.html").read_text()
    assert page.count("gradients and passes are through a and b, which it searched on") == 1
    assert "a.safetensors&#39;" not in page


def test_units_are_those_of_the_surrogates_and_of_how_they_were_searched(setup: Setup) -> None:
    linf = {"threat": THREAT | {"radius": 2}}
    found = [
        unit_names(run_of(setup, one | linf, out=f"run-{number}"))
        for number, one in enumerate(
            [probe("a"), probe("b"), probe("a", "b"), probe("a", steps=4), probe("a")]
        )
    ]
    assert found[0] == found[4]
    assert len(set(found)) == 4
    assert len(frozenset.union(*found)) == 4 * 2
    (setup.folder / "a.safetensors").write_bytes((setup.folder / "b.safetensors").read_bytes())
    again = unit_names(run_of(setup, probe("a") | linf, out="other-weights"))
    assert again == found[1]


def test_surrogates_are_loaded_once_for_all_radii(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path | None] = []

    def noted(source: Any, **options: Any) -> TorchModel:
        loaded.append(source.weights)
        return load_model(source, **options)

    monkeypatch.setattr("plexor.audits.surrogates.load_model", noted)
    run_of(setup, probe("a", "b"), probe("a", id="alone"))
    assert loaded == [setup.folder / f"{name}.safetensors" for name in ("a", "b")]


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_workers_find_what_this_process_finds(setup: Setup) -> None:
    here = run_of(setup, probe("a", "b")).findings()
    there = run_of(setup, probe("a", "b"), out="ray", executor=Ray(workers=1)).findings()
    pd.testing.assert_frame_equal(here, there, check_exact=True)


def refused(setup: Setup, *names: str, **changes: Any) -> str:
    setup.change_plan(probes=[probe(*names, **changes)])
    with pytest.raises((ModelError, PlanError)) as caught:
        audit(setup.plan, out=setup.out)
    assert not setup.out.exists()
    return str(caught.value)


def test_surrogates_that_cannot_stand_for_the_model_are_refused(setup: Setup) -> None:
    assert "no weights at" in refused(setup, "a", "nowhere")
    assert "`surrogates` is empty; name at least one" in refused(setup)
    assert "does not support the norm l1; it supports linf, l2" in refused(
        setup, "a", threat={"norm": "l1", "radius": 9}
    )
    card_of(setup, task=Multiclass(classes=CLASSES[::-1]))
    assert "odd.safetensors must have the same classes as the model" in refused(setup, "a", "odd")
    card_of(setup, task=Regression(unit="years"))
    assert "must have the same kind as the model it stands for, multiclass" in refused(setup, "odd")
    card_of(setup, channels=1)
    assert "takes images with 1 channels, the audited model 3" in refused(setup, "odd")
    card_of(setup, spatial_dims=3)
    assert "with 3 spatial dimensions, the audited model 2" in refused(setup, "odd")
    (setup.folder / "odd.safetensors").write_bytes(b"no weights")
    assert "odd.safetensors is not a complete safetensors file" in refused(setup, "odd")


def test_weights_without_a_card_are_refused(setup: Setup) -> None:
    import safetensors.torch

    network: nn.Module = train_briefly(setup.manifest, steps=1).network
    safetensors.torch.save_file(network.state_dict(), setup.folder / "bare.safetensors")
    assert "has no model card; take a file written by plexor train" in refused(setup, "bare")


def test_a_plan_without_surrogates_loads_none(setup: Setup) -> None:
    model = train_briefly(setup.manifest, steps=1)
    plan = load_plan(setup.plan)
    assert load_surrogates(plan.all_probes(), model, path=plan.path) == {}
