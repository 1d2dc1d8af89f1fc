"""One network through every door: the same findings; and a server killed, resumed and replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from tests.helpers.model_server import CLASSES, serving
from tests.helpers.runs import Setup, audited, plan, plexor, train_briefly, write_lesions

from plexor.audits import audit
from plexor.core.errors import OutageError
from plexor.findings import RunDirectory
from plexor.models import ModelCard, Multiclass, Preprocess, TorchModel, save_weights
from plexor.models.architectures import build_network

ROOT = Path(__file__).parents[2]
PGD = {"attack": "pgd", "steps": 3, "threat": {"norm": "linf", "radius": 4}}
SQUARE = {"attack": "square", "queries": 20, "threat": {"norm": "linf", "radius": 16}}


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Setup, dict[str, dict[str, Any]]]:
    """A DenseNet-121 in a file of each kind, and the plan's `model` for each."""
    folder = tmp_path_factory.mktemp("doors")
    write_lesions(folder, n_cases=6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network("densenet121", spatial_dims=2, channels=3, n_outputs=3).eval()
        images = torch.rand(2, 3, 32, 32)
    state = network.state_dict()
    task = Multiclass(classes=CLASSES)
    card = ModelCard(
        task=task, preprocess=Preprocess(), architecture="densenet121", channels=3, spatial_dims=2
    )
    save_weights(folder / "net.safetensors", network, card)
    torch.save(
        {"state_dict": {f"model.{k}": v for k, v in state.items()}, "epoch": 3}, folder / "net.ckpt"
    )
    free = torch.export.Dim("n", min=1, max=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network, images), folder / "net.pt")  # type: ignore[no-untyped-call]
        exported = torch.export.export(network, (images,), dynamic_shapes=({0: free},))
        torch.export.save(exported, folder / "net.pt2")
        torch.onnx.export(
            network,
            (images,),
            str(folder / "net.onnx"),
            dynamo=False,
            input_names=["i"],
            dynamic_axes={"i": {0: "n"}},
        )
    _write_bundle(folder / "bundle", state)
    (folder / "made.py").write_text(
        "from plexor.models.architectures import build_network\n"
        "def network():\n"
        "    return build_network('densenet121', spatial_dims=2, channels=3, n_outputs=3)\n"
    )
    named: dict[str, Any] = {"classes": list(CLASSES)}
    return Setup(folder=folder), {
        "weights": {"weights": "net.safetensors"},
        "lightning": {"weights": "net.ckpt", "architecture": "densenet121", **named},
        "python": {"weights": "net.ckpt", "python": "made:network", **named},
        "onnx": {"onnx": "net.onnx", **named},
        "torchscript": {"torchscript": "net.pt", **named},
        "exported": {"exported": "net.pt2", **named},
        "bundle": {"bundle": "bundle", "task": "multiclass", **named},
    }


def _write_bundle(folder: Path, state: dict[str, Any]) -> None:
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    shape = {"spatial_dims": 2, "in_channels": 3, "out_channels": 3}
    definition = {"network_def": {"_target_": "DenseNet121", **shape}}
    (folder / "configs" / "metadata.json").write_text(json.dumps({"name": "lesions"}))
    (folder / "configs" / "inference.json").write_text(json.dumps(definition))
    torch.save(state, folder / "models" / "model.pt")


@pytest.mark.filterwarnings("ignore")
def test_every_door_gives_the_findings_of_the_network(
    doors: tuple[Setup, dict[str, dict[str, Any]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setup, models = doors
    monkeypatch.chdir(setup.folder)
    found: dict[str, pd.DataFrame] = {}
    for name, model in models.items():
        setup.change_plan(model=model, probes=[PGD], n_examples=0)
        run = audit(setup.plan, out=tmp_path / name, allow_code=True)
        found[name] = run.findings()
        assert run.provenance()["model_access"] == "gradients"
    wanted = found.pop("weights")
    assert (wanted["status"] == "ok").all()
    for table in found.values():
        columns = ["probe", "case_id", "decision_before", "decision_after", "reached"]
        pd.testing.assert_frame_equal(table[columns], wanted[columns])
        for column in ("outputs_before", "outputs_after"):
            ours, theirs = (np.stack(list(t[column])) for t in (wanted, table))
            np.testing.assert_allclose(theirs, ours, atol=0.02 * np.abs(ours).max())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Setup, str, Any]]:
    write_lesions(tmp_path, n_cases=6)
    with serving() as (url, state):
        yield Setup(folder=tmp_path), url, state


def _asked(url: str, **request: Any) -> dict[str, Any]:
    return {
        "url": url,
        "request": {"form": "npy", "retries": 0, **request},
        "response": {"path": "predictions"},
        "outputs": "probabilities",
        "classes": list(CLASSES),
    }


def test_a_server_by_scores_gives_the_findings_of_the_function_behind_it(
    served: tuple[Setup, str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup, url, state = served
    monkeypatch.syspath_prepend(str(ROOT))
    function = {
        "predict": "tests.helpers.model_server:probabilities",
        "outputs": "probabilities",
        "classes": list(CLASSES),
    }
    setup.change_plan(model=function, probes=[SQUARE])
    wanted = audit(setup.plan, out=tmp_path / "function", allow_code=True).findings()
    setup.change_plan(model=_asked(f"{url}/scores"), probes=[SQUARE])
    run = audit(setup.plan, out=tmp_path / "server")
    pd.testing.assert_frame_equal(run.findings(), wanted, rtol=1e-4, atol=1e-4)
    assert run.provenance()["images_paid"] == len(state.asked)
    checks = {one["id"]: one["raised"] for one in run.provenance()["checks"]}  # type: ignore[attr-defined]
    assert checks["answers-drifted"] is False
    assert checks["non-deterministic"] is False


def test_an_outage_ends_an_audit_that_goes_on_without_paying_twice(
    served: tuple[Setup, str, Any], tmp_path: Path
) -> None:
    setup, url, state = served
    setup.change_plan(model=_asked(f"{url}/scores", most_images=40), probes=[SQUARE])
    with pytest.raises(OutageError, match=r"`request\.most_images` is 40"):
        audit(setup.plan, out=tmp_path / "run")
    first = len(state.asked)
    # a run belongs to its plan: the limit is raised in a run of its own, with the same ledger
    setup.change_plan(model=_asked(f"{url}/scores"), probes=[SQUARE])
    run = audit(setup.plan, out=tmp_path / "again")
    assert (run.findings()["status"] == "ok").all()
    anew = 4 + 6 + 4  # at the start, in the check of the model, at the end
    assert len(state.asked) - len(set(state.asked)) <= 2 * anew
    assert first <= 40


def test_a_model_replaced_during_the_audit_raises_a_flag(
    served: tuple[Setup, str, Any], tmp_path: Path
) -> None:
    setup, url, state = served

    def replaced(news: Any) -> None:
        state.drifted = news.done > 0

    setup.change_plan(model=_asked(f"{url}/drift"), probes=[SQUARE])
    run = audit(setup.plan, out=tmp_path / "run", on_progress=replaced)
    raised = {flag.id for flag in run.summarise().flags}
    assert "answers-drifted" in raised


def test_answers_that_vary_raise_a_flag(served: tuple[Setup, str, Any], tmp_path: Path) -> None:
    setup, url, _ = served
    setup.change_plan(model=_asked(f"{url}/vary"), probes=[SQUARE])
    run = audit(setup.plan, out=tmp_path / "run")
    assert "non-deterministic" in {flag.id for flag in run.summarise().flags}


def test_a_killed_audit_of_a_server_in_another_process_pays_nothing_twice(tmp_path: Path) -> None:
    write_lesions(tmp_path, n_cases=6)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.helpers.model_server", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as server:
        try:
            _wait((tmp_path / "port").exists)
            url = f"http://127.0.0.1:{(tmp_path / 'port').read_text()}/scores"
            model = _asked(url, per_second=200)
            (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan(model=model, probes=[SQUARE])))
            words = ["plexor", "audit", str(tmp_path / "plan.yaml"), "--out", str(tmp_path / "run")]
            program = [sys.executable, "-c", "from plexor.cli.app import main; main()", *words[1:]]
            with subprocess.Popen(program, cwd=ROOT, env=environment) as killed:
                _wait(lambda: _count(tmp_path) >= 40)
                killed.send_signal(signal.SIGKILL)
            assert killed.returncode == -signal.SIGKILL
            assert subprocess.run(program, cwd=ROOT, env=environment, check=False).returncode == 0
            asked = (tmp_path / "asked").read_text().split()
            anew = 2 * (4 + 6) + 4
            in_flight = 16
            assert len(asked) - len(set(asked)) <= anew + in_flight
        finally:
            server.terminate()


def _count(folder: Path) -> int:
    path = folder / "asked"
    return len(path.read_text().split()) if path.exists() else 0


def _wait(done: Any) -> None:
    for _ in range(1200):
        if done():
            return
        time.sleep(0.1)
    pytest.fail("waited two minutes in vain")


def test_inspect_tells_kind_access_and_answers(tmp_path: Path) -> None:
    model: TorchModel = train_briefly(write_lesions(tmp_path, n_cases=6), steps=2)
    save_weights(tmp_path / "w.safetensors", model.network, model.card)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.network, (torch.zeros(2, 3, 32, 32),), str(tmp_path / "net.onnx"), dynamo=False
        )
    written = plan(model={"onnx": "net.onnx", "classes": list(CLASSES)})
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(written))
    said = plexor("model", "inspect", tmp_path / "net.onnx", "--data", tmp_path / "plan.yaml")
    assert said.status == 0, said.err
    assert "opening it runs code  no" in said.out
    assert "gradients: outputs in torch differ from onnxruntime's by" in " ".join(said.out.split())
    assert "of 6 are decided as labelled" in said.out
    for name, words in (
        ("w.safetensors", "weights of small-cnn with a card"),
        ("x", "no model at"),
    ):
        other = plexor("model", "inspect", tmp_path / name)
        assert words in other.out + other.err
    table = audited(tmp_path / "plan.yaml", tmp_path / "run")
    assert (table["status"] == "ok").all()
    about: Any = RunDirectory(tmp_path / "run").provenance()
    words = " ".join(said.out.split())
    assert f"identity, SHA-256: {about['model_sha256']}" in words
    assert f"answers to fixed images, SHA-256: {about['answers'][0]['sha256']}" in words
