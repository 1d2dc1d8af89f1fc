"""``plexor plan check`` refuses what an audit refuses on its first images, in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from tests.helpers.runs import Outcome, plexor
from torch import nn

from plexor.models import Binary, ModelCard, save_weights
from plexor.models.architectures import build_network

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit

GREY = "the model takes images with 1 channels, got 3; if it takes 3, write `model.channels: 3`"
FIRST = " (the first image tried was f0.jpg)"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Grey films, stored as JPEGs in colour."""
    rows = ["path,label,group"]
    for n in range(6):
        grey = np.random.default_rng(n).integers(0, 256, (24, 24, 1)).astype(np.uint8)
        Image.fromarray(np.repeat(grey, 3, axis=2)).save(tmp_path / f"f{n}.jpg")
        rows.append(f"f{n}.jpg,{'ab'[n % 2]},p{n}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def torchscript(folder: Path, n_channels: int) -> dict[str, Any]:
    layers = nn.Sequential(
        nn.Conv2d(n_channels, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2)
    )
    path = folder / f"{n_channels}.pt"
    torch.jit.save(torch.jit.script(layers), path)
    return {"torchscript": str(path), "channels": n_channels, "classes": ["a", "b"]}


def weights(folder: Path) -> dict[str, Any]:
    task = Binary(classes=("a", "b"))
    network = build_network("small-cnn", spatial_dims=2, channels=1, n_outputs=task.n_outputs)
    card = ModelCard(task=task, architecture="small-cnn", channels=1, spatial_dims=2)
    save_weights(folder / "grey.safetensors", network, card)
    return {"weights": str(folder / "grey.safetensors")}


def write(folder: Path, model: dict[str, Any]) -> Path:
    plan = folder / "plan.yaml"
    attack = {"attack": "fgsm", "threat": {"norm": "linf", "radius": 2}}
    cohort = {"manifest": "manifest.csv", "audit": None}
    plan.write_text(yaml.safe_dump({"cohort": cohort, "model": model, "probes": [attack]}))
    return plan


def said(checked: Outcome) -> str:
    """The only complaint of ``plan check``, without its place."""
    assert checked.status == 1, checked.out
    (line,) = [line for line in checked.out.splitlines() if "plan.yaml: line" in line]
    return line.split(": ", maxsplit=2)[2]


def test_a_network_of_one_channel_and_films_stored_in_three(films: Path) -> None:
    plan = write(films, weights(films))
    assert said(plexor("plan", "check", plan)) == GREY + FIRST
    assert plexor("audit", plan, "--out", films / "run").sentence == GREY + FIRST


def test_a_model_that_is_code_is_held_against_its_card_without_being_run(films: Path) -> None:
    """The plan corrected after the refusal goes on in the same directory."""
    plan = write(films, torchscript(films, 1))
    assert said(plexor("plan", "check", plan)) == GREY + FIRST
    out = films / "run"
    assert plexor("audit", plan, "--out", out, "--allow-code").sentence == GREY + FIRST
    assert (out / "fingerprint.json").exists()
    write(films, torchscript(films, 3))
    assert plexor("plan", "check", plan).status == 0
    done = plexor("audit", plan, "--out", out, "--allow-code")
    assert done.status == 0, done.err
    write(films, torchscript(films, 3) | {"preprocess": {"size": [16, 16]}})
    refused = plexor("audit", plan, "--out", out, "--allow-code").sentence
    assert f"{out} holds a run with another plan" in refused


@pytest.mark.parametrize(
    ("changes", "allow", "words"),
    [
        ({"preprocess": {"mean": [0.5, 0.5]}}, (), "`mean` has 2 numbers, expected 1 or one"),
        ({"classes": ["a", "b", "c"]}, ("--allow-code",), "outputs of shape"),
    ],
)
def test_what_only_the_first_images_show(
    films: Path, changes: dict[str, Any], allow: tuple[str, ...], words: str
) -> None:
    plan = write(films, torchscript(films, 3) | changes)
    complaint = said(plexor("plan", "check", plan, *allow))
    assert words in complaint
    refused = plexor("audit", plan, "--out", films / "run", "--allow-code").sentence
    assert refused == complaint
