"""The study as plans: its arms, networks and sizes at each scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from plexor.core.errors import PlanError, unknown

Written = dict[str, Any]
"""Part of a plan, as its YAML holds it."""

ORIGINAL, COVERED, INPAINTED, MOVED = "original", "covered", "inpainted", "boxes-moved"
TAGS, RECENTRED, BOXES = "tags-only", "tags-recentred", "boxes-only"
ARMS: Mapping[str, str] = {
    ORIGINAL: "the films as they are",
    COVERED: "tags covered by black boxes",
    TAGS: "black but for the tags",
    INPAINTED: "the strokes of tags inpainted, so that no box is to be seen",
    MOVED: "the black boxes at random places, the tags left",
    RECENTRED: "the tags alone, moved to the middle: their position is gone",
    BOXES: "black boxes on a blank image: where tags were, and nothing else",
}
"""Arm → what its networks see; the first three are the publication's."""
FILMS, TAG_TABLE = "films", "tags.csv"
"""The films in grey, with their manifest; the table of tags."""
AT_INFERENCE = "covered-at-inference"
RELIANCE = "reliance"
"""Folder of what is measured of a network's reliance on tags."""
COVER, INPAINT = "tag-cover", "tag-inpaint"
"""Probes of the networks that were trained on the films as they are."""
SPLITS: Mapping[str, float] = {"train": 0.62, "validation": 0.08, "test": 0.30}
SEED = 0
"""Of the split, the choice of films and the places of moved boxes; the same for all networks."""

Source = Literal["phantoms", "MURA", "chest films"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large everything is.

    Attributes:
        name: "smoke", "small" or "full".
        side: of the network's square input, in pixels.
        most: greatest number of films of each split; None takes all.
        seeds: of training.
        training: options of training.
        draws: control covers of each film, where reliance is measured.
        attention: methods of attention there, see ``plexor.attention.METHODS``.
        phantoms: patients that are drawn where no data are given, with two films each.
    """

    name: str
    side: int
    most: Mapping[str, int] | None
    seeds: tuple[int, ...]
    training: Mapping[str, Any]
    draws: int = 5
    attention: tuple[str, ...] = ("grad-cam",)
    phantoms: int = 0


SCALES: dict[str, Scale] = {
    "smoke": Scale(
        name="smoke",
        side=64,
        most=None,
        seeds=(0, 1),
        training={
            "architecture": "small-cnn",
            "epochs": 4,
            "batch_size": 8,
            "patience": 4,
            "learning_rate": 0.01,
        },
        phantoms=40,
    ),
    "small": Scale(
        name="small",
        side=80,
        most={"train": 800, "validation": 100, "test": 600},
        seeds=(0, 1, 2),
        training={
            "architecture": "small-densenet",
            "epochs": 5,
            "batch_size": 32,
            "patience": 5,
            "learning_rate": 0.005,
        },
    ),
    "full": Scale(
        name="full",
        side=320,
        most=None,
        seeds=(0, 1, 2, 3, 4),
        training={
            "architecture": "densenet121",
            "epochs": 20,
            "batch_size": 32,
            "patience": 5,
            "learning_rate": 0.0005,
            "augment": {"rotate_degrees": 10, "zoom": 0.1},
            "precision": "bf16-mixed",
            "workers": 8,
        },
        draws=20,
        attention=("grad-cam", "integrated-gradients"),
    ),
}


def scale_of(name: str) -> Scale:
    """The scale of that name.

    Raises:
        PlanError: there is none.
    """
    if name not in SCALES:
        raise PlanError(unknown("scale", name, SCALES))
    return SCALES[name]


def folder_of(arm: str, seed: int) -> str:
    """The folder of an arm's network trained with a seed."""
    return f"{arm}-{seed}"


def manifest_of(arm: str) -> str:
    """The manifest of an arm's images, from the study's directory."""
    return f"{FILMS}/manifest.csv" if arm == ORIGINAL else f"arms/{arm}/manifest.csv"


def plan_of(arm: str, scale: Scale, *, seed: int) -> Written:
    """Training and audit of a network, in the form of a plan in a folder of its own.

    Args:
        arm: see ``ARMS``.
        scale: how large.
        seed: of training.
    """
    return {
        "name": f"yi2022, {arm}, seed {seed}",
        "seed": seed,
        "cohort": {"manifest": f"../{manifest_of(arm)}", "audit": "test"},
        "model": {"weights": "weights.safetensors"},
        "train": {
            "task": "binary",
            "preprocess": {"size": [scale.side, scale.side]},
            **scale.training,
        },
        "probes": _probes() if arm == ORIGINAL else [],
        "n_examples": 4,
        "visibility": {"observer": "none"},
    }


def inference_plan(scale: Scale, *, seed: int) -> Written:
    """The audit of the network of the films as they are, behind a wrapper that covers tags."""
    plan = plan_of(ORIGINAL, scale, seed=seed)
    del plan["train"]
    return plan | {
        "name": f"yi2022, {ORIGINAL}, tags covered by the model, seed {seed}",
        "cohort": {"manifest": f"../../{manifest_of(ORIGINAL)}", "audit": "test"},
        "model": {"weights": "../weights.safetensors"},
        "probes": [],
    }


def _probes() -> list[Written]:
    tags = f"../{TAG_TABLE}"
    return [
        {"shortcut": "tag-cover", "id": COVER, "tags": tags},
        {"shortcut": "tag-cover", "id": INPAINT, "tags": tags, "fill": "inpaint"},
    ]
