"""The study's arms as plans for ``plexor train`` and ``plexor audit``, at each scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plexor.core.errors import PlanError, unknown
from plexor.studies.allyn2020.layout import NAEVUS

Written = dict[str, Any]
"""Part of a plan, as its YAML holds it."""

PUBLISHED, CLEAN, TRANSFER = "as-published", "clean", "transfer"
ARMS = (PUBLISHED, CLEAN, TRANSFER)
HELD_OUT = "held-out"
"""The arm on images that nobody fitted on, where they are given."""
COHORT, HELD_OUT_COHORT = "cohort.csv", "held-out.csv"
WEIGHTS = "weights.safetensors"
RADII = (1, 2, 4, 8)
"""Levels of 255."""
MAIN_RADIUS = 8
"""The radius of the report's first table."""
UNTARGETED_RADIUS = 4
GENERATOR, UNIVERSAL, ONE_PIXEL = "generator", "universal-generator", "one-pixel"
SEED = 0
_FEW = 12
"""Number of examples kept in arms from which no image set for readers is drawn."""

_LOOK: Written = {"window": [0, 255], "mean": [0.76, 0.55, 0.57], "std": [0.14, 0.15, 0.17]}
"""Mean and standard deviation of HAM10000's channels, over 255."""
_LITE: Written = {"window": [0, 255], "mean": [0.498], "std": [0.502]}
"""(x - 127) / 128, which EfficientNet-Lite0's ImageNet weights take."""
_TURNED = {"flip": [0, 1], "rotate_degrees": 180, "zoom": 0.15, "brightness": 0.1, "contrast": 0.15}
"""Flips and rotations: skin has no preferred orientation."""
_COMMON = {
    "learning_rate": 0.001,
    "weight_decay": 0.02,
    "label_smoothing": 0.05,
    "class_weights": "none",
    "augment": _TURNED,
}


NAEVI_KEPT = 4
"""Naevi are kept four times as often as each other class, where a scale keeps a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Size of the study: networks, images, options of attacks.

    Attributes:
        name: "smoke", "small" or "full".
        classifier: key ``train`` of the plan of the attacked network.
        other: likewise, of the network of the transfer arm.
        generator: options of the fits.
        pgd: options of PGD.
        one_pixel: options options of the one-pixel attack, which makes hundreds of queries per
            image; None leaves it out.
        most_lesions: maximum number of lesions per class of real data, four times that of naevi.
            None takes all.
        n_examples: number of examples kept in each arm whose generator makes naevi, for readers and
            the report.
        because: why the classifier may be worse than the published one.
    """

    name: str
    classifier: Mapping[str, Any]
    other: Mapping[str, Any]
    generator: Mapping[str, Any]
    pgd: Mapping[str, Any]
    one_pixel: Mapping[str, Any] | None
    most_lesions: int | None = None
    n_examples: int = 120
    because: str

    def setting(self, n_images: int, n_lesions: int, *, drawn: bool) -> str:
        """A sentence that names images and networks."""
        height, width = self.classifier["preprocess"]["size"]
        kind = "drawn phantoms, not photographs" if drawn else "HAM10000"
        return (
            f"Run on {n_images:,} images of {n_lesions:,} lesions ({kind}); the classifier is "
            f"{self.classifier['architecture']} at {width} × {height} pixels, the second network "
            f"{self.other['architecture']}."
        )


def _training(
    architecture: str, height: int, width: int, *, look: Written = _LOOK, **rest: object
) -> Written:
    size = {"size": [height, width], **look}
    return {"architecture": architecture, "preprocess": size, **_COMMON, **rest}


_BRIEF: Written = {"epochs": 12, "batch_size": 32, "patience": 12, "learning_rate": 0.003}
_HOUR: Written = {"epochs": 10, "batch_size": 32, "patience": 10, "precision": "bf16-mixed"}
_LONG: Written = {
    "epochs": 30,
    "batch_size": 16,
    "patience": 10,
    "learning_rate": 0.0003,
    "precision": "bf16-mixed",
    "workers": 8,
}

SCALES: dict[str, Scale] = {
    "smoke": Scale(
        name="smoke",
        classifier=_training("small-cnn", 48, 48, **_BRIEF),
        other=_training("small-cnn", 32, 32, **_BRIEF),
        generator={"width": 8, "steps": 50},
        pgd={"steps": 10},
        one_pixel={"population": 10, "queries": 40},
        most_lesions=20,
        n_examples=30,
        because="a small network was trained for seconds on few images, to test that everything "
        "works",
    ),
    "small": Scale(
        name="small",
        classifier=_training("densenet201", 72, 96, **_HOUR),
        other=_training("efficientnet-lite0", 72, 96, look=_LITE, **_HOUR | {"epochs": 6}),
        generator={"steps": 400, "patch": 4, "precision": "bfloat16", "fit_batch": 48},
        pgd={"steps": 20, "precision": "bfloat16", "stop_at_success": True},
        one_pixel=None,
        because="the network sees 96 × 72 pixels in place of 600 × 450, starts from random "
        "weights if none are given, and is trained for 10 epochs",
    ),
    "full": Scale(
        name="full",
        classifier=_training("densenet201", 450, 600, **_LONG),
        other=_training("efficientnet-lite0", 450, 600, look=_LITE, **_LONG),
        generator={},
        pgd={"steps": 20},
        one_pixel={},
        because="the paper does not describe its training in full, so ours differs",
    ),
}

_SHARES = {
    PUBLISHED: {"train": 0.75, "validation": 0.05, "test": 0.20},
    CLEAN: {"train": 0.75, "validation": 0.10, "test": 0.15},
}
"""Shares of the splits, equal in both arms; the test set is a fifth, as in the paper."""
_COLUMNS = {
    PUBLISHED: {
        "label": "dx",
        "id": "image_id",
    },  # no groups: split by image
    CLEAN: {"label": "dx", "id": "image_id", "group": "lesion_id"},
}


def scale_of(name: str) -> Scale:
    """The scale of that name.

    Raises:
        PlanError: there is none.
    """
    if name not in SCALES:
        raise PlanError(unknown("scale", name, SCALES))
    return SCALES[name]


def plan_of(
    arm: str, scale: Scale, *, start: Path | None = None, loaded: Sequence[Written] = ()
) -> Written:
    """An arm's plan as plain data, as seen from its folder in the study's directory.

    Args:
        arm: name of the arm.
        scale: what is run.
        start: initial weights of the training.
        loaded: the transfer arm's probes, see ``loaded_probe``, from fits of the clean arm.
    """
    design = CLEAN if arm == TRANSFER else arm
    train = dict(scale.other if arm == TRANSFER else scale.classifier)
    if start is not None:
        train["start"] = str(start.resolve())
    return {
        "name": f"Allyn 2020, {arm}",
        "seed": SEED,
        "cohort": {
            "manifest": f"../{COHORT}",
            "columns": _COLUMNS[design],
            "split": _SHARES[design],
        },
        "model": {"weights": WEIGHTS},
        "train": train,
        "probes": list(loaded) if arm == TRANSFER else _probes(arm, scale),
        "n_examples": _FEW if arm == TRANSFER else scale.n_examples,
    }


def repeated_plan(arm: str, scale: Scale, seed: int) -> Written:
    """The plan of an arm with another seed, with the first table's attack only.

    The seed draws everything anew: split, training, fit and noise. The folder lies one deeper.
    """
    first = plan_of(arm, scale)
    (probe, *_) = _probes(arm, scale)
    probe = probe | {"threat": {"norm": "linf", "radius": MAIN_RADIUS}}
    cohort = first["cohort"] | {"manifest": f"../../{COHORT}"}
    about = {"name": f"{first['name']}, seed {seed}", "seed": seed, "cohort": cohort}
    return first | about | {"probes": [probe], "n_examples": _FEW}


def held_out_plan(scale: Scale, *, loaded: Sequence[Written]) -> Written:
    """The plan of the arm on images that nobody fitted on: network and generators of the clean arm.

    Args:
        scale: what is run.
        loaded: see ``loaded_probe``, from fits of the clean arm.
    """
    to_naevus = {"goal": {"become": NAEVUS}, "threat": {"norm": "linf", "radius": list(RADII)}}
    return {
        "name": f"Allyn 2020, {HELD_OUT}",
        "seed": SEED,
        "cohort": {
            "manifest": f"../{HELD_OUT_COHORT}",
            "columns": _COLUMNS[CLEAN],
            "audit": None,
        },
        "model": {"weights": f"../{CLEAN}/{WEIGHTS}"},
        "probes": [*loaded, {"attack": "pgd", **scale.pgd, **to_naevus}],
        "n_examples": _FEW,
    }


def _probes(arm: str, scale: Scale) -> list[Written]:
    # the paper has one size of change
    radii = MAIN_RADIUS if arm == PUBLISHED else list(RADII)
    to_naevus = {"goal": {"become": NAEVUS}, "threat": {"norm": "linf", "radius": radii}}
    to_anything = {"goal": "misclassify", "threat": {"norm": "linf", "radius": UNTARGETED_RADIUS}}
    if arm == PUBLISHED:
        return [{"attack": GENERATOR, "fit": "test", **scale.generator, **to_naevus}]
    one_pixel = {"attack": ONE_PIXEL, "threat": {"norm": "l0", "radius": 1}}
    return [
        {"attack": GENERATOR, "fit": "train", **scale.generator, **to_naevus},
        {"attack": UNIVERSAL, "fit": "train", "loss": "ce", **scale.generator, **to_naevus},
        {"attack": GENERATOR, "fit": "train", **scale.generator, **to_anything},
        *([] if scale.one_pixel is None else [one_pixel | dict(scale.one_pixel)]),
        {"attack": "pgd", **scale.pgd, **to_naevus},
    ]


def loaded_probe(attack: str, radius: float, file: Path) -> Written:
    """A probe that reuses a fit made on another model."""
    return {
        "attack": attack,
        "goal": {"become": NAEVUS},
        "load": str(file),
        "threat": {"norm": "linf", "radius": radius},
    }
