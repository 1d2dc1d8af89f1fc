"""Range of the numbers in an image."""

from __future__ import annotations

import torch
from torch import Tensor

from plexor.models.batch import Batch


def span(batch: Batch) -> tuple[Tensor, Tensor]:
    """Each image's least and greatest number, (N, 1, ...).

    Lengths that papers give for images from 0 to 1 are applied as shares of this range, since a
    file's type may allow far more numbers: CT uses 4,000 of 65,536. For a constant image, the
    storable range.
    """
    flat = batch.images.flatten(1)
    low, high = flat.amin(1).view_as(batch.low), flat.amax(1).view_as(batch.high)
    flat_image = low == high
    return torch.where(flat_image, batch.low, low), torch.where(flat_image, batch.high, high)
