"""What a network for a number was trained to give: the number, a z-score, or bins of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.core.errors import ModelError, PlanError


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """From a network's output to a number in the task's unit.

    Attributes:
        mean: added after ``std``, in the unit: of a network that gives z-scores, the mean of its
            training labels.
        std: factor, in the unit: the standard deviation of these labels.
        bin_range: lower edge of the first and upper edge of the last of equal bins, in the unit;
            the network gives a logit for each, and the number is the expectation over their
            middles, as in SFCN (Peng et al., *Med Image Anal* 2021;68:101871). None takes one
            number.

    Raises:
        PlanError: a number that is not finite, a factor that is not positive, or a range without
            width.

    Examples:
        >>> Target(mean=44, std=16).number(torch.tensor([[0.5]]))
        tensor([[52.]])
        >>> Target(bin_range=(40, 44)).number(torch.tensor([[0.0, 0.0]]))
        tensor([[42.]])
    """

    mean: float = 0.0
    std: float = 1.0
    bin_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and 0 < self.std < math.inf):
            raise PlanError(
                "model: `target` needs a finite `mean` and a positive finite `std`, got "
                f"{self.mean} and {self.std}"
            )
        if (ends := self.bin_range) is not None and not (
            ends[0] < ends[1] and math.isfinite(ends[1] - ends[0])
        ):
            raise PlanError(
                f"model: `target.bin_range` must be (lowest, highest) edge, got {ends[0]} and "
                f"{ends[1]}"
            )

    def number(self, found: Tensor, *, probabilities: bool = False) -> Tensor:
        """The number, (N, 1), differentiable.

        Args:
            found: the network's output, (N, 1), or (N, bins).
            probabilities: whether ``found`` is a probability for each bin, not a logit.

        Raises:
            ModelError: several outputs and no range of bins, or one output and a range.
        """
        if (ends := self.bin_range) is not None:
            found = _expectation(found, ends, probabilities=probabilities)
        elif found.shape[1] != 1:
            raise ModelError(
                f"the network gives {found.shape[1]} numbers for an image, expected one; if they "
                "are bins of the number, write `target: {bin_range: [lowest edge, highest edge]}`, "
                "or name the column that counts in `columns`"
            )
        return found if (self.mean, self.std) == (0, 1) else found * self.std + self.mean


def _expectation(found: Tensor, ends: tuple[float, float], *, probabilities: bool) -> Tensor:
    n = found.shape[1]
    if n == 1:
        raise ModelError(
            "the network gives one number for an image, and `target.bin_range` expects one for "
            "each bin; leave it out"
        )
    width = (ends[1] - ends[0]) / n
    middles = ends[0] + width * (torch.arange(n, device=found.device, dtype=found.dtype) + 0.5)
    share = found / found.sum(1, keepdim=True) if probabilities else found.softmax(1)
    return (share * middles).sum(1, keepdim=True)
