"""Integrated gradients: gradients averaged on the way from a baseline to the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from plexor.attention.target import score_of
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.foreign_code import backward_pass
from plexor.models.model import Model

Baseline = Literal["mean", "least"]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegratedGradients:
    """Integrated gradients (Sundararajan, Taly & Yan, ICML 2017, eq. 1), on stored numbers.

    The map adds up to the score of the image minus that of the baseline (completeness), up to the
    error of the integration. The integral is by Gauss and Legendre's rule.

    Attributes:
        steps: points of the rule, each a forward and a backward pass.
        baseline: image without information: "mean", each channel's mean over the image, or "least",
            its smallest number. A pixel that equals the baseline gets 0, whatever it means, so that
            "least" cannot see what is darkest.
    """

    title: ClassVar[str] = "Integrated gradients"
    needs_network: ClassVar[bool] = False

    steps: int = 32
    baseline: Baseline = "mean"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise PlanError(f"integrated gradients: `steps` must be at least 1, got {self.steps}")
        if self.baseline not in BASELINES:
            raise PlanError(
                f"integrated gradients: `baseline` must be one of {', '.join(BASELINES)}, "
                f"got {self.baseline}"
            )

    def __call__(self, model: Model, batch: Batch, *, output: int | None = None) -> Tensor:
        """See ``AttentionMethod``; in logits (or the model's unit) a pixel, channels summed up.

        Raises:
            PlanError: the model shows no gradients, or has no such output.
            ModelError: the model cannot be differentiated.
        """
        if model.access != "gradients":
            raise PlanError(
                f"integrated gradients need a model's gradients, and this one shows {model.access} "
                "only; take occlusion"
            )
        score = score_of(model, batch, output)
        start = self.baseline_of(batch.images)
        away = batch.images - start
        points, weights = np.polynomial.legendre.leggauss(self.steps)
        total = torch.zeros_like(away)
        for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
            images = (start + float(point) * away).requires_grad_()
            with torch.enable_grad(), backward_pass():
                (gradient,) = torch.autograd.grad(score(images).sum(), images)
            total += float(weight) * gradient
        return (total * away).sum(1)

    def baseline_of(self, images: Tensor) -> Tensor:
        """The baseline of each image, (N, C, *spatial)."""
        axes = tuple(range(2, images.ndim))
        flat = (
            images.mean(axes, keepdim=True)
            if self.baseline == "mean"
            else images.amin(axes, keepdim=True)
        )
        return flat.expand_as(images).clone()
