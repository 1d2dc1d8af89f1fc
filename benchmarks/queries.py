"""Searches by queries at equal budgets: Square Attack and HopSkipJump beside Foolbox and ART.

What counts is asked of the network itself, which counts the images it sees. Square's success is
judged on the stored image. HopSkipJump is given by its steps elsewhere and by its budget here, so
ours gets the queries a case that Foolbox's steps came to.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from measuring import interleaved, seconds, write_result
from peers import GREATEST, UnitNetwork, art_classifier, foolbox_model
from subject import decided_rightly, ham10000
from torch import Tensor

from plexor.attacks import Attack, HopSkipJump, Misclassify, Square, Threat, judge
from plexor.cases import LOSSLESS, Image
from plexor.models import Batch, Model, ModelSource, load_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Cases that the model decides rightly."""

    model: Model
    batch: Batch
    images: list[Image]

    @property
    def unit(self) -> Tensor:
        return self.batch.images / GREATEST


Found = tuple[Tensor, float]
"""Perturbations in levels, and images asked about for each case, on average."""


class Search(Protocol):
    """A search from a seed."""

    def __call__(self, *, seed: int) -> Found: ...


def ours(attack: Attack, subject: Subject, threat: Threat, seed: int) -> Found:
    proposal = attack(subject.model, subject.batch, Misclassify(), threat, seed=seed)
    return proposal.delta, float(proposal.n_forwards.double().mean())


def asked_of(subject: Subject, attack: Callable[[UnitNetwork], Tensor], seed: int) -> Found:
    """What an attack on images from 0 to 1 finds, and asks."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - ART draws from NumPy's own generator
    network = UnitNetwork(subject.model)
    found = attack(network)
    asked = network.n_asked / len(subject.batch)
    return found * GREATEST - subject.batch.images, asked


def torchattacks_square(subject: Subject, threat: Threat, queries: int, seed: int) -> Found:
    from torchattacks.attacks.square import Square as Theirs

    def attack(network: UnitNetwork) -> Tensor:
        radius = threat.radius / GREATEST
        search = Theirs(
            network.eval(), norm="Linf", eps=radius, n_queries=queries, p_init=0.05, seed=seed
        )
        found: Tensor = search(subject.unit, subject.batch.truth)
        return found

    return asked_of(subject, attack, seed)


def art_square(subject: Subject, threat: Threat, queries: int, seed: int) -> Found:
    """Each of its iterations asks three times: whether a case is done, and the loss twice."""
    from art.attacks.evasion import SquareAttack

    def attack(network: UnitNetwork) -> Tensor:
        estimator = art_classifier(network, subject.batch, seed)
        search = SquareAttack(
            estimator,
            eps=threat.radius / GREATEST,
            max_iter=queries // 3,
            p_init=0.05,
            batch_size=len(subject.batch),
            verbose=False,
        )
        return torch.from_numpy(search.generate(subject.unit.numpy(), subject.batch.truth.numpy()))

    return asked_of(subject, attack, seed)


def foolbox_hop_skip_jump(subject: Subject, steps: int, seed: int) -> Found:
    from foolbox.attacks import HopSkipJumpAttack, LinearSearchBlendedUniformNoiseAttack
    from foolbox.criteria import Misclassification

    def attack(network: UnitNetwork) -> Tensor:
        model, unit, truth = foolbox_model(network), subject.unit, subject.batch.truth
        # it looks for starts as this does, and gives all cases up if one has none
        starts = LinearSearchBlendedUniformNoiseAttack(steps=50).run(
            model, unit, Misclassification(truth)
        )
        begun = torch.nonzero(network(starts).argmax(dim=1) != truth).flatten()
        found = unit.clone()
        search = HopSkipJumpAttack(steps=steps)
        found[begun] = search.run(
            model, unit[begun], Misclassification(truth[begun]), starting_points=starts[begun]
        )
        return found

    return asked_of(subject, attack, seed)


def art_hop_skip_jump(subject: Subject, steps: int, seed: int) -> Found:
    from art.attacks.evasion import HopSkipJump as Theirs

    def attack(network: UnitNetwork) -> Tensor:
        estimator = art_classifier(network, subject.batch, seed)
        search = Theirs(estimator, max_iter=steps, verbose=False)
        return torch.from_numpy(search.generate(subject.unit.numpy(), subject.batch.truth.numpy()))

    return asked_of(subject, attack, seed)


def judged(subject: Subject, threat: Threat, delta: Tensor) -> dict[str, float]:
    """Success and mean margin on the stored image, and the median L2 norm as proposed."""
    model, batch = subject.model, subject.batch
    verdicts = judge(model, batch, subject.images, delta, goal=Misclassify(), threat=threat)
    there = [one.margin > 0 and one.within_threat for one in verdicts[LOSSLESS]]
    outputs = model.outputs(batch.images + delta, batch.scaling)
    proposed = model.task.decide(outputs) != batch.truth
    norms = torch.where(proposed, delta.flatten(1).norm(dim=1), torch.inf)
    return {
        "success": sum(there) / len(there),
        "margin": statistics.mean(one.margin for one in verdicts[LOSSLESS]),
        "proposed": float(proposed.float().mean()),
        "l2": statistics.median(norms.tolist()),
    }


def measured(
    subject: Subject, threat: Threat, contenders: Mapping[str, Search], repeats: int
) -> Iterator[dict[str, object]]:
    """A row for each, which take turns; a round has its own seed, and a row all rounds' figures."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}

    def call(name: str) -> None:
        seed = len(rounds[name])
        delta, asked = contenders[name](seed=seed)
        rounds[name].append({"queries": asked} | judged(subject, threat, delta))

    timings = interleaved({name: partial(call, name) for name in contenders}, repeats)
    for name, figures in rounds.items():
        about = {key: [one[key] for one in figures] for key in figures[0]}
        yield {"name": name, "seconds": seconds(timings[name])} | about


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--radius", type=float, default=16, help="of Square, L∞, in levels")
    parser.add_argument("--queries", type=int, default=1000, help="of Square")
    parser.add_argument("--steps", type=int, default=10, help="of HopSkipJump")
    parser.add_argument("--repeats", type=int, default=3, help="rounds, each with its own seed")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    model = load_model(ModelSource(weights=options.weights))
    batch, images = decided_rightly(model, ham10000(options.manifest, "test"), options.images)
    subject = Subject(model=model, batch=batch, images=images)
    near, far = Threat(norm="linf", radius=options.radius), Threat(norm="l2", radius=1e5)
    squares: dict[str, Search] = {
        "plexor": partial(ours, Square(queries=options.queries), subject, near),
        "torchattacks": partial(torchattacks_square, subject, near, options.queries),
        "adversarial-robustness-toolbox": partial(art_square, subject, near, options.queries),
    }
    spent: list[float] = []

    def foolbox(seed: int) -> Found:
        found = foolbox_hop_skip_jump(subject, options.steps, seed)
        spent.append(found[1])
        return found

    def as_many(seed: int) -> Found:
        return ours(HopSkipJump(queries=round(spent[-1])), subject, far, seed)

    hops: dict[str, Search] = {
        "foolbox": foolbox,
        "adversarial-robustness-toolbox": partial(art_hop_skip_jump, subject, options.steps),
        "plexor": as_many,
    }
    settings = vars(options) | {"manifest": options.manifest.name, "weights": options.weights.name}
    rows: list[dict[str, object]] = []
    for attack, threat, searches in (("square", near, squares), ("hop-skip-jump", far, hops)):
        found = measured(subject, threat, searches, options.repeats)
        rows += [{"attack": attack} | row for row in found]
        write_result("queries", settings | {"images": len(batch)}, rows)


if __name__ == "__main__":
    main()
