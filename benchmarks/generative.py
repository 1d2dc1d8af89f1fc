"""Fooling by seconds of fitting: networks that draw perturbations, and one perturbation for all.

Fitted on the same images of the train split, in the same L∞ ball, and judged by plexor's judge on
the same images of the test split, as stored. Every length is a fit of its own, from the start. ART
has no network that draws and torchattacks fits nothing, so beside ours stand ART's universal
perturbations; what searches anew for every image is in ``applied.py``.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measuring import interleaved, seconds, write_result
from subject import decided_rightly, from_all_over, ham10000
from torch import Tensor
from universal import Search, art, fooled, laid

from plexor.attacks import (
    Attack,
    Become,
    FittedAttack,
    Generator,
    Goal,
    Misclassify,
    Threat,
    UniversalGenerator,
    UniversalSGD,
)
from plexor.cases import Image
from plexor.models import Batch, ModelSource, load_model

Drawn = Callable[[Batch], Tensor]
"""From cases to their perturbations, in levels."""


def drawn(search: Search, fitted: Attack, batch: Batch) -> Tensor:
    """What something fitted proposes."""
    return fitted(search.model, batch, search.goal, search.threat, seed=0).delta


def ours(attack: Callable[..., FittedAttack], search: Search, steps: int, seed: int) -> Drawn:
    fit = attack(steps=steps).fit
    fitted = fit(search.model, search.batches, search.goal, search.threat, seed=seed)
    return partial(drawn, search, fitted)


def theirs(attacker: str, search: Search, passes: int, seed: int) -> Drawn:
    """Stops only once all are fooled that it is fitted on."""
    pattern = art(search, seed, passes=passes, attacker=attacker, share=1.0)
    return partial(laid, search, pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """What is fitted.

    Attributes:
        fit: with a search, a length and a seed.
        unit: of its lengths.
        lengths: of the fits, from the shortest to the longest.
    """

    fit: Callable[[Search, int, int], Drawn]
    unit: str
    lengths: Sequence[int]


def contenders(goal: Goal, options: argparse.Namespace) -> dict[str, Contender]:
    patches = f"in patches of {options.patch}"
    mine = {
        f"plexor, generator {patches}": partial(Generator, patch=options.patch),
        f"plexor, universal generator {patches}": partial(UniversalGenerator, patch=options.patch),
        "plexor, universal SGD": UniversalSGD,
    }
    found = {
        name: Contender(fit=partial(ours, attack), unit="steps", lengths=options.steps)
        for name, attack in mine.items()
    }
    # For a chosen class ART takes no search of several steps.
    for attacker in ("fgsm",) if isinstance(goal, Become) else ("pgd", "deepfool"):
        passes = options.passes[:1] if attacker == "deepfool" else options.passes
        found[f"adversarial-robustness-toolbox, {attacker}"] = Contender(
            fit=partial(theirs, attacker), unit="passes", lengths=passes
        )
    return found


def curves(
    search: Search, unseen: tuple[Batch, list[Image]], options: argparse.Namespace
) -> list[dict[str, object]]:
    """A row for each contender and length."""
    every = contenders(search.goal, options)
    found: dict[tuple[str, int], list[Drawn]] = defaultdict(list)

    def call(name: str, length: int) -> None:
        fits = found[name, length]
        fits.append(every[name].fit(search, length, len(fits)))

    calls = {
        f"{name}, {length}": partial(call, name, length)
        for name, contender in every.items()
        for length in contender.lengths
    }
    timings = interleaved(calls, options.repeats)
    return [
        {
            "goal": search.goal.name or "misclassify",
            "name": name,
            "length": length,
            "unit": every[name].unit,
            "seconds": seconds(timings[f"{name}, {length}"]),
            "fooled": [fooled(search, *unseen, draw(unseen[0])) for draw in fits],
        }
        for (name, length), fits in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seen", type=int, default=512, help="images fitted on")
    parser.add_argument("--together", type=int, default=16, help="of them in a batch of ours")
    parser.add_argument("--unseen", type=int, default=256, help="images judged on")
    parser.add_argument("--radius", type=float, default=16)
    parser.add_argument("--target", default="nv")
    parser.add_argument("--patch", type=int, default=4, help="of the generators")
    parser.add_argument("--steps", type=int, nargs="+", default=[25, 50, 100, 200], help="ours")
    parser.add_argument("--passes", type=int, nargs="+", default=[1, 2, 4, 8], help="ART's")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    model = load_model(ModelSource(weights=options.weights))
    seen = from_all_over(model, ham10000(options.manifest, "train"), options.seen)
    unseen = decided_rightly(model, ham10000(options.manifest, "test"), options.unseen)
    rows = []
    for goal in (Misclassify(), Become(target=options.target)):
        threat = Threat(norm="linf", radius=options.radius)
        search = Search(model=model, goal=goal, threat=threat, seen=seen, together=options.together)
        rows += curves(search, unseen, options)
    settings = vars(options) | {"manifest": options.manifest.name, "weights": options.weights.name}
    write_result("generative", settings | {"unseen": len(unseen[0])}, rows)


if __name__ == "__main__":
    main()
