"""Averaged gradients, over a model's random outputs or over views of the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.best import Best
from plexor.attacks.goals import LossKind
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts
from plexor.attacks.proposal import uniform_draws
from plexor.core.errors import PlanError
from plexor.models.batch import Batch

_SMALLEST = 299 / 330
"""Smallest relative size to which input diversity shrinks an image (Xie et al., 2019, 4.1)."""


def slope(
    objective: Objective,
    delta: Tensor,
    loss: LossKind,
    *,
    samples: int,
    diversity: float = 0.0,
    seed: int = 0,
    name: str = "",
) -> tuple[Tensor, Tensor, Tensor]:
    """Margin (N,), loss (N,) and gradient at ``delta``; ``samples`` gradients a case.

    All three are means over draws: expectation over transformation (Athalye et al., ICML 2018).
    With ``diversity``, gradients and losses are of views of the perturbed image. The margin is of
    the image itself, at ``samples`` further forward passes.

    Args:
        objective: the cases.
        delta: perturbations, (N, C, *spatial).
        loss: the loss to differentiate.
        samples: number of draws.
        diversity: probability that a view differs from the image.
        seed: of the views.
        name: name of the random streams of the views.
    """
    if samples == 1 and diversity == 0:
        return objective.gradient(delta, loss)
    images = objective.batch.images
    margins, losses, gradient = [], [], torch.zeros_like(delta)
    for draw in range(samples):
        if diversity == 0:
            margin, number, part = objective.gradient(delta, loss)
            margins.append(margin)
        else:
            view = View.drawn(objective.batch, diversity, seed, f"{name}-{draw}")
            seen = view(images + delta)
            _, number, part = objective.gradient(seen - images, loss)
            part = view.back(part)
        losses.append(number)
        gradient += part / samples
    mean = mean_margin(objective, delta, samples) if diversity > 0 else torch.stack(margins).mean(0)
    return mean, torch.stack(losses).mean(0), gradient


def mean_margin(objective: Objective, delta: Tensor, samples: int) -> Tensor:
    """Mean margin over ``samples`` draws, (N,); ``samples`` forward passes."""
    return torch.stack([objective.margin(delta) for _ in range(samples)]).mean(0)


def kept(best: Best, trial: Tensor, margin: Tensor, *, samples: int, leave: bool) -> Tensor | None:
    """Keeps the better perturbations; with ``leave``, removes cases that have reached the goal.

    A case that seems to have reached the goal in bfloat16 or float16 is evaluated again in float32
    before it is removed: near the boundary, the margin in reduced precision can have the wrong
    sign, and a case removed by mistake is not searched further. This costs ``samples`` forward
    passes for each such case.

    Args:
        best: the best perturbations so far.
        trial: storable perturbations of the M open cases, (M, C, *spatial); not to be used
            afterwards, see ``Best.adopt``.
        margin: their margins, (M,), means over ``samples`` draws.
        samples: number of draws.
        leave: whether cases that have reached the goal are removed.

    Returns:
        Indices of the open cases that remain, int64; None if all remain.
    """
    if not leave:
        best.adopt(trial, margin)
        return None
    there = torch.nonzero(margin > 0).flatten()
    if best.objective.precision != "float32" and len(there) > 0:
        exactly = best.objective.select(there)
        exactly.precision = "float32"
        margin = margin.index_copy(0, there, mean_margin(exactly, trial[there], samples))
    best.adopt(trial, margin)
    return best.leave()


@dataclass(frozen=True, slots=True)
class View:
    """Input diversity (Xie et al., CVPR 2019): the image shrunk, then padded to its size.

    Size and position are drawn for each case. Interpolation is linear along each axis, in 2D and
    3D; padding is with the smallest storable number.

    Attributes:
        axes: for each spatial axis, the matrix from a line of the image to one of the view,
            (N, n, n).
        low: the padding, (N, 1, ...).
    """

    axes: tuple[Tensor, ...]
    low: Tensor

    @classmethod
    def drawn(cls, batch: Batch, diversity: float, seed: int, name: str) -> View:
        """With probability ``diversity`` a random view, otherwise the image."""
        spatial = batch.images.shape[2:]
        draws = uniform_draws(batch, seed, name, (2 + len(spatial),))
        chosen, scale = draws[:, :1] < diversity, _SMALLEST + (1 - _SMALLEST) * draws[:, 1:2]
        axes = []
        for axis, size in enumerate(spatial):
            shrunk = torch.where(chosen, (scale * size).floor().clamp(min=1), float(size))
            offset = (draws[:, 2 + axis : 3 + axis] * (size - shrunk + 1)).floor()
            axes.append(_line(size, shrunk, offset))
        return cls(tuple(axes), batch.low)

    def __call__(self, images: Tensor) -> Tensor:
        """The views of images (N, C, *spatial), of the same shape."""
        seen = images - self.low
        for axis, line in enumerate(self.axes, start=2):
            seen = _along(axis, seen, line.mT)
        return seen + self.low

    def back(self, gradient: Tensor) -> Tensor:
        """The gradient in the image, from the gradient in the view."""
        for axis, line in enumerate(self.axes, start=2):
            gradient = _along(axis, gradient, line)
        return gradient


def check_averaged(attack: str, *, samples: int, diversity: float = 0.0) -> None:
    """Checks the options of ``slope``.

    Raises:
        PlanError: ``samples`` is below 1, or ``diversity`` is no probability.
    """
    check_counts(attack, samples=samples)
    if not 0 <= diversity <= 1:
        raise PlanError(f"{attack}: `diversity` is a probability from 0 to 1, got {diversity}")


def _line(size: int, shrunk: Tensor, offset: Tensor) -> Tensor:
    """Interpolation weights from a line of the image to one of the view, (N, view, image)."""
    place = torch.arange(size, device=shrunk.device)
    inside = (place >= offset) & (place < offset + shrunk)
    source = ((place - offset + 0.5) * size / shrunk - 0.5).clamp(0, size - 1)
    return (1 - (source[:, :, None] - place).abs()).clamp(min=0) * inside[:, :, None]


def _along(axis: int, images: Tensor, matrix: Tensor) -> Tensor:
    """Multiplies every line along one axis by the matrix of its case."""
    lines = images.movedim(axis, -1)
    return torch.bmm(lines.flatten(1, -2), matrix).view_as(lines).movedim(-1, axis)
