"""One perturbation for all images, ours beside ART's: what it does to images it never saw.

Fitted on the same images of the train split, in the same L∞ ball, and judged by plexor's judge on
the same images of the test split, as stored. ART goes from image to image and stops when it fools
its share of those it is fitted on, or after so many passes; ours takes a given number of steps.
Below each setting of ART stands the shortest of our fits that fools no fewer images of the
validation split than ART's best.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from measuring import Timing, interleaved, ratios, seconds, write_result
from peers import GREATEST, UnitNetwork, art_classifier
from subject import decided_rightly, from_all_over, ham10000
from torch import Tensor

from plexor.attacks import Become, Goal, Misclassify, Threat, UniversalSGD, judge
from plexor.cases import LOSSLESS, Image
from plexor.models import Batch, Model, ModelSource, load_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for, on which images.

    Attributes:
        together: images in a step of ours.
    """

    model: Model
    goal: Goal
    threat: Threat
    seen: Batch
    together: int = 32

    @property
    def batches(self) -> list[Batch]:
        parts = torch.arange(len(self.seen)).split(self.together)
        return [self.seen.select(part) for part in parts]


_ART = "adversarial-robustness-toolbox"
Fit = Callable[[int], Tensor]
"""From a seed to a pattern."""
Judged = tuple[Batch, list[Image]]
Row = dict[str, Any]
Timings = dict[str, list[Timing]]
_LENGTHS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


def ours(search: Search, seed: int, *, steps: int | None = None) -> Tensor:
    """As it is by default, or so many steps."""
    attack = UniversalSGD() if steps is None else UniversalSGD(steps=steps, held_back=0.0)
    fit = attack.fit
    return fit(search.model, search.batches, search.goal, search.threat, seed=seed).pattern


def art(
    search: Search,
    seed: int,
    *,
    passes: int,
    attacker: str = "deepfool",
    share: float = 0.8,
    move: float = 1.0,
) -> Tensor:
    """FGSM for a chosen class; it is told to move towards it: its default is away from it.

    Args:
        search: what is looked for.
        seed: of its draws.
        passes: over the images, at most.
        attacker: what moves one image for any other class; DeepFool is its default.
        share: of the images fitted on, at which it stops; its default.
        move: how far FGSM moves one image, as a fraction of the radius.
    """
    from art.attacks.evasion import TargetedUniversalPerturbation, UniversalPerturbation

    network = UnitNetwork(search.model)
    estimator = art_classifier(network, search.seen, seed)
    images = (search.seen.images / GREATEST).numpy()
    radius = search.threat.radius / GREATEST
    options = {"max_iter": passes, "delta": 1 - share, "eps": radius, "norm": float("inf")}
    if isinstance(search.goal, Become):
        target = search.model.task.classes.index(search.goal.target)
        labels = torch.eye(search.model.task.n_outputs)[[target] * len(images)].numpy()
        attack = TargetedUniversalPerturbation(
            estimator,
            attacker="fgsm",
            attacker_params={"eps": move * radius, "targeted": True},
            **options,
        )
        attack.generate(images, labels)
    else:
        settings: dict[str, object] = {"verbose": False}
        if attacker == "fgsm":
            settings = {"eps": move * radius}
        if attacker == "pgd":
            settings |= {"eps": radius, "eps_step": radius / 4, "max_iter": 10}
        attack = UniversalPerturbation(
            estimator, attacker=attacker, attacker_params=settings, verbose=False, **options
        )
        attack.generate(images, search.seen.truth.numpy())
    return torch.from_numpy(attack.noise[0]) * GREATEST


def laid(search: Search, pattern: Tensor, batch: Batch) -> Tensor:
    """The pattern on every image, as stored."""
    return search.threat.store(pattern.expand_as(batch.images), batch)


def fooled(search: Search, batch: Batch, images: list[Image], delta: Tensor) -> float:
    """Share of the cases not at the goal untouched that are there once perturbed, as stored."""
    task = search.model.task
    outputs = search.model.outputs(batch.images, batch.scaling)
    open_ = search.goal.margin(task, outputs, batch.truth) <= 0
    verdicts = judge(search.model, batch, images, delta, goal=search.goal, threat=search.threat)[
        LOSSLESS
    ]
    there = torch.tensor([v.margin > 0 and v.within_threat for v in verdicts])
    return float(there[open_].float().mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Fits of one search, timed in turn, and what they do to images they never saw.

    Attributes:
        judged_on: the images of the table.
        chosen_on: others, on which our lengths are chosen.
    """

    search: Search
    judged_on: Judged
    chosen_on: Judged
    repeats: int

    def reached(self, pattern: Tensor, on: Judged) -> float:
        batch, images = on
        return fooled(self.search, batch, images, laid(self.search, pattern, batch))

    def rows(self, shares: Mapping[str, float], options: argparse.Namespace) -> list[Row]:
        """ART's at each setting and ours as it is; then our shortest that is as good as ART's."""
        fits: dict[str, Fit] = {
            f"{_ART}, {name}": partial(
                art,
                self.search,
                passes=options.passes,
                attacker="fgsm",
                share=share,
                move=options.move,
            )
            for name, share in shares.items()
        }
        theirs, default = tuple(fits), "plexor, as it is by default"
        timings, found = self._timed(fits | {default: partial(ours, self.search)})
        rows: list[Row] = []
        for name in theirs:
            aim = max(self.reached(one, self.chosen_on) for one in found[name])
            steps = self._shortest(aim)
            short = f"plexor, {steps} steps of {UniversalSGD().together}"
            more, there = self._timed({short: partial(ours, self.search, steps=steps)})
            rows.append(self._row(name, timings, found, name))
            rows.append(self._row(short, timings | more, there, name))
        return [*rows, self._row(default, timings, found, theirs[-1])]

    def _timed(self, fits: Mapping[str, Fit]) -> tuple[Timings, dict[str, list[Tensor]]]:
        found: dict[str, list[Tensor]] = {name: [] for name in fits}

        def call(name: str) -> None:
            found[name].append(fits[name](len(found[name])))

        return interleaved({name: partial(call, name) for name in fits}, self.repeats), found

    def _row(
        self, name: str, timings: Timings, found: Mapping[str, list[Tensor]], over: str
    ) -> Row:
        return {
            "goal": self.search.goal.name or "misclassify",
            "name": name,
            "seconds": seconds(timings[name]),
            "over_art": ratios(timings, name, over),
            "fooled": [self.reached(pattern, self.judged_on) for pattern in found[name]],
        }

    def _shortest(self, aim: float) -> int:
        for steps in _LENGTHS:
            if self.reached(ours(self.search, 0, steps=steps), self.chosen_on) >= aim:
                return steps
        return _LENGTHS[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seen", type=int, default=128, help="images fitted on")
    parser.add_argument("--unseen", type=int, default=128, help="images judged on")
    parser.add_argument("--radius", type=float, default=8)
    parser.add_argument("--target", default="mel")
    parser.add_argument("--passes", type=int, default=20, help="ART's, at most")
    parser.add_argument("--move", type=float, default=0.25, help="of ART's FGSM, over the radius")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    model = load_model(ModelSource(weights=options.weights))
    seen = from_all_over(model, ham10000(options.manifest, "train"), options.seen)
    # The manifest is sorted by class, and a step of ours takes few images.
    seen = seen.select(torch.randperm(len(seen), generator=torch.Generator().manual_seed(0)))
    judged_on, chosen_on = (
        decided_rightly(model, ham10000(options.manifest, split), options.unseen)
        for split in ("test", "validation")
    )
    threat = Threat(norm="linf", radius=options.radius)
    rows: list[Row] = []
    for goal, shares in (
        (Misclassify(), {"to four in five": 0.8, "all passes": 1.0}),
        (Become(target=options.target), {"all passes": 1.0}),
    ):
        search = Search(model=model, goal=goal, threat=threat, seen=seen)
        trial = Trial(
            search=search, judged_on=judged_on, chosen_on=chosen_on, repeats=options.repeats
        )
        rows += trial.rows(shares, options)
    about = {
        "seen": len(seen),
        "unseen": len(judged_on[0]),
        "radius": options.radius,
        "passes": options.passes,
        "move": options.move,
        "repeats": options.repeats,
        "weights": options.weights.name,
    }
    write_result("universal", about, rows)


if __name__ == "__main__":
    main()
