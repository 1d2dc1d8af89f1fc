"""Occlusion: the fall of the score when a window of the image is covered."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attention.target import score_of
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Occlusion:
    """Occlusion (Zeiler & Fergus, ECCV 2014): a window is covered at each place in turn.

    A pixel's value is the mean fall of the score over all windows that hold the pixel. It needs no
    gradients, and no network. A volume takes ``per_window`` cubed times as many passes as windows
    fit into it.

    Attributes:
        window: length of the window's side as a share of the image's, along every axis.
        per_window: places of the window along one of its sides: 1 for windows side by side, 2 for
            windows that overlap by half.
    """

    title: ClassVar[str] = "Occlusion"
    needs_network: ClassVar[bool] = False

    window: float = 0.125
    per_window: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.window <= 1:
            raise PlanError(
                f"occlusion: `window` is a share of the image, more than 0 and at most 1, "
                f"got {self.window}"
            )
        if self.per_window < 1:
            raise PlanError(f"occlusion: `per_window` must be at least 1, got {self.per_window}")

    def __call__(self, model: Model, batch: Batch, *, output: int | None = None) -> Tensor:
        """See ``AttentionMethod``; in logits (or the model's unit).

        The cover has the mean of each channel over the image.

        Raises:
            PlanError: the model has no such output.
        """
        score = score_of(model, batch, output)
        images = batch.images.detach()
        spatial = images.shape[2:]
        fill = images.mean(tuple(range(2, images.ndim)), keepdim=True)
        falls = torch.zeros((len(images), *spatial), device=images.device)
        times = torch.zeros(spatial, device=images.device)
        with torch.no_grad():
            before = score(images)
            for window in itertools.product(*(self.places(length) for length in spatial)):
                covered = images.clone()
                covered[:, :, *window] = fill
                fall = before - score(covered)
                falls[:, *window] += fall.view(-1, *[1] * len(spatial))
                times[window] += 1
        return falls / times

    def places(self, length: int) -> list[slice]:
        """Where the window lies along an axis; the last one ends with the image.

        Example:
            >>> Occlusion(window=0.5, per_window=1).places(4)
            [slice(0, 2, None), slice(2, 4, None)]
        """
        side = max(1, round(self.window * length))
        step = max(1, round(side / self.per_window))
        starts = sorted({*range(0, length - side + 1, step), length - side})
        return [slice(start, start + side) for start in starts]
