"""Training of the estimator of volumes, on phantoms whose every voxel is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from plexor.cases.formats.nifti import decode_nifti
from plexor.cases.phantoms import AgeingConfig
from plexor.cases.phantoms.ageing import draw_person, scan_with_shares
from plexor.cases.phantoms.encode import nifti
from plexor.core.errors import ModelError
from plexor.core.seeds import seed_for
from plexor.models import Preprocess
from plexor.models.batch import Batch, axes_of
from plexor.studies.li2020.estimator import Estimator, segmentation_network

SCANS_EACH = 2
"""Scans of each person."""
_KEPT = 64
"""Scans that are kept to be drawn from, so that memory does not grow with the number of people."""
_RATE, _LATER_RATE = 0.02, 0.005
_LATER = 5 / 8
"""Steps with the error of volumes in the loss, as a share of those before."""
_WEIGHT = 0.5
"""Of the error of volumes, beside the cross-entropy."""
Example = tuple[Tensor, Tensor]
"""A network input (1, 1, *size), and the true share of each class (1, n_classes, *size)."""
Draw = Callable[[int], Example]
"""Step → the example that is learned from."""


def train_estimator(
    *,
    preprocess: Preprocess,
    config: AgeingConfig,
    n_people: int,
    n_steps: int,
    seed: int,
    advance: Callable[[int, int, str], None],
) -> Estimator:
    """Trains by cross-entropy with the true share of each region in each voxel, then of volumes.

    Cross-entropy is least where probabilities equal the shares, so that sums of probabilities are
    volumes; but a few voxels, as the hippocampi are, count little in it. In the last part of the
    training the squared error of the logs of all volumes is added. The people are drawn for the
    estimator alone, evenly over the first part; none is of the study's cohort. Each step takes one
    of the scans drawn last.

    Args:
        preprocess: of the network's input.
        config: of the phantoms.
        n_people: people, each with two scans.
        n_steps: of the first part, a scan each; the last part has five eighths as many.
        seed: of initial weights, people and order.
        advance: called after each step.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "estimator"))
        network = segmentation_network().train()
    order = np.random.default_rng(seed_for(seed, "estimator", "order"))
    kept: deque[Example] = deque(maxlen=_KEPT)
    n_later = max(1, round(_LATER * n_steps))

    def draw(step: int) -> Example:
        for person in range(n_people * step // n_steps, n_people * (step + 1) // n_steps):
            kept.extend(_examples(seed_for(seed, "estimator", str(person)), config, preprocess))
        return kept[int(order.integers(len(kept)))]

    def tell(step: int, loss: float) -> None:
        advance(step + 1, n_steps + n_later, f"loss {loss:.3f}")

    kept.extend(_examples(seed_for(seed, "estimator", "first"), config, preprocess))
    _start_with_frequencies(network, kept[0][1])
    _learn(network, draw, range(n_steps), tell=tell, rate=_RATE, weight=0)
    later = range(n_steps, n_steps + n_later)
    _learn(
        network, lambda _: kept[int(order.integers(len(kept)))], later,
        tell=tell, rate=_LATER_RATE, weight=_WEIGHT,
    )  # fmt: skip
    return Estimator(network=network.eval(), preprocess=preprocess)


def _learn(
    network: nn.Module,
    draw: Draw,
    steps: range,
    *,
    tell: Callable[[int, float], None],
    rate: float,
    weight: float,
) -> None:
    """One cycle of the learning rate.

    Args:
        network: is changed.
        draw: see ``Draw``.
        steps: numbers of the steps.
        tell: called with each step's number and loss.
        rate: peak of the learning rate.
        weight: of the squared error of the logs of volumes, beside cross-entropy.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=rate, total_steps=len(steps), pct_start=0.15
    )
    for step in steps:
        inputs, shares = draw(step)
        scores = network(inputs)
        loss = functional.cross_entropy(scores, shares)
        if weight:
            loss = loss + weight * _log_volume_error(scores, shares)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        tell(step, float(loss.detach()))


def _log_volume_error(scores: Tensor, shares: Tensor) -> Tensor:
    """Mean squared difference of the logs of all volumes but that of the outside."""
    found, true = (part[:, :-1].flatten(2).sum(2) for part in (scores.softmax(1), shares))
    return (found.clamp(min=1e-3).log() - true.clamp(min=1e-3).log()).square().mean()


def _start_with_frequencies(network: nn.Module, shares: Tensor) -> None:
    """Sets the bias of the last layer to the log of each class's share of a volume.

    Most voxels are outside of the brain; learning that alone would take most of the steps.
    """
    last = [part for part in network.modules() if isinstance(part, nn.Conv3d)][-1]
    if last.bias is None or len(last.bias) != shares.shape[1]:
        raise ModelError("the last convolution of the segmentation network has no bias a class")
    with torch.no_grad():
        last.bias.copy_(shares.mean(dim=(0, 2, 3, 4)).clamp(min=1e-6).log())


def _examples(seed: int, config: AgeingConfig, preprocess: Preprocess) -> list[Example]:
    """The scans of a new person; shares are brought to the network's grid as the image is."""
    draw = np.random.default_rng(seed)
    person = draw_person(draw, draw.uniform(config.youngest, config.oldest), config)
    found = []
    for _ in range(SCANS_EACH):
        phantom, shares = scan_with_shares(draw, person, config)
        image = decode_nifti(nifti(phantom, "person"))
        batch = Batch.of(["person"], [image], torch.zeros(1), torch.device("cpu"))
        axes = axes_of([image], torch.device("cpu"))
        inside = preprocess.resize(torch.from_numpy(shares)[None], axes)
        outside = (1 - inside.sum(1, keepdim=True)).clamp(min=0)
        target = torch.cat([inside, outside], dim=1)
        inputs = preprocess(batch.scaling.values(batch.images), axes)
        found.append((inputs, target / target.sum(1, keepdim=True)))
    return found
