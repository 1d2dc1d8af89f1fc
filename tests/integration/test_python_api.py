"""What a notebook sees: names, one's own network, and nothing touched that is not asked for."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.helpers.runs import CLASSES, LINF_2, Setup, plan
from torch import nn

import plexor
from plexor.audits import Progress
from plexor.findings import SCHEMA

LIGHT = """
import sys

HEAVY = {"torch", "monai", "lightning", "pandas", "scipy", "matplotlib"}

def heavy():
    return sorted(HEAVY & sys.modules.keys())

import plexor
assert heavy() == [], heavy()
from plexor.cli.app import main
for command in ([], ["--version"], *([name] for name in sys.argv[1].split(","))):
    sys.argv = ["plexor", *command] + ([] if command == ["--version"] else ["--help"])
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, command
    assert heavy() == [], (command, heavy())
"""


@pytest.mark.parametrize("name", plexor.__all__)
def test_every_name_is_there_and_explained(name: str) -> None:
    value = getattr(plexor, name)
    assert name in dir(plexor)
    if name != "__version__":
        assert value.__doc__
        assert value.__doc__.strip()


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'plexor' has no attribute 'atack'"):
        plexor.atack  # noqa: B018


def test_importing_and_helping_load_nothing_heavy() -> None:
    commands = "demo,cohort,train,audit,report,attacks"
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, commands], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: ") == 7


def test_an_audit_loads_nothing_that_only_training_needs() -> None:
    code = (
        "import sys, plexor.audits; "
        "print({'lightning', 'monai', 'pytorch_lightning'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


class Theirs(nn.Module):
    """Somebody's network: the mean colour decides. Wants numbers from 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(3)[:, :, None, None] * 30)
            self.layer.bias.copy_(torch.tensor([-20.0, -13.0, -9.0]))  # type: ignore[union-attr]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(images).mean((2, 3))
        return logits


@pytest.fixture
def folder(lesions: Setup, tmp_path: Path) -> Path:
    """A folder of images with one sub-folder a class, and no manifest."""
    folder = tmp_path / "images"
    for row in lesions.rows()[:18]:
        (folder / row["label"]).mkdir(parents=True, exist_ok=True)
        shutil.copy(lesions.folder / row["path"], folder / row["label"])
    return folder


def test_from_a_network_and_a_folder_to_a_finding(folder: Path, tmp_path: Path) -> None:
    model = plexor.TorchModel(Theirs().eval(), task=plexor.Multiclass(classes=CLASSES))
    news: list[Progress] = []
    strong = LINF_2 | {"threat": {"norm": "linf", "radius": 16}}
    run = plexor.audit(
        {
            "cohort": {"manifest": folder, "audit": None},
            "probes": [strong],
            "n_examples": 2,
        },
        out=tmp_path / "run",
        model=model,
        on_progress=news.append,
    )
    findings = run.findings()
    assert isinstance(run, plexor.Run)
    assert sorted(findings.columns) == sorted(SCHEMA.names)
    assert len(findings) == 3 * 18
    attacked = findings[findings["probe"] == "pgd-linf-16"]
    assert attacked.loc[attacked["attempted"], "reached"].any()
    assert [n.done for n in news] == [18, 36, 54]
    report = plexor.write_report(run.path)
    assert report == tmp_path / "run" / "report.html"
    assert report.exists()
    assert plexor.RunDirectory(run.path).findings()[list(findings)].equals(findings)


def random_state() -> str:
    """Of the generators that a whole process shares."""
    shared = np.random.get_state()  # noqa: NPY002 (this one is what is looked at)
    return f"{torch.random.get_rng_state().tolist()} {shared} {random.getstate()}"


def test_nothing_else_is_touched(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    network = Theirs().eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    environment = dict(os.environ)
    state = random_state()
    threads = torch.get_num_threads()
    plexor.audit(
        plan(cohort={"manifest": str(folder), "audit": None}, n_examples=0),
        out=str(tmp_path / "run"),
        model=plexor.TorchModel(network, task=plexor.Multiclass(classes=CLASSES)),
    )
    assert random_state() == state
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()
    assert dict(os.environ) == environment
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    assert list(elsewhere.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"images", "elsewhere", "run"}


def test_a_plan_is_given_in_any_form(
    few: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(few.folder)
    forms: list[Path | str | plexor.Plan | dict[str, object]] = [
        few.plan,
        str(few.plan),
        plexor.load_plan(few.plan),
        plan(unit_size=12, n_examples=0),
    ]
    found = [plexor.audit(form, out=tmp_path / str(i)).findings() for i, form in enumerate(forms)]
    for findings in found[1:]:
        pd.testing.assert_frame_equal(findings, found[0], check_exact=True)
    # and the plan that a run keeps is one of them
    again = plexor.Plan.model_validate(plexor.RunDirectory(tmp_path / "0").plan())
    assert plexor.audit(again, out=tmp_path / "0").findings().equals(found[0])


def test_whatever_is_refused_is_one_kind_of_error(setup: Setup, tmp_path: Path) -> None:
    broken_plans: list[Path | dict[str, object]] = [
        tmp_path / "no-plan.yaml",
        {},
        plan(seed="x"),
        setup.plan_with(model={"weights": "no"}),
    ]
    for broken in broken_plans:
        with pytest.raises(plexor.PlexorError):
            plexor.audit(broken, out=tmp_path / "run")
    with pytest.raises(plexor.PlexorError, match="unknown norm 'l3'"):
        plexor.Threat(norm="l3", radius=1)  # type: ignore[arg-type]
    with pytest.raises(plexor.PlexorError, match="`steps` must be at least 1"):
        plexor.attacks.PGD(steps=0)
