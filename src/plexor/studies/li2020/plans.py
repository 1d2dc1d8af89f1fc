"""The study as plans: its networks, attacks and sizes at each scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plexor.core.errors import PlanError, unknown
from plexor.studies.li2020.layout import FEATURES

Written = dict[str, Any]
"""Part of a plan, as its YAML holds it."""

CONVENTIONAL, HYBRID, VOLUMES, PERMUTED = "conventional", "hybrid", "volumes-only", "permuted"
NETWORKS = (CONVENTIONAL, HYBRID, VOLUMES, PERMUTED)
ARCHITECTURE = {
    CONVENTIONAL: "brain-age",
    HYBRID: "brain-age-hybrid",
    VOLUMES: "features-only",
    PERMUTED: "brain-age-hybrid",
}
COHORT, PERMUTED_COHORT, REAL_COHORT = "cohort.csv", "cohort-permuted.csv", "cohort-real.csv"
NOTHING = "nothing"
"""A mask that no image has: a threat restricted to it changes no voxel."""
GAP = 5.0
"""Years: a difference of predicted and true age that studies call accelerated ageing."""
WHITE_MATTER = 800.0
"""Stored numbers of white matter in the phantom; radii are chosen relative to it."""
SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes of the study at one scale.

    Attributes:
        name: "smoke", "small" or "full".
        spacing_mm: edge of a voxel of phantoms.
        estimator_mm: edge of a voxel that the estimator of volumes segments.
        estimator_size: of its input, in voxels.
        network_mm: edge of a voxel that the networks see.
        network_size: of the networks' input, in voxels.
        n_people: split → people; each has two scans.
        n_fit: sizes of the batches, in scans, that one perturbation is fitted on.
        seeds: of training.
        training: options of training.
        steps: of PGD.
        universal: options of the perturbation for a batch.
        radii: in stored numbers, under L∞; the L2 radius has the root mean square of the greatest.
        n_changed: under L0, how many voxels may take any number that the file can store.
        estimator_people: phantom people, two scans each, that it learns from; of its own.
        estimator_steps: scans that it learns from, one a step.
        attended: phantom people whose maps of attention are measured, a scan each.
    """

    name: str
    spacing_mm: int
    estimator_mm: int
    estimator_size: tuple[int, int, int]
    network_mm: int
    network_size: tuple[int, int, int]
    n_people: Mapping[str, int]
    n_fit: tuple[int, ...]
    seeds: tuple[int, ...]
    training: Mapping[str, Any]
    steps: int
    universal: Mapping[str, Any]
    radii: tuple[float, ...]
    n_changed: int
    estimator_people: int
    estimator_steps: int
    attended: int

    @property
    def main_radius(self) -> float:
        """The largest radius, used for the comparisons."""
        return self.radii[-1]

    def l2(self, n_voxels: int) -> float:
        """The L2 radius whose root mean square is the main radius, to three figures."""
        exact = self.main_radius * math.sqrt(n_voxels)
        return float(f"{exact:.3g}")

    def setting(self, *, real: int) -> str:
        """One sentence on the data and the networks of the run."""
        people = ", ".join(f"{n} {split}" for split, n in self.n_people.items())
        ten = f" and {real} real volumes, audited alike" if real else ""
        return (
            f"Run on phantoms of {self.spacing_mm} mm voxels ({people} people, two scans each)"
            f"{ten}; {len(self.seeds)} training seed(s) of each network, which see "
            f"{' × '.join(map(str, self.network_size))} voxels of {self.network_mm} mm."
        )


SCALES: dict[str, Scale] = {
    "smoke": Scale(
        name="smoke",
        spacing_mm=6,
        estimator_mm=6,
        estimator_size=(28, 34, 34),
        network_mm=6,
        network_size=(26, 32, 30),
        n_people={"train": 16, "validation": 4, "test": 5},
        n_fit=(6,),
        seeds=(0,),
        training={"epochs": 4, "batch_size": 8, "patience": 4, "learning_rate": 0.01},
        steps=4,
        universal={"steps": 6, "clip": 60.0},
        radii=(4.0, 16.0),
        n_changed=30,
        estimator_people=6,
        estimator_steps=20,
        attended=2,
    ),
    "small": Scale(
        name="small",
        spacing_mm=4,
        estimator_mm=6,
        estimator_size=(28, 34, 34),
        network_mm=6,
        network_size=(26, 32, 30),
        n_people={"train": 160, "validation": 20, "test": 12},
        n_fit=(10, 30, 100),
        seeds=(0, 1, 2),
        training={"epochs": 10, "batch_size": 16, "patience": 10, "learning_rate": 0.004},
        steps=8,
        universal={"steps": 30, "clip": 60.0},
        radii=(1.0, 4.0, 16.0),
        n_changed=30,
        estimator_people=40,
        estimator_steps=400,
        attended=4,
    ),
    "full": Scale(
        name="full",
        spacing_mm=2,
        estimator_mm=2,
        estimator_size=(84, 102, 102),
        network_mm=2,
        network_size=(78, 96, 90),
        n_people={"train": 2000, "validation": 200, "test": 300},
        n_fit=(10, 100, 1000, 3000),
        seeds=(0, 1, 2, 3, 4),
        training={"epochs": 40, "batch_size": 16, "patience": 10, "learning_rate": 0.002},
        steps=40,
        universal={"steps": 400, "clip": 60.0},
        radii=(1.0, 2.0, 4.0, 8.0, 16.0),
        n_changed=100,
        estimator_people=1_000,
        estimator_steps=8_000,
        attended=8,
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


def arm_of(network: str, seed: int) -> str:
    """The folder of a network trained with a seed."""
    return f"{network}-{seed}"


def fit_split(size: int) -> str:
    """The split of the scans that one perturbation is fitted on."""
    return f"fit-{size}"


def plan_of(
    network: str,
    scale: Scale,
    *,
    seed: int,
    n_voxels: int,
    moved: Mapping[str, float],
    real: float | None = None,
    pipeline: bool = False,
) -> Written:
    """Training and audit of a network, in the form of a plan in a folder of its own.

    Args:
        network: see ``NETWORKS``.
        scale: how large.
        seed: of training.
        n_voxels: of a stored volume, for L2 radii.
        moved: how far an adversary may move each feature, in ml.
        real: the radius for the real volumes; None for the phantoms.
        pipeline: whether the features are estimated from the image instead of read from the
            manifest.
    """
    taken = network != CONVENTIONAL and not pipeline
    if real is None:
        manifest = PERMUTED_COHORT if network == PERMUTED else COHORT
        attacks = _attacks(scale, n_voxels) + _universal(scale, network)
        attacks += _moving(scale, network, moved) if taken else []
    else:
        manifest = REAL_COHORT
        attacks = [_away(scale, {"norm": "linf", "radius": real})]
    if pipeline:
        attacks = [_away(scale, {"norm": "linf", "radius": scale.main_radius})]
    about: Written = {"manifest": f"../{manifest}", "masks": {NOTHING: f"{NOTHING}_mask"}}
    about |= {"features": list(FEATURES)} if taken else {}
    return {
        "name": f"li2020, {network}, seed {seed}",
        "seed": seed,
        "cohort": about | {"audit": "test"},
        "model": {"weights": "weights.safetensors"},
        "train": {
            "architecture": ARCHITECTURE[network],
            "task": "regression",
            "unit": "years",
            "loss": "l1",
            "preprocess": {
                "size": list(scale.network_size),
                "spacing_mm": scale.network_mm,
                "window": None,
            },
            **scale.training,
        },
        "probes": attacks,
        "n_examples": 2,
        "visibility": {"observer": "none"},
    }


def _attacks(scale: Scale, n_voxels: int) -> list[Written]:
    """Image by image, features held: away at each radius, in L2 and L0, up and down at the main."""
    main = scale.main_radius
    return [
        _away(scale, {"norm": "linf", "radius": list(scale.radii)}),
        _away(scale, {"norm": "l2", "radius": scale.l2(n_voxels)}),
        _away(scale, {"norm": "l0", "radius": scale.n_changed}),
        *(
            _away(scale, {"norm": "linf", "radius": main}) | {"goal": {way: GAP}}
            for way in ("raise", "lower")
        ),
    ]


def _away(scale: Scale, threat: Written) -> Written:
    """PGD that moves the number either way."""
    return {"attack": "pgd", "steps": scale.steps, "goal": {"deviate": GAP}, "threat": threat}


def _moving(scale: Scale, network: str, moved: Mapping[str, float]) -> list[Written]:
    """Attacks on image and features, and on the features only."""
    ball = {"norm": "linf", "radius": scale.main_radius, "features": dict(moved)}
    alone = _away(scale, {**ball, "region": {"masked": NOTHING}}) | {"id": "features"}
    if network == VOLUMES:
        return [alone]
    return [_away(scale, ball) | {"id": "both"}, alone]


def _universal(scale: Scale, network: str) -> list[Written]:
    """One perturbation that raises the age, fitted on batches of each size."""
    if network == VOLUMES:
        return []
    return [
        {
            "attack": "universal-sgd",
            "id": f"universal-{size}",
            "goal": {"raise": GAP},
            "threat": {"norm": "linf", "radius": scale.main_radius},
            "fit": fit_split(size),
            "fit_batch": 8,
            **scale.universal,
        }
        for size in scale.n_fit
    ]


def splits(scale: Scale) -> Sequence[tuple[str, int]]:
    """Every split with its number of people: those that networks learn and are judged on first."""
    return [*scale.n_people.items(), *((fit_split(n), -(-n // 2)) for n in scale.n_fit)]
