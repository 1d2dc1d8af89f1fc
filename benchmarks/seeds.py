"""Universal perturbations from several seeds: how far the worst fit falls behind the median.

A seed draws the order of the images that a fit sees, the cases held back from it, and of a
generator its first weights. Fitted on images of the train split, judged by plexor's judge on the
same images of the test split, as stored.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from generative import drawn
from hardened import SIDE
from measuring import seconds, timed, write_result
from subject import decided_rightly, from_all_over, ham10000, trained_on_squares
from universal import Judged, Search, fooled

from plexor.attacks import (
    Attack,
    FittedAttack,
    Misclassify,
    Threat,
    UniversalGenerator,
    UniversalSGD,
)


def fit_into(found: list[Attack], recipe: FittedAttack, search: Search, seed: int) -> None:
    """Fits once and keeps what came of it."""
    found.append(recipe.fit(search.model, search.batches, search.goal, search.threat, seed=seed))


def over_seeds(
    name: str, recipe: FittedAttack, search: Search, judged: Judged, seeds: int
) -> dict[str, object]:
    """Fits from several seeds, each on the images in another order; how far they reach."""
    shares, timings = [], []
    for seed in range(seeds):
        order = torch.randperm(len(search.seen), generator=torch.Generator().manual_seed(seed))
        one = replace(search, seen=search.seen.select(order))
        found: list[Attack] = []
        timings.append(timed(partial(fit_into, found, recipe, one, seed)))
        shares.append(fooled(one, *judged, drawn(one, found[0], judged[0])))
        print(f"{name}, seed {seed}: {shares[-1]:.1%}, {timings[-1].cpu:.1f} s", flush=True)
    return {
        "worst": min(shares),
        "median": statistics.median(shares),
        "best": max(shares),
        "shares": shares,
        "seconds": seconds(timings),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--architectures", nargs="+", default=["small-cnn", "small-densenet"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seen", type=int, default=96, help="images fitted on")
    parser.add_argument("--together", type=int, default=16, help="of them in a batch")
    parser.add_argument("--unseen", type=int, default=96, help="images judged on")
    parser.add_argument("--radius", type=float, default=8)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--patch", type=int, default=4, help="of the generator")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    settings = vars(options) | {"manifest": options.manifest.name}
    for architecture in options.architectures:
        for row in rows_of(architecture, options):
            rows.append(row)
            write_result("seeds", settings, rows)


def rows_of(architecture: str, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """A row for each attack on one network."""
    model = trained_on_squares(options.manifest, SIDE, architecture)
    seen = from_all_over(model, ham10000(options.manifest, "train", side=SIDE), options.seen)
    test = ham10000(options.manifest, "test", side=SIDE)
    unseen, images = decided_rightly(model, test, options.unseen)
    recipes: dict[str, FittedAttack] = {
        "universal-sgd": UniversalSGD(),
        "universal-generator": UniversalGenerator(patch=options.patch, steps=options.steps),
    }
    for name, recipe in recipes.items():
        search = Search(
            model=model,
            goal=Misclassify(),
            threat=Threat(norm="linf", radius=options.radius),
            seen=seen,
            together=options.together,
        )
        found = over_seeds(name, recipe, search, (unseen, images), options.seeds)
        yield {"network": architecture, "name": name, "unseen": len(unseen), **found}


if __name__ == "__main__":
    main()
