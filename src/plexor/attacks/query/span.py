"""What numbers an image uses, of those its file could hold."""

from __future__ import annotations

import torch
from torch import Tensor

from plexor.models.batch import Batch


def span(batch: Batch) -> tuple[Tensor, Tensor]:
    """Each image's least and greatest number, (N, 1, ...).

    Lengths that papers give for images from 0 to 1 are taken as shares of this. A file's type may
    hold far more: CT uses 4,000 of 65,536 numbers. For an image of one number only, the storable
    range.
    """
    flat = batch.images.flatten(1)
    low, high = flat.amin(1).view_as(batch.low), flat.amax(1).view_as(batch.high)
    flat_image = low == high
    return torch.where(flat_image, batch.low, low), torch.where(flat_image, batch.high, high)
