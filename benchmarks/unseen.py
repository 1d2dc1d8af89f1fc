"""Fits towards one class, judged on lesions that none of them saw, from several seeds.

A generator draws a perturbation for each image; ``universal-sgd`` and a universal generator make
one for all. Fitted on every image of the train split that neither shows the class nor is taken for
it, and judged by plexor's judge on those of the test split, as stored. Settings were chosen on the
validation split (``--split validation``). A seed draws the order of the images, the held-back
cases, and a network's first weights.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import torch
from measuring import write_result
from seeds import over_seeds
from subject import batch_of, ham10000
from universal import Search

from plexor.attacks import (
    Become,
    FittedAttack,
    Generator,
    Goal,
    Objective,
    Threat,
    UniversalGenerator,
    UniversalSGD,
)
from plexor.models import Batch, Model, ModelSource, load_model

_FEW = 64
_OF_ONE_FOR_ALL: Any = {"loss": "margin", "clip": 0.3, "held_back": 0.0}


def not_yet_there(model: Model, batch: Batch, goal: Goal) -> Batch:
    """The cases whose untouched image is not at the goal."""
    parts = [batch.select(index) for index in torch.arange(len(batch)).split(_FEW)]
    margins = [Objective(model, part, goal).untouched() for part in parts]
    return batch.select(torch.nonzero(torch.cat(margins) <= 0).flatten())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--split", default="test", help="judged on")
    parser.add_argument("--target", default="nv")
    parser.add_argument("--radii", type=float, nargs="+", default=[4, 8])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--together", type=int, default=32, help="of them in a batch")
    parser.add_argument(
        "--steps",
        type=int,
        default=100,
        help="of the generator; of a universal one 4, of universal-sgd 3 times as many",
    )
    parser.add_argument("--patch", type=int, default=4, help="of the generators")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    model = load_model(ModelSource(weights=options.weights))
    others = {
        split: [c for c in ham10000(options.manifest, split).cases if c.truth != options.target]
        for split in ("train", options.split)
    }
    goal = Become(target=options.target)
    seen = not_yet_there(model, batch_of(model, others["train"])[0], goal)
    unseen, images = batch_of(model, others[options.split])
    recipes: dict[str, FittedAttack] = {
        "generator": Generator(steps=options.steps, patch=options.patch, loss="margin", clip=1.0),
        "universal-generator": UniversalGenerator(
            steps=4 * options.steps, patch=options.patch, **_OF_ONE_FOR_ALL
        ),
        "universal-sgd": UniversalSGD(
            steps=3 * options.steps, together=options.together, **_OF_ONE_FOR_ALL
        ),
        "universal-sgd, as it is by default": UniversalSGD(),
    }
    rows: list[dict[str, object]] = []
    for name, recipe in recipes.items():
        for radius in options.radii if name == "generator" else options.radii[-1:]:
            search = Search(
                model=model,
                goal=goal,
                threat=Threat(norm="linf", radius=radius),
                seen=seen,
                together=options.together,
            )
            found = over_seeds(f"{name}, {radius}", recipe, search, (unseen, images), options.seeds)
            rows.append({"name": name, "radius": radius, **found})
            about = {"manifest": options.manifest.name, "weights": options.weights.name}
            about |= {"seen": len(seen), "unseen": len(not_yet_there(model, unseen, goal))}
            write_result("unseen", vars(options) | about, rows)


if __name__ == "__main__":
    main()
