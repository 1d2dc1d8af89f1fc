"""A small network trained to distinguish perturbed images from originals.

It complements the Hotelling observer, which is a linear function of its channels. The network is
not limited to them, so it comes nearer to the best possible detection. It is no upper limit:
another network, or more images, may detect more.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from plexor.core.errors import PlanError
from plexor.core.seeds import seed_for
from plexor.models.architectures import build_network
from plexor.stats.argument import Groups, check_level, group_codes
from plexor.visibility.array import Floats, Pixels
from plexor.visibility.observation import (
    Flags,
    Observation,
    learnt_from,
    observation,
    tested_groups,
)
from plexor.visibility.settings import FEWEST_PAIRS

_HELD_BACK = 5
"""One of this many training groups is held back to decide when training stops."""
_CLIP = 3.0
"""Limit at which residuals are clipped, in units of the originals' mean residual."""
_SMALLEST = 10

Images = NDArray[Any]
"""Stored numbers, (n, channels, *spatial)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a detector is trained.

    Attributes:
        epochs: maximum number of passes.
        patience: number of passes without a lower loss on the pairs held back after which training
            stops.
        batch_size: number of pairs; both images of a pair are always in one batch.
        learning_rate: initial rate of Adam; it falls to 0 over all epochs along a cosine.
    """

    epochs: int = 40
    patience: int = 10
    batch_size: int = 8
    learning_rate: float = 0.002

    def __post_init__(self) -> None:
        if min(self.epochs, self.patience, self.batch_size) < 1 or not self.learning_rate > 0:
            raise PlanError(
                "detector: `epochs`, `patience` and `batch_size` must be at least 1 and "
                f"`learning_rate` above 0, got {self}"
            )


def detect(
    original: Sequence[Pixels],
    perturbed: Sequence[Pixels],
    groups: Groups | None = None,
    *,
    seed: int,
    device: torch.device | None = None,
    schedule: Schedule = Schedule(),
    level: float = 0.95,
) -> Observation:
    """Trains a small network on half of the groups and tests it on the other half.

    The halves are those of ``visibility.observe`` with the same seed and groups. In the paired
    comparison, the image with the higher score is picked. Intervals are over cases, for this
    network; they do not cover the variation between trainings.

    Args:
        original: images of one shape (channels, *spatial), in stored numbers, all in memory.
        perturbed: the perturbed images of the same cases.
        groups: the group of each pair; None where pairs are independent.
        seed: seed of the halves, weights, order and flips. On one device and number of threads the
            same seed gives the same figures.
        device: where to compute; the CPU if not given.
        schedule: the training schedule.
        level: nominal coverage.

    Returns:
        NaN with a note if there are fewer than ``FEWEST_PAIRS`` pairs to train on, or only one
        group.

    Raises:
        PlanError: the images have several shapes, are smaller than 10 along an axis, or are not
            paired.
    """
    check_level(level)
    before, after = _checked(original, perturbed)
    n = len(before)
    learn = learnt_from(n, groups, seed=seed)
    held_back = _held_back(learn, np.arange(n) if groups is None else groups, seed)
    tested = None if groups is None else tested_groups(groups, learn)
    n_training, few = int(learn.sum()), ""
    if n_training < FEWEST_PAIRS or not held_back.any():
        few = f"{n_training} pairs to train on, expected {FEWEST_PAIRS} or more in several groups"
        alone, tested = np.empty((0, 2)), None if tested is None else tested[:0]
    else:
        network = trained(
            (before[learn & ~held_back], after[learn & ~held_back]),
            (before[held_back], after[held_back]),
            seed=seed,
            device=device or torch.device("cpu"),
            schedule=schedule,
        )
        alone = np.stack([scores(network, some[~learn]) for some in (before, after)], axis=1)
    return observation(
        alone,
        alone[:, 1] - alone[:, 0],
        tested,
        n_training=n_training,
        seed=seed,
        level=level,
        note=few,
    )


class Detector(nn.Module):
    """``small-cnn`` behind a high-pass filter.

    The filter subtracts from each number the mean of its neighbours along each axis; the residual
    is given in units of ``scale`` and clipped at 3, as in steganalysis (Ye, Ni & Yi, IEEE TIFS
    2017;12:2545). Takes (N, channels, *spatial), gives logits, (N,).

    Args:
        spatial_dims: 2 or 3.
        channels: number of channels of an image.
    """

    scale: Tensor

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.network = build_network(
            "small-cnn", spatial_dims=spatial_dims, channels=channels, n_outputs=1
        )

    def forward(self, images: Tensor) -> Tensor:
        """Score of each image; higher if it looks perturbed."""
        seen = (residual(images) / self.scale).clamp(-_CLIP, _CLIP)
        found: Tensor = self.network(seen)
        return found.flatten()


def residual(images: Tensor) -> Tensor:
    """Each number minus the mean of its two neighbours along each axis, without the border."""
    axes = range(2, images.ndim)
    inner = [slice(None), slice(None), *(slice(1, -1) for _ in axes)]
    found = images[tuple(inner)].clone()
    for axis in axes:
        for side in (slice(None, -2), slice(2, None)):
            place = [*inner]
            place[axis] = side
            found -= images[tuple(place)] / (2 * len(axes))
    return found


def trained(
    taught: tuple[Images, Images],
    held_back: tuple[Images, Images],
    *,
    seed: int,
    device: torch.device,
    schedule: Schedule,
) -> Detector:
    """Trains a detector; returns the weights with the lowest loss on the pairs held back.

    Args:
        taught: originals and perturbed images, (n, channels, *spatial).
        held_back: likewise; their loss decides when training stops.
        seed: seed of weights, order and flips.
        device: where to compute.
        schedule: the training schedule.
    """
    shape = taught[0].shape[1:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "detector"))
        network = Detector(len(shape) - 1, shape[0])
    sizes = [float(residual(part).abs().mean()) for part in _parts(taught[0], torch.device("cpu"))]
    network.scale.fill_(float(np.mean(sizes)) or 1.0)
    network.to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=schedule.learning_rate)
    rng = np.random.default_rng([seed, 4])
    best, weights, waited = math.inf, network.state_dict(), 0
    for epoch in range(schedule.epochs):
        fading = (1 + math.cos(math.pi * epoch / schedule.epochs)) / 2
        optimizer.param_groups[0]["lr"] = schedule.learning_rate * fading
        _learn(network, optimizer, taught, rng, schedule.batch_size)
        loss, waited = _loss(network, held_back), waited + 1
        if loss < best:
            best, weights, waited = loss, copy.deepcopy(network.state_dict()), 0
        if waited >= schedule.patience:
            break
    network.load_state_dict(weights)
    return network


def scores(network: Detector, images: Images) -> Floats:
    """Scores of a detector, (n,), for images (n, channels, *spatial)."""
    network.eval()
    with torch.no_grad():
        found = [network(part) for part in _parts(images, network.scale.device)]
    return torch.cat(found).double().cpu().numpy()


def _learn(
    network: Detector,
    optimizer: torch.optim.Optimizer,
    pairs: tuple[Images, Images],
    rng: np.random.Generator,
    batch_size: int,
) -> None:
    """One training pass; both images of a pair are in one batch and flipped alike."""
    network.train()
    device, spatial = network.scale.device, range(2, pairs[0].ndim)
    order = rng.permutation(len(pairs[0]))
    for start in range(0, len(order), batch_size):
        some = order[start : start + batch_size]
        flipped = [axis for axis in spatial if rng.random() < 0.5]
        images = torch.cat([_tensor(part[some], device) for part in pairs]).flip(flipped)
        truth = torch.arange(2, device=device).repeat_interleave(len(some)).float()
        optimizer.zero_grad()
        loss = binary_cross_entropy_with_logits(network(images), truth)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _loss(network: Detector, pairs: tuple[Images, Images]) -> float:
    """Mean cross-entropy over both images of all pairs."""
    untouched, perturbed = (scores(network, part) for part in pairs)
    return float(np.logaddexp(0, untouched).mean() + np.logaddexp(0, -perturbed).mean()) / 2


def _parts(images: Images, device: torch.device, size: int = 32) -> Iterator[Tensor]:
    for start in range(0, len(images), size):
        yield _tensor(images[start : start + size], device)


def _tensor(images: Images, device: torch.device) -> Tensor:
    return torch.from_numpy(images.astype(np.float32)).to(device)


def _held_back(learn: Flags, groups: Groups, seed: int) -> Flags:
    """Training pairs that only decide when to stop: all of some groups; none of a single group."""
    codes, _ = group_codes(groups, len(learn))
    names = np.random.default_rng([seed, 3]).permutation(np.unique(codes[learn]))
    n_held_back = -(-len(names) // _HELD_BACK) if len(names) > 1 else 0
    return np.isin(codes, names[:n_held_back])


def _checked(original: Sequence[Pixels], perturbed: Sequence[Pixels]) -> tuple[Images, Images]:
    shapes = {image.shape for image in (*original, *perturbed)}
    if len(original) != len(perturbed) or len(shapes) > 1:
        raise PlanError(
            "detect: expected an original and a perturbed image of each case, all of one shape, "
            f"got {len(original)} and {len(perturbed)} of {sorted(shapes)}"
        )
    shape = next(iter(shapes), (1, _SMALLEST, _SMALLEST))
    if len(shape) not in (3, 4) or min(shape[1:]) < _SMALLEST:
        raise PlanError(
            "detect: expected images (channels, *spatial) in 2D or 3D, at least "
            f"{_SMALLEST} along each axis, got {shape}"
        )
    nothing = np.empty((0, *shape))
    before, after = (np.stack(images) if images else nothing for images in (original, perturbed))
    return before, after
