"""The cascade beside AutoAttack's standard version: same network, images and radius.

AutoAttack knows images from 0 to 1 and no storage. So there are two comparisons: as each proposes,
with floating images for both, and what is left of each proposal on the stored image.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from hardened import SIDE, hardened
from measuring import interleaved, ratios, seconds, write_result
from peers import GREATEST, UnitNetwork
from subject import decided_rightly, ham10000, trained_on_squares
from torch import Tensor

from plexor.attacks import Cascade, Misclassify, Proposal, Threat, judge
from plexor.cases import LOSSLESS, Image
from plexor.models import Batch, Model, ModelSource, load_model
from plexor.models.device import keep_freed_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Cases that the model decides rightly, and within what they are attacked."""

    model: Model
    batch: Batch
    images: list[Image]
    threat: Threat


def ours(subject: Subject) -> Proposal:
    return Cascade()(subject.model, subject.batch, Misclassify(), subject.threat, seed=0)


def ours_floating(subject: Subject) -> Proposal:
    """As if images were stored as floating numbers; of 8-bit images a value is a level."""
    batch = replace(subject.batch, quantum=torch.zeros_like(subject.batch.quantum))
    threat = replace(subject.threat, unit="value")
    return ours(replace(subject, batch=batch, threat=threat))


def autoattack(subject: Subject) -> Proposal:
    """The standard version; its targeted attacks take every class there is, up to nine."""
    from pyautoattack import AutoAttack

    logging.disable(logging.INFO)
    norms = {"linf": "Linf", "l2": "L2", "l1": "L1"}
    network = UnitNetwork(subject.model).eval()
    attack = AutoAttack(
        network,
        norm=norms[subject.threat.norm],
        eps=subject.threat.radius / GREATEST,
        seed=0,
        version="standard",
        device="cpu",
    )
    for targeted in (attack.apgd_targeted, attack.fab):
        others = subject.model.task.n_outputs - 1
        targeted.n_target_classes = min(targeted.n_target_classes, others)
    images = subject.batch.images / GREATEST
    found, _ = attack.run_standard_evaluation(images, subject.batch.truth, batch_size=len(images))
    return replace(Proposal.nothing(subject.batch), delta=found * GREATEST - subject.batch.images)


CONTENDERS: dict[str, Callable[[Subject], Proposal]] = {
    "plexor": ours,
    "plexor, floating images": ours_floating,
    "autoattack": autoattack,
}


def robust(subject: Subject, delta: Tensor) -> dict[str, float]:
    """Share of the cases that withstood: of what was proposed, and of what a file stores of it."""
    outputs = subject.model.outputs(subject.batch.images + delta, subject.batch.scaling)
    inside = subject.threat.norms(delta) <= subject.threat.radius * (1 + 1e-5)
    wrong = subject.model.task.decide(outputs) != subject.batch.truth
    verdicts = judge(
        subject.model,
        subject.batch,
        subject.images,
        delta,
        goal=Misclassify(),
        threat=subject.threat,
    )[LOSSLESS]
    stored = sum(v.margin > 0 and v.within_threat for v in verdicts)
    return {
        "proposed": 1 - float((wrong & inside).float().mean()),
        "stored": 1 - stored / len(verdicts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("--weights", type=Path)
    subject.add_argument("--hardened", action="store_true", help="adversarially trained network")
    subject.add_argument("--side", type=int, help="squares of so many pixels a side, own network")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threats", nargs="+", default=["linf:3", "l2:600"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    keep_freed_memory()  # as every audit does; for all contenders alike
    if options.hardened:
        model = hardened(options.manifest)
    elif options.side is None:
        model = load_model(ModelSource(weights=options.weights))
    else:
        model = trained_on_squares(options.manifest, options.side)
    side = SIDE if options.hardened else options.side
    cohort = ham10000(options.manifest, "test", side=side)
    batch, images = decided_rightly(model, cohort, options.images)
    result, weights = "cascade", "trained at that size"
    if options.hardened:
        result, weights = "cascade_hardened", "adversarially trained at that size"
    elif options.side:
        result = "cascade_small"
    else:
        weights = options.weights.name
    settings = {
        "images": len(batch),
        "repeats": options.repeats,
        "size": " × ".join(map(str, batch.images.shape[2:])),
        "weights": weights,
    }
    rows = []
    for written in options.threats:
        norm, _, radius = written.partition(":")
        subject = Subject(
            model=model,
            batch=batch,
            images=images,
            threat=Threat(norm=norm, radius=float(radius)),
        )
        found: dict[str, Proposal] = {}

        def call(name: str, subject: Subject, found: dict[str, Proposal]) -> None:
            found[name] = CONTENDERS[name](subject)

        calls = {name: partial(call, name, subject, found) for name in CONTENDERS}
        timings = interleaved(calls, options.repeats)
        rows += [
            {
                "threat": subject.threat.name,
                "name": name,
                "seconds": seconds(timings[name]),
                "over_autoattack": ratios(timings, name, "autoattack"),
            }
            | {"found_by": Counter(found[name].found_by)}
            | robust(subject, found[name].delta)
            for name in CONTENDERS
        ]
        write_result(result, settings, rows)  # after each: a threat takes minutes


if __name__ == "__main__":
    main()
