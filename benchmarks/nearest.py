"""The shortest perturbation found in equally many steps: FMN, DDN and C&W beside Foolbox's.

Foolbox knows no storage. So norms are given as proposed, where ours searches once on floating
images, too, and as stored: what still reaches the goal in whole levels, and how long it is.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from measuring import interleaved, seconds, write_result
from peers import GREATEST, UnitNetwork, foolbox_model
from subject import decided_rightly, ham10000
from torch import Tensor

from plexor.attacks import DDN, FMN, Attack, CarliniWagner, Misclassify, Threat, judge
from plexor.attacks.threat import Norm
from plexor.cases import LOSSLESS, Image
from plexor.models import Batch, Model, ModelSource, load_model

_FAR: dict[Norm, Threat] = {
    "linf": Threat(norm="linf", radius=255, unit="value"),
    "l2": Threat(norm="l2", radius=1e5, unit="value"),
}
"""Of 8-bit images a value is a level; floating ones have no level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One attack's settings, the same for everyone."""

    name: str
    norm: Norm
    steps: int
    constants: int = 1


def ours(search: Search, model: Model, batch: Batch, *, floating: bool = False) -> Tensor:
    attacks: dict[str, Attack] = {
        "fmn": FMN(steps=search.steps),
        "ddn": DDN(steps=search.steps),
        "carlini-wagner": CarliniWagner(steps=search.steps, constants=search.constants),
    }
    if floating:
        batch = replace(batch, quantum=torch.zeros_like(batch.quantum))
    attack, threat = attacks[search.name], _FAR[search.norm]
    return attack(model, batch, Misclassify(), threat, seed=0).delta


def foolbox(search: Search, model: Model, batch: Batch) -> Tensor:
    from foolbox.attacks import DDNAttack, L2CarliniWagnerAttack, L2FMNAttack, LInfFMNAttack
    from foolbox.criteria import Misclassification

    torch.manual_seed(0)
    fmn = L2FMNAttack if search.norm == "l2" else LInfFMNAttack
    attacks = {
        "fmn": lambda: fmn(steps=search.steps),
        "ddn": lambda: DDNAttack(steps=search.steps),
        "carlini-wagner": lambda: L2CarliniWagnerAttack(
            steps=search.steps, binary_search_steps=search.constants
        ),
    }
    images, criterion = batch.images / GREATEST, Misclassification(batch.truth)
    network = foolbox_model(UnitNetwork(model))
    _, found, _ = attacks[search.name]()(network, images, criterion, epsilons=None)
    return found * GREATEST - batch.images


CONTENDERS: dict[str, Callable[[Search, Model, Batch], Tensor]] = {
    "plexor": ours,
    "plexor, floating images": partial(ours, floating=True),
    "foolbox": foolbox,
}


def lengths(
    search: Search, model: Model, batch: Batch, images: list[Image], delta: Tensor
) -> dict[str, float]:
    """Share of the cases at the goal and the median norm of all, as proposed and as stored.

    A case that is not at the goal counts as infinitely far.
    """
    threat = _FAR[search.norm]
    outputs = model.outputs(batch.images + delta, batch.scaling)
    there = model.task.decide(outputs) != batch.truth
    norms = torch.where(there, threat.norms(delta), torch.inf).tolist()
    verdicts = judge(model, batch, images, delta, goal=Misclassify(), threat=threat)[LOSSLESS]
    stored = [
        getattr(one.distances, search.norm) if one.margin > 0 else float("inf") for one in verdicts
    ]
    return {
        "proposed": float(there.float().mean()),
        "proposed_norm": statistics.median(norms),
        "stored": sum(one.margin > 0 for one in verdicts) / len(verdicts),
        "stored_norm": statistics.median(stored),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--constants", type=int, default=5, help="of C&W")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    model = load_model(ModelSource(weights=options.weights))
    batch, images = decided_rightly(model, ham10000(options.manifest, "test"), options.images)
    steps = options.steps
    rows: list[dict[str, object]] = []
    for search in (
        Search(name="fmn", norm="linf", steps=steps),
        Search(name="fmn", norm="l2", steps=steps),
        Search(name="ddn", norm="l2", steps=steps),
        Search(name="carlini-wagner", norm="l2", steps=steps, constants=options.constants),
    ):
        found: dict[str, Tensor] = {}

        def call(name: str, search: Search, found: dict[str, Tensor]) -> None:
            found[name] = CONTENDERS[name](search, model, batch)

        calls = {name: partial(call, name, search, found) for name in CONTENDERS}
        timings = interleaved(calls, options.repeats)
        for name in CONTENDERS:
            about = lengths(search, model, batch, images, found[name])
            attack = f"{search.name}, {search.norm}"
            rows.append({"attack": attack, "name": name, "seconds": seconds(timings[name])} | about)
    settings = vars(options) | {"manifest": options.manifest.name, "weights": options.weights.name}
    write_result("nearest", settings | {"images": len(batch)}, rows)


if __name__ == "__main__":
    main()
