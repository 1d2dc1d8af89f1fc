"""PGD-20 on DenseNet-121, or on a small network: ours beside a bare loop and other libraries.

Every contender gets the same frozen network, images, radius, step size, number of steps and a
random start. What each proposes is judged alike: by plexor's judge, on the stored images. With
``--longer`` everything is run with more steps as well: the difference in time, divided by that in
steps, is the cost of a step without what is done once.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec

import torch
from measuring import Timing, interleaved, ratios, seconds, spread, write_result
from peers import GREATEST, UnitNetwork, art_classifier, foolbox_model
from subject import batch_of, trained, unseen
from torch import Tensor
from torch.nn import functional

from plexor.attacks import PGD, Misclassify, Threat, judge
from plexor.attacks.objective import Precision
from plexor.cases import LOSSLESS, Image
from plexor.models import Batch, Model
from plexor.models.device import keep_freed_memory
from plexor.threat_model import Norm


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search, the same for everyone; lengths are in levels."""

    steps: int
    radius: float
    norm: Norm = "linf"
    model: Model
    batch: Batch

    @property
    def step_size(self) -> float:
        return 2.5 * self.radius / self.steps

    @property
    def threat(self) -> Threat:
        return Threat(norm=self.norm, radius=self.radius)


def ours(
    search: Search, seed: int, *, stop_at_success: bool = False, precision: Precision = "float32"
) -> Tensor:
    attack = PGD(steps=search.steps, stop_at_success=stop_at_success, precision=precision)
    return attack(search.model, search.batch, Misclassify(), search.threat, seed=seed).delta


def bare(search: Search, seed: int) -> Tensor:
    """The least that any such attack does: the passes, and a step cut to the ball."""
    torch.manual_seed(seed)
    images, radius = search.batch.images, search.radius
    if search.norm == "linf":
        delta = torch.empty_like(images).uniform_(-radius, radius)
    else:
        delta = radius * direction(torch.randn_like(images))
    for _ in range(search.steps):
        perturbed = (images + delta).requires_grad_()
        inputs = (perturbed / GREATEST).contiguous(memory_format=torch.channels_last)
        loss = functional.cross_entropy(search.model.network(inputs), search.batch.truth)
        (gradient,) = torch.autograd.grad(loss, perturbed)
        if search.norm == "linf":
            delta = (delta + search.step_size * gradient.sign()).clamp(-radius, radius)
        else:
            delta = delta + search.step_size * direction(gradient)
            delta = delta * (radius / lengths(delta)).clamp(max=1)
    return (images + delta).clamp(0, GREATEST) - images


def lengths(images: Tensor) -> Tensor:
    return images.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def direction(images: Tensor) -> Tensor:
    return images / (lengths(images) + 1e-12)


def foolbox(search: Search, seed: int) -> Tensor:
    from foolbox.attacks import L2PGD, LinfPGD
    from foolbox.criteria import Misclassification

    torch.manual_seed(seed)
    model = foolbox_model(UnitNetwork(search.model))
    attack = (LinfPGD if search.norm == "linf" else L2PGD)(
        abs_stepsize=search.step_size / GREATEST, steps=search.steps, random_start=True
    )
    images = search.batch.images / GREATEST
    criterion = Misclassification(search.batch.truth)
    _, found, _ = attack(model, images, criterion, epsilons=search.radius / GREATEST)
    return found * GREATEST - search.batch.images


def torchattacks(search: Search, seed: int) -> Tensor:
    from torchattacks.attacks import pgd

    torch.manual_seed(seed)
    attack = pgd.PGD(
        UnitNetwork(search.model).eval(),
        eps=search.radius / GREATEST,
        alpha=search.step_size / GREATEST,
        steps=search.steps,
        random_start=True,
    )
    return (
        attack(search.batch.images / GREATEST, search.batch.truth) * GREATEST - search.batch.images
    )


def art(search: Search, seed: int) -> Tensor:
    from art.attacks.evasion import ProjectedGradientDescentPyTorch

    estimator = art_classifier(UnitNetwork(search.model), search.batch, seed)
    attack = ProjectedGradientDescentPyTorch(
        estimator,
        norm="inf" if search.norm == "linf" else 2,
        eps=search.radius / GREATEST,
        eps_step=search.step_size / GREATEST,
        max_iter=search.steps,
        num_random_init=1,
        batch_size=len(search.batch),
        verbose=False,
    )
    images = (search.batch.images / GREATEST).numpy()
    found = torch.from_numpy(attack.generate(images, search.batch.truth.numpy()))
    return found * GREATEST - search.batch.images


CONTENDERS: dict[str, Callable[[Search, int], Tensor]] = {
    "plexor": ours,
    "plexor, `stop_at_success`": partial(ours, stop_at_success=True),
    "plexor, `stop_at_success`, bfloat16": partial(
        ours, stop_at_success=True, precision="bfloat16"
    ),
    "bare loop": bare,
    "foolbox": foolbox,
    "torchattacks": torchattacks,
    "adversarial-robustness-toolbox": art,
}


def success(search: Search, images: list[Image], delta: Tensor) -> dict[str, float]:
    """Judged on what a file stores: rounded, in range, within the radius."""
    verdicts = judge(
        search.model, search.batch, images, delta, goal=Misclassify(), threat=search.threat
    )[LOSSLESS]
    return {
        "accuracy_after": sum(v.margin <= 0 or not v.within_threat for v in verdicts)
        / len(verdicts),
        "mean_margin": sum(v.margin for v in verdicts) / len(verdicts),
        "outside_threat": sum(not v.within_threat for v in verdicts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--longer", type=int, help="steps of a second, longer run")
    parser.add_argument("--threats", nargs="+", default=["linf:2"])
    parser.add_argument("--architecture", default="densenet121")
    parser.add_argument("--result", default="pgd", help="name of the file in results")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    keep_freed_memory()  # as every audit does; for all contenders alike
    model = trained(options.architecture)
    # Phantoms come class by class, two to a lesion; every fourth gives all classes alike.
    batch, images = batch_of(model, unseen(4 * options.images).cases[::4])
    rows: list[dict[str, object]] = []
    for written in options.threats:
        norm, _, radius = written.partition(":")
        search = Search(
            steps=options.steps, radius=float(radius), norm=norm, model=model, batch=batch
        )
        rows += measured(search, images, options.repeats, longer=options.longer)
    untouched = success(search, images, torch.zeros_like(batch.images))["accuracy_after"]
    settings = {name: value for name, value in vars(options).items() if name != "result"}
    write_result(options.result, settings | {"accuracy_before": untouched}, rows)


def measured(
    search: Search, images: list[Image], repeats: int, *, longer: int | None = None
) -> list[dict[str, object]]:
    """One row for each contender that is installed; with ``longer``, the cost of a step, too."""
    # torchattacks' PGDL2 fails on gradients with channels last, as convolutions leave them
    without = {"torchattacks"} if search.norm == "l2" else set()
    modules = {"adversarial-robustness-toolbox": "art"}
    present = {
        name: call
        for name, call in CONTENDERS.items()
        if name not in without
        and (name == "bare loop" or name.startswith("plexor") or find_spec(modules.get(name, name)))
    }
    found: dict[str, list[Tensor]] = {name: [] for name in present}

    def contender(name: str) -> Callable[[], None]:
        return lambda: found[name].append(present[name](search, len(found[name])))

    small = replace(search, steps=2)
    for call in present.values():
        call(small, 0)
    calls = {name: contender(name) for name in present}
    if longer is not None:
        more = replace(search, steps=longer)
        calls |= {
            _longer(name): partial(call, more, 0)
            for name, call in present.items()
            if "stop_at_success" not in name  # its steps become cheaper as cases leave
        }
    timings = interleaved(calls, repeats)
    judged = {n: [success(search, images, d) for d in deltas] for n, deltas in found.items()}
    return [
        {
            "threat": search.threat.name,
            "name": name,
            "seconds": seconds(timings[name]),
            "over_bare": ratios(timings, name, "bare loop"),
            **step(timings, name, n_steps=(longer or 0) - search.steps),
            "accuracy_after": [one["accuracy_after"] for one in judged[name]],
            "mean_margin": [one["mean_margin"] for one in judged[name]],
            "outside_threat": sum(one["outside_threat"] for one in judged[name]),
        }
        for name in present
    ]


def _longer(name: str) -> str:
    return f"{name}, longer"


def step(timings: dict[str, list[Timing]], name: str, *, n_steps: int) -> dict[str, object]:
    """Processor time of a step in ms, and over the bare loop's of the same round.

    Empty where there is no longer run.

    Args:
        timings: of the runs of both lengths.
        name: the contender.
        n_steps: how many steps a longer run has more.
    """
    if _longer(name) not in timings:
        return {}
    mine, bare_loop = (
        [
            1e3 * (more.cpu - less.cpu) / n_steps
            for less, more in zip(timings[one], timings[_longer(one)], strict=True)
        ]
        for one in (name, "bare loop")
    )
    over = [a / b for a, b in zip(mine, bare_loop, strict=True)]
    return {"step_ms": spread(mine), "step_over_bare": spread(over)}


if __name__ == "__main__":
    main()
