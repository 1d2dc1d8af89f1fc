"""Maps on a network's grid, brought to the pixels of the stored image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from plexor.core.errors import ModelError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.orientation import reorderings, turned_back


def at_stored_size(model: Model, batch: Batch, maps: Tensor) -> Tensor:
    """Maps (N, *grid) at the size of the stored images, (N, *spatial); linear interpolation.

    Where the model's preprocessing brings volumes to axes and voxels of its own (``spacing_mm``),
    each stored voxel takes the map at its place in the patient, and 0 outside of what the network
    saw. Where it turns volumes (``orientation``), the map is turned back. Otherwise the whole map
    covers the whole image.

    Raises:
        ModelError: the preprocessing needs the volume's axes, and the file does not say them.
    """
    spatial = tuple(batch.images.shape[2:])
    prepare = model.card.preprocess
    axes = batch.scaling.axes
    if prepare is not None and prepare.orientation is not None:
        each = [
            turned_back(_linear(one[None, None], tuple(spatial[i] for i in turn.axes)), turn)
            for one, turn in zip(maps, reorderings(axes, prepare.orientation), strict=True)
        ]
        return torch.cat(each)[:, 0]
    if prepare is None or prepare.spacing_mm is None or prepare.size is None:
        return _linear(maps[:, None], spatial)[:, 0]
    if axes is None:
        raise ModelError(
            "attention: the model places volumes by their axes, and the image's file does not say "
            "where its voxels lie; write orientation and spacing into its header"
        )
    on_grid = _linear(maps[:, None], prepare.size)
    return torch.cat(
        [
            _sampled(one[None], step, spatial, prepare.spacing_mm)
            for one, step in zip(on_grid, axes.double(), strict=True)
        ]
    )[:, 0]


def _linear(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return functional.interpolate(maps, size, mode=mode, align_corners=False)


def _sampled(one: Tensor, axes: Tensor, spatial: tuple[int, ...], spacing_mm: float) -> Tensor:
    """One map (1, 1, *size) on RAS+ axes around the middle, at each stored voxel."""
    lines = [torch.arange(n, device=one.device, dtype=torch.float64) - (n - 1) / 2 for n in spatial]
    index = torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1)
    millimetres = index @ axes.mT
    half = torch.tensor([max(n - 1, 1) / 2 for n in one.shape[2:]], device=one.device)
    # grid_sample wants the last axis first, and -1 to 1 between the centres of the end voxels
    grid = (millimetres / spacing_mm / half).flip(-1)[None].to(one.dtype)
    return functional.grid_sample(
        one, grid, mode="bilinear", padding_mode="zeros", align_corners=True
    )
