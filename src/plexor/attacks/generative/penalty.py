"""Differentiable penalties for visible perturbations, for the training of generators.

All are (N,), differentiable in ``delta``, about 1 for noise that uses the whole radius, and 0 for
no perturbation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from plexor.attacks.threat import Threat
from plexor.core.errors import require
from plexor.models.batch import Batch
from plexor.models.preprocess import Preprocess

_KERNEL = 11
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weight of each scale, from the finest (Wang, Simoncelli & Bovik, 2003)."""


def squares(delta: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """Mean squared relative change; 1 where every number changes as far as the threat allows.

    Under L2 the allowed change is the one possible for all numbers at once, so that the penalty
    depends on the length alone.
    """
    return _relative(delta, batch, threat).square().flatten(1).mean(1)


def smoothness(delta: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """As ``squares``, with smaller weights where the image has steep gradients.

    The weight is ``1 / (1 + g / ḡ)``, with g the length of the untouched image's gradient over all
    channels, and ḡ its mean over the image. Edges and texture mask changes that smooth areas show.
    """
    axes = [axis for axis in range(2, delta.ndim) if delta.shape[axis] > 1]
    slopes = torch.gradient(batch.images, dim=axes) if axes else []
    steep = torch.zeros_like(batch.images[:, :1])
    for slope in slopes:
        steep = steep + slope.square().sum(1, keepdim=True)
    steep = steep.sqrt()
    mean = steep.flatten(1).mean(1).view(-1, *[1] * (delta.ndim - 1))
    plain = 1 / (1 + torch.where(mean > 0, steep / mean, 0.0))
    return (plain * _relative(delta, batch, threat).square()).flatten(1).mean(1)


def dissimilarity(delta: Tensor, batch: Batch, preprocess: Preprocess | None) -> Tensor:
    """1 - MS-SSIM (Wang, Simoncelli & Bovik, Asilomar 2003) with the untouched image, by MONAI.

    Five scales, or as many as the image size allows, with weights scaled to sum to 1; a window of
    11, or less in smaller images. A volume of one slice is compared as a 2D image. The data range
    is the window of the model's preprocessing, or where it has none, the range of each image.
    """
    require("monai")
    from monai.metrics.regression import compute_ms_ssim

    shown = [_shown(each, batch, preprocess) for each in (batch.images + delta, batch.images)]
    if delta.ndim == 5 and 1 in delta.shape[2:]:
        axis = delta.shape.index(1, 2)
        shown = [each.squeeze(axis) for each in shown]
    spatial = shown[0].shape[2:]
    kernel = [min(_KERNEL, size - 1 + size % 2) for size in spatial]
    n_scales = max(
        n
        for n in range(1, len(_SCALES) + 1)
        if all(s // _shrunk(n) >= k for s, k in zip(spatial, kernel, strict=True))
    )
    similar: Tensor = compute_ms_ssim(
        shown[0],
        shown[1],
        spatial_dims=len(spatial),
        kernel_size=kernel,
        weights=[weight / sum(_SCALES[:n_scales]) for weight in _SCALES[:n_scales]],
    )
    return 1 - similar.flatten()


def _relative(delta: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """Each number's change as a share of the change the threat allows it (L2: all at once)."""
    if threat.norm == "l0":
        return delta / (batch.high - batch.low)
    n = float(delta[0].numel())
    shared = {"linf": 1.0, "l2": math.sqrt(n), "l1": n}[threat.norm]
    return delta * (shared / threat.radii(batch))


def _shrunk(n_scales: int) -> int:
    """Image width in windows needed for this many scales, as MONAI checks it."""
    return max(1 << (n_scales - 1), (n_scales - 1) ** 2)


def _shown(images: Tensor, batch: Batch, preprocess: Preprocess | None) -> Tensor:
    """Images scaled so that their range of values is 0 to 1."""
    if preprocess is not None and preprocess.window is not None:
        shown: Tensor = preprocess.scale(batch.scaling.values(images))
        return shown
    pixels = batch.images.flatten(1)
    low, high = (edge.view_as(batch.low) for edge in (pixels.amin(1), pixels.amax(1)))
    return (images - low) / torch.where(high > low, high - low, 1.0)
