"""How visible a perturbation is, in numbers that a generator can be trained to lower.

All are (N,), differentiable in ``delta``, near 1 for a perturbation that uses the threat up with
noise, and 0 for none.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.preprocess import Preprocess

_KERNEL = 11
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""How much each scale counts, from the finest (Wang, Simoncelli & Bovik, 2003)."""


def squares(delta: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """Mean squared change; 1 where every number is moved as far as the threat has it.

    Under L2 that is as far as all can be moved at once, so that it tells long from short only.
    """
    return _relative(delta, batch, threat).square().flatten(1).mean(1)


def smoothness(delta: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """As ``squares``, where a number counts the less the steeper the image is around it.

    It counts ``1 / (1 + g / ḡ)``, g being the length of the gradient of the untouched image over
    all channels and ḡ its mean over the image. Contours and texture hide more than plain areas do.
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
    """1 - MS-SSIM (Wang, Simoncelli & Bovik, Asilomar 2003), MONAI's, with the image untouched.

    Five scales, or as many as the image is large enough for, their weights scaled to add up to 1;
    a window of 11, or less in smaller images; a volume of one slice is compared as that slice. The
    range is that which the model's card says values have; where it says none, each image's own.
    """
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
    """Each number's change as a share of what the threat allows it, or, under L2, all at once."""
    if threat.norm == "l0":
        return delta / (batch.high - batch.low)
    n = float(delta[0].numel())
    shared = {"linf": 1.0, "l2": math.sqrt(n), "l1": n}[threat.norm]
    return delta * (shared / threat.radii(batch))


def _shrunk(n_scales: int) -> int:
    """How many windows an image must be wide: as the coarsest scale is halved, and MONAI checks."""
    return max(1 << (n_scales - 1), (n_scales - 1) ** 2)


def _shown(images: Tensor, batch: Batch, preprocess: Preprocess | None) -> Tensor:
    """Images scaled so that their range, in values, goes from 0 to 1."""
    if preprocess is not None and preprocess.window is not None:
        shown: Tensor = preprocess.scale(batch.scaling.values(images))
        return shown
    pixels = batch.images.flatten(1)
    low, high = (edge.view_as(batch.low) for edge in (pixels.amin(1), pixels.amax(1)))
    return (images - low) / torch.where(high > low, high - low, 1.0)
