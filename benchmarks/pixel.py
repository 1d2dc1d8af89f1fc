"""One pixel by differential evolution, ours beside torchattacks and ART, at equally many queries.

On phantom lesions that the network decides rightly; populations and generations are the same for
all, and each leaves a case once it is reached. With them stands as large a part, drawn at random,
of all places in all extreme colours. Success is judged on the stored image.
"""

from __future__ import annotations

import argparse
import warnings
from functools import partial

import torch
from measuring import interleaved, seconds, write_result
from peers import UnitNetwork, art_classifier
from queries import Found, Subject, asked_of, judged, ours
from subject import decided_rightly, trained, unseen
from torch import Tensor

from plexor.attacks import ExhaustivePixel, OnePixel, Threat

_POPULATION = 400
"""Which ART does not leave to its user."""


def torchattacks_pixel(subject: Subject, pixels: int, generations: int) -> Found:
    from torchattacks import OnePixel as Theirs

    def attack(network: UnitNetwork) -> Tensor:
        search = Theirs(network.eval(), pixels=pixels, steps=generations, popsize=_POPULATION)
        found: Tensor = search(subject.unit, subject.batch.truth)
        return found

    return asked_of(subject, attack)


def art_pixel(subject: Subject, pixels: int, generations: int) -> Found:
    from art.attacks.evasion import PixelAttack

    def attack(network: UnitNetwork) -> Tensor:
        estimator = art_classifier(network, subject.batch, 0)
        search = PixelAttack(estimator, th=pixels, es=1, max_iter=generations)
        return torch.from_numpy(search.generate(subject.unit.numpy(), subject.batch.truth.numpy()))

    return asked_of(subject, attack)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", default="small-cnn", choices=["small-cnn", "densenet121"])
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--pixels", type=int, default=1)
    parser.add_argument("--generations", type=int, default=4, help="after the first population")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    model = trained(options.architecture)
    batch, images = decided_rightly(model, unseen(4 * options.images), options.images)
    subject = Subject(model=model, batch=batch, images=images)
    threat = Threat(norm="l0", radius=options.pixels)
    queries = _POPULATION * (1 + options.generations)
    evolution = OnePixel(queries=queries, population=_POPULATION)
    exhaustive = ExhaustivePixel(queries=queries)
    searches = {
        "plexor, one-pixel": partial(ours, evolution, subject, threat),
        "torchattacks": partial(torchattacks_pixel, subject, options.pixels, options.generations),
        "adversarial-robustness-toolbox": partial(
            art_pixel, subject, options.pixels, options.generations
        ),
        "plexor, exhaustive-pixel, in part": partial(ours, exhaustive, subject, threat),
    }
    found: dict[str, Found] = {}

    def call(name: str) -> None:
        found[name] = searches[name]()

    timings = interleaved({name: partial(call, name) for name in searches}, options.repeats)
    rows = [
        {
            "name": name,
            "queries": asked,
            "seconds": seconds(timings[name]),
            **judged(subject, threat, delta),
        }
        for name, (delta, asked) in found.items()
    ]
    write_result("pixel", vars(options) | {"images": len(batch)}, rows)


if __name__ == "__main__":
    main()
