"""Does it pay to ask for the gradient at the image as a file would hold it?

Three searches that differ only in where they look, at equal cost:
"storable": the gradient at the rounded image, the best rounded image seen (what ``PGD`` does);
"unrounded, best": the gradient at the unrounded image, the best seen there, rounded at the end;
"unrounded, last": likewise, the last image, rounded at the end (what other libraries do).
All are judged on stored images, and after JPEG compression with the file's own tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, get_args

import torch
from measuring import write_result
from subject import batch_of, correct, trained, unseen
from torch import Tensor

from plexor.attacks import Misclassify, Threat, judge
from plexor.attacks.proposal import normal_noise
from plexor.cases import LOSSLESS, Cohort, Image, load_cohort
from plexor.models import Batch, Model, ModelSource, load_model

Search = Literal["storable", "unrounded, best", "unrounded, last"]
OWN = "recompressed-own"
LINF = (1.0, 2.0, 4.0)
# Euclidean radii of the same order: so much root-mean-square change of a number, in levels.
L2_RMS = (0.25, 0.5, 1.0)
_CHUNK = 64


def search(
    model: Model, batch: Batch, threat: Threat, kind: Search, *, steps: int, seed: int
) -> Tensor:
    """The perturbation proposed, (N, C, H, W), storable."""
    goal, size = Misclassify(), threat.radii(batch) * 2.5 / steps
    delta = threat.random_start(normal_noise(batch, seed, "start-0"), batch)
    best, best_margin = torch.zeros_like(delta), torch.full((len(batch),), -torch.inf)
    for _ in range(steps + 1):
        trial = threat.store(delta, batch) if kind == "storable" else delta.clone()
        trial.requires_grad_()
        outputs = model.outputs(batch.images + trial, batch.scaling)
        margin = goal.margin(model.task, outputs, batch.truth).detach()
        if kind == "unrounded, last":
            margin = torch.full_like(margin, torch.inf)
            best_margin.fill_(-torch.inf)
        better = margin > best_margin
        best[better], best_margin = trial.detach()[better], torch.maximum(margin, best_margin)
        loss = goal.loss(model.task, outputs, batch.truth, "ce")
        (gradient,) = torch.autograd.grad(loss.sum(), trial)
        delta = threat.project(delta + size * threat.steepest(gradient), batch)
    return threat.store(best, batch)


def threats(numbers: int) -> Iterator[Threat]:
    yield from (Threat(norm="linf", radius=radius) for radius in LINF)
    yield from (Threat(norm="l2", radius=round(rms * numbers**0.5)) for rms in L2_RMS)


def judged(
    model: Model,
    batches: list[tuple[Batch, list[Image]]],
    propose: Callable[[Batch], Tensor | None],
    threat: Threat | None,
) -> dict[str, float]:
    """Share of images still decided rightly, for each container, and the mean margin lossless."""
    right: dict[str, list[bool]] = {}
    margins: list[float] = []
    for batch, images in batches:
        alive = correct(model, batch)
        delta = propose(batch)
        delta = torch.zeros_like(batch.images) if delta is None else delta
        for name, verdicts in judge(
            model, batch, images, delta, goal=Misclassify(), threat=threat
        ).items():
            kept = [bool(a) and v.margin <= 0 for a, v in zip(alive, verdicts, strict=True)]
            right.setdefault(name, []).extend(kept)
            if name == LOSSLESS:
                margins += [v.margin for v in verdicts]
    found = {name: sum(right[name]) / len(right[name]) for name in (LOSSLESS, OWN) if name in right}
    return found | {"margin": sum(margins) / len(margins)}


def compare(
    name: str, model: Model, cohort: Cohort, n_cases: int, steps: int
) -> list[dict[str, object]]:
    step = max(1, len(cohort.cases) // n_cases)
    cases = cohort.cases[::step][:n_cases]
    batches = [batch_of(model, cases[i : i + _CHUNK]) for i in range(0, n_cases, _CHUNK)]
    clean = judged(model, batches, lambda _: None, None)
    rows: list[dict[str, object]] = [{"subject": name, "n": len(cases), "threat": "none", **clean}]
    for threat in threats(batches[0][0].images[0].numel()):
        for kind in get_args(Search):

            def propose(batch: Batch, threat: Threat = threat, kind: Search = kind) -> Tensor:
                return search(model, batch, threat, kind, steps=steps, seed=0)

            found = judged(model, batches, propose, threat)
            rows.append(
                {"subject": name, "n": len(cases), "threat": threat.name, "search": kind, **found}
            )
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--n-densenet", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument(
        "--manifest", type=Path, help="real JPEG images, e.g. HAM10000_metadata.csv"
    )
    parser.add_argument("--weights", type=Path, help="a small network that plexor trained on them")
    parser.add_argument("--n-real", type=int, default=200)
    options = parser.parse_args()
    cohort = unseen(1024, file_format="jpeg")
    rows = compare("phantoms, small-cnn", trained("small-cnn"), cohort, options.n, options.steps)
    if options.manifest:
        model = load_model(ModelSource(weights=options.weights))
        real = load_cohort(
            options.manifest,
            columns={"label": "dx", "group": "lesion_id", "id": "image_id"},
            path_template="images/{image_id}.jpg",
        )
        rows += compare("HAM10000, small-cnn", model, real, options.n_real, options.steps)
    rows += compare(
        "phantoms, densenet121", trained("densenet121"), cohort, options.n_densenet, options.steps
    )
    write_result("rounding", {"steps": options.steps}, rows)


if __name__ == "__main__":
    main()
