"""Fits towards one class, judged on lesions that none of them saw, from several seeds.

A generator draws a perturbation for each image; ``universal-sgd`` and a universal generator make
one for all. Fitted on images of the train split that show another class, and judged by plexor's
judge on those of the test split, as stored. Settings were chosen on the validation split
(``--split validation``). A seed draws the order of the images, the held-back cases, and a
network's first weights.
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
    Threat,
    UniversalGenerator,
    UniversalSGD,
)
from plexor.models import ModelSource, load_model

_LOSS: Any = {"loss": "margin", "clip": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--split", default="test", help="judged on")
    parser.add_argument("--target", default="nv")
    parser.add_argument("--radii", type=float, nargs="+", default=[4, 8])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=1500, help="images fitted on, at most")
    parser.add_argument("--together", type=int, default=32, help="of them in a batch")
    parser.add_argument(
        "--steps",
        type=int,
        default=100,
        help="of the generator; the universal one takes twice as many",
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
    step = max(1, len(others["train"]) // options.most)
    seen, _ = batch_of(model, others["train"][::step][: options.most])
    unseen, images = batch_of(model, others[options.split])
    drawing: Any = {**_LOSS, "patch": options.patch}
    recipes: dict[str, FittedAttack] = {
        "generator": Generator(steps=options.steps, **drawing),
        "universal-generator": UniversalGenerator(steps=2 * options.steps, **drawing),
        "universal-sgd, 300 steps of 32": UniversalSGD(
            steps=300, together=32, held_back=0.0, **_LOSS
        ),
        "universal-sgd, as it is by default": UniversalSGD(),
    }
    rows: list[dict[str, object]] = []
    for name, recipe in recipes.items():
        for radius in options.radii if name == "generator" else options.radii[-1:]:
            search = Search(
                model=model,
                goal=Become(target=options.target),
                threat=Threat(norm="linf", radius=radius),
                seen=seen,
                together=options.together,
            )
            found = over_seeds(f"{name}, {radius}", recipe, search, (unseen, images), options.seeds)
            rows.append({"name": name, "radius": radius, **found})
            about = {"manifest": options.manifest.name, "weights": options.weights.name}
            about |= {"seen": len(seen), "unseen": len(unseen)}
            write_result("unseen", vars(options) | about, rows)


if __name__ == "__main__":
    main()
