"""One perturbation for all images, ours beside ART's: what it does to images it never saw.

Fitted on the same images of the train split, in the same L∞ ball, and judged by plexor's judge on
the same images of the test split, as stored. ART goes from image to image and stops when it fools
four in five of those it is fitted on, or after so many passes; ours takes a number of steps.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from measuring import interleaved, ratios, seconds, write_result
from peers import GREATEST, UnitNetwork, art_classifier
from subject import batch_of, decided_rightly, ham10000
from torch import Tensor

from plexor.attacks import Become, Goal, Misclassify, Threat, UniversalSGD, judge
from plexor.cases import LOSSLESS, Image
from plexor.models import Batch, Model, load_model
from plexor.models.loading import ModelSource

_TOGETHER = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for, on which images."""

    model: Model
    goal: Goal
    threat: Threat
    seen: Batch
    steps: int
    passes: int


def ours(search: Search, seed: int) -> Tensor:
    parts = torch.arange(len(search.seen)).split(_TOGETHER)
    batches = [search.seen.select(part) for part in parts]
    attack = UniversalSGD(steps=search.steps)
    return attack.fit(search.model, batches, search.goal, search.threat, seed=seed).pattern


def art(search: Search, seed: int) -> Tensor:
    """Its default: DeepFool for any other class, FGSM for a chosen one.

    FGSM takes the whole radius, towards the class: as it is set by default it moves away from it.
    """
    from art.attacks.evasion import TargetedUniversalPerturbation, UniversalPerturbation

    network = UnitNetwork(search.model)
    estimator = art_classifier(network, search.seen, seed)
    images = (search.seen.images / GREATEST).numpy()
    radius = search.threat.radius / GREATEST
    options = {"max_iter": search.passes, "eps": radius, "norm": float("inf")}
    if isinstance(search.goal, Become):
        target = search.model.task.classes.index(search.goal.target)
        labels = torch.eye(search.model.task.n_outputs)[[target] * len(images)].numpy()
        attack = TargetedUniversalPerturbation(
            estimator,
            attacker="fgsm",
            attacker_params={"eps": radius, "targeted": True},
            **options,
        )
        attack.generate(images, labels)
    else:
        attack = UniversalPerturbation(
            estimator, attacker_params={"verbose": False}, verbose=False, **options
        )
        attack.generate(images, search.seen.truth.numpy())
    return torch.from_numpy(attack.noise[0]) * GREATEST


CONTENDERS: dict[str, Callable[[Search, int], Tensor]] = {
    "plexor": ours,
    "adversarial-robustness-toolbox": art,
}


def fooled(search: Search, batch: Batch, images: list[Image], pattern: Tensor) -> float:
    """Share of the cases not at the goal untouched that are there with the pattern, as stored."""
    task = search.model.task
    outputs = search.model.outputs(batch.images, batch.context)
    open_ = search.goal.margin(task, outputs, batch.truth) <= 0
    delta = search.threat.store(pattern.expand_as(batch.images), batch)
    verdicts = judge(search.model, batch, images, delta, goal=search.goal, threat=search.threat)[
        LOSSLESS
    ]
    there = torch.tensor([v.margin > 0 and v.within_threat for v in verdicts])
    return float(there[open_].float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seen", type=int, default=128, help="images fitted on")
    parser.add_argument("--unseen", type=int, default=128, help="images judged on")
    parser.add_argument("--radius", type=float, default=8)
    parser.add_argument("--target", default="mel")
    parser.add_argument("--steps", type=int, default=32, help="ours")
    parser.add_argument("--passes", type=int, default=10, help="ART's, at most")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    model = load_model(ModelSource(weights=options.weights))
    train = ham10000(options.manifest, "train").cases
    seen, _ = batch_of(model, train[:: len(train) // options.seen][: options.seen])
    batch, images = decided_rightly(model, ham10000(options.manifest, "test"), options.unseen)
    rows = []
    for goal in (Misclassify(), Become(target=options.target)):
        search = Search(
            model=model,
            goal=goal,
            threat=Threat(norm="linf", radius=options.radius),
            seen=seen,
            steps=options.steps,
            passes=options.passes,
        )
        found: dict[str, list[Tensor]] = {name: [] for name in CONTENDERS}

        def call(name: str, search: Search, found: dict[str, list[Tensor]]) -> None:
            found[name].append(CONTENDERS[name](search, len(found[name])))

        calls = {name: partial(call, name, search, found) for name in CONTENDERS}
        timings = interleaved(calls, options.repeats)
        rows += [
            {
                "goal": goal.name or "misclassify",
                "name": name,
                "seconds": seconds(timings[name]),
                "over_art": ratios(timings, name, "adversarial-robustness-toolbox"),
                "fooled": [fooled(search, batch, images, pattern) for pattern in found[name]],
            }
            for name in CONTENDERS
        ]
    settings = {
        "seen": len(seen),
        "unseen": len(batch),
        "radius": options.radius,
        "steps": options.steps,
        "passes": options.passes,
        "repeats": options.repeats,
        "weights": options.weights.name,
    }
    write_result("universal", settings, rows)


if __name__ == "__main__":
    main()
