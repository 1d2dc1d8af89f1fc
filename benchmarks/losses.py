"""Losses of Auto-PGD, alone and as the first long stage of a cascade, on a partly robust network.

Equal steps and random starts for every loss; images of the validation split, so that a choice made
by this table is not made on the test split.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from hardened import SIDE, hardened
from measuring import seconds, timed, write_result
from subject import decided_rightly, ham10000
from torch import Tensor

from plexor.attacks import APGD, Attack, Cascade, Misclassify, Proposal, Threat, cascade
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.objective import Objective
from plexor.attacks.stages import STAGES, Stage
from plexor.models import Batch, Model
from plexor.models.task import Task, decides

LOSSES: tuple[LossKind, ...] = ("ce", "margin", "ratio")
STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ByProbability(Misclassify):
    """The margin of probabilities instead of logits (PMA; Xie et al., arXiv:2411.15210).

    The label's probability is exp(-cross-entropy), whose gradient does not vanish in float32 where
    it is rounded to 1.
    """

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """The loss in place of cross-entropy; the others as they are."""
        if kind != "ce":
            return Misclassify.loss(self, task, outputs, truth, kind, before)
        others = outputs.softmax(dim=1).scatter(1, truth[:, None], 0.0)
        return others.amax(dim=1) - (-decides(task).cross_entropy(outputs, truth)).exp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """An attack with that loss in place of cross-entropy."""

    attack: Attack

    def __call__(
        self,
        model: Model,
        batch: Batch,
        goal: Goal,  # noqa: ARG002 the same in all of this script
        threat: Threat,
        *,
        seed: int,
    ) -> Proposal:
        """See ``Attack``."""
        return self.attack(model, batch, ByProbability(), threat, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Cases that the model decides rightly, and within what they are attacked."""

    model: Model
    batch: Batch
    threat: Threat

    def left(self, attack: Attack, seed: int, found: list[int]) -> None:
        """Counts the cases whose goal is not reached on the stored image."""
        goal = Misclassify()
        delta: Tensor = attack(self.model, self.batch, goal, self.threat, seed=seed).delta
        reached = Objective(self.model, self.batch, goal).reached(delta)
        found.append(int((~reached).sum()))


def stages(*losses: str) -> Iterator[Stage]:
    """A cascade's stages with other losses in place of cross-entropy, its steps shared equally."""
    for stage in STAGES:
        attack = stage.attack
        if not isinstance(attack, APGD):
            yield stage
            continue
        for loss in losses:
            searched = climbing(loss, steps=attack.steps // len(losses))
            yield replace(stage, name=f"apgd-{loss}", attack=searched)


def climbing(loss: str, *, steps: int, stop_at_success: bool = True) -> Attack:
    """Auto-PGD on a loss."""
    if loss == "probability":
        attack = APGD(steps=steps, stop_at_success=stop_at_success)
        return Changed(attack=attack)
    return APGD(steps=steps, loss=loss, stop_at_success=stop_at_success)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """The cascade with other stages."""

    stages: tuple[Stage, ...]

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """See ``Attack``."""
        with patch.object(cascade, "STAGES", self.stages):
            return Cascade()(model, batch, goal, threat, seed=seed)


def contenders() -> dict[str, Attack]:
    """Every search of the table."""
    losses = (*LOSSES, "probability")
    alone = {f"apgd, {loss}": climbing(loss, steps=STEPS) for loss in losses}
    chains = {loss: (loss,) for loss in losses}
    chains |= {"ce and probability": ("ce", "probability"), "none of them": ()}
    return alone | {
        f"cascade, {name}": Staged(stages=tuple(stages(*chain))) for name, chain in chains.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--images", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threats", nargs="+", default=["linf:12", "linf:9", "l2:350", "l1:5000"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    model = hardened(options.manifest)
    held = ham10000(options.manifest, "validation", side=SIDE)
    batch, _ = decided_rightly(model, held, options.images)
    rows: list[dict[str, object]] = []
    for written in options.threats:
        norm, _, radius = written.partition(":")
        subject = Subject(model=model, batch=batch, threat=Threat(norm=norm, radius=float(radius)))
        for name, attack in contenders().items():
            left: list[int] = []
            timings = [
                timed(partial(subject.left, attack, seed, left)) for seed in range(options.seeds)
            ]
            rows.append(
                {
                    "threat": subject.threat.name,
                    "name": name,
                    "left": ", ".join(map(str, left)),
                    "seconds": seconds(timings),
                }
            )
            print(f"{written} {name}: {left} of {len(batch)} left", flush=True)
        settings = vars(options) | {"manifest": options.manifest.name, "images": len(batch)}
        write_result("losses", settings, rows)


if __name__ == "__main__":
    main()
