"""Every pixel in every extreme colour, beside bare passes: images a second of processor time."""

from __future__ import annotations

import argparse
from functools import partial

import torch
from measuring import interleaved, spread, write_result
from subject import batch_of, trained, unseen

from plexor.attacks import ExhaustivePixel, Misclassify, Threat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", default="small-cnn", choices=["small-cnn", "densenet121"])
    parser.add_argument("--queries", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = trained(options.architecture)
    batch, _ = batch_of(model, unseen(50).cases)
    with torch.no_grad():
        outputs = model.outputs(batch.images, batch.scaling)
    right = torch.nonzero(model.task.decide(outputs) == batch.truth).flatten()[:1]
    case, threat = batch.select(right), Threat(norm="l0", radius=1)
    rows = []
    for at_once in (16, 64):
        attack = ExhaustivePixel(queries=options.queries, at_once=at_once)
        many = case.select(torch.zeros(at_once, dtype=torch.int64))
        n_passes = options.queries // at_once

        def bare(many=many, n_passes=n_passes) -> None:  # type: ignore[no-untyped-def]
            with torch.no_grad():
                for _ in range(n_passes):
                    model.outputs(many.images, many.scaling)

        contenders = {
            "plexor": partial(attack, model, case, Misclassify(), threat, seed=0),
            "bare passes": bare,
        }
        timings = interleaved(contenders, options.repeats)
        for name, of in timings.items():
            rows.append(
                {
                    "name": name,
                    "at_once": at_once,
                    "images_per_second": spread([options.queries / each.cpu for each in of]),
                    "passes_per_second": spread([n_passes / each.cpu for each in of]),
                }
            )
    settings = {
        "architecture": options.architecture,
        "queries": options.queries,
        "repeats": options.repeats,
        "note": "one core shared with other programs, so go by processor time",
    }
    write_result("sparse", settings, rows)


if __name__ == "__main__":
    main()
