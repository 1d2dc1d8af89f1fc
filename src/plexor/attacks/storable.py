"""Whether a threat holds any change that the images' files can store."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.core.wording import with_unit
from plexor.models.batch import Batch
from plexor.models.tied import tied_batch

_ROUNDING = 1e-6
"""A radius that is short of the smallest change by this share is taken for it."""
_FIGURES = 3
"""Significant figures of the smallest radius in a message; it is rounded up."""


def check_storable(threat: Threat, batch: Batch) -> None:
    r"""Refuses a radius that is too small for any change in any of the images.

    A perturbation within it would be rounded away when the image is stored, so that no attack could
    change anything. Cases in which nothing may change, e.g. with an empty mask as region, are
    ignored.

    Args:
        threat: the threat.
        batch: some of the audited cases.

    Raises:
        PlanError: the radius is too small, or it is in levels and the images have none.

    Example:
        >>> import torch
        >>> from plexor.attacks import Threat
        >>> from plexor.core.errors import PlanError
        >>> from plexor.models import Batch, Scaling
        >>> one = torch.ones(1, 1, 1, 1)
        >>> image = Batch(
        ...     ids=("a",), images=9 * torch.ones(1, 1, 2, 2), truth=torch.zeros(1), low=0 * one,
        ...     high=255 * one, quantum=one, scaling=Scaling(slope=one, intercept=0 * one),
        ... )
        >>> check_storable(Threat(norm="linf", radius=0.4, unit="percent"), image)
        >>> try:
        ...     check_storable(Threat(norm="linf", radius=0.2, unit="percent"), image)
        ... except PlanError as error:
        ...     print(str(error).partition("; ")[2].replace("\N{NO-BREAK SPACE}", " "))
        the least is 0.393 percent (1 level)
    """
    if threat.channels == "tied":
        batch = tied_batch(batch)
    radii = threat.radii(batch).flatten().double()
    least = smallest_changes(threat, batch)
    known = torch.isfinite(least)
    shares = (radii / least)[known]
    if not len(shares) or bool((shares * (1 + _ROUNDING) >= 1).any()):
        return
    row = int(torch.where(known, radii / least, 0).argmax())
    if not float(radii[row]) > 0:
        raise PlanError(
            f"threat: {threat.name} is a radius of 0 once computed in float32; take a larger one"
        )
    wanted = _rounded_up(threat.radius * float(least[row] / radii[row]))
    level = float(batch.quantum.flatten()[row])
    size = (
        f" ({with_unit(f'{float(least[row]) * threat.growth(batch) / level:.4g}', 'level')})"
        if level > 0
        else ""
    )
    raise PlanError(
        f"threat: {threat.name} allows no change that these images can store, so no attack could "
        f"change anything; the least is {wanted:g} {threat.unit}"
        f"{size if threat.norm != 'l0' and threat.unit != 'level' else ''}"
    )


def smallest_changes(threat: Threat, batch: Batch) -> Tensor:
    """The norm of the smallest change of each case that its file can store, (N,) float64.

    On an integer grid one number moves by one quantum; of floating-point storage, by half the
    distance to the next number, beyond which it is rounded to that. Infinite where nothing may
    change.
    """
    low, high = threat.bounds(batch)
    room = torch.maximum(high, low.neg_(), out=high).flatten(1)
    steps = [_least_step(batch, row, room[row]) for row in range(len(batch))]
    smallest = torch.tensor(steps, dtype=torch.float64, device=room.device)
    # one number that moves by t has the norm t, but for L0, which counts it
    return torch.where(smallest.isfinite(), 1.0, torch.inf) if threat.norm == "l0" else smallest


def _least_step(batch: Batch, row: int, room: Tensor) -> float:
    """How far a number of a case must move to be stored as another, where there is room for it."""
    quantum = float(batch.quantum.flatten()[row])
    if quantum > 0:
        return quantum if bool((room >= quantum).any()) else math.inf
    pixels = batch.stored[row].pixels if batch.stored else batch.images[row].cpu().numpy()
    half = torch.from_numpy(np.spacing(np.abs(pixels)).astype(np.float64) / 2).flatten()
    half = half.to(room.device)
    return float(torch.where(room >= half, half, torch.inf).min())


def _rounded_up(value: float) -> float:
    """The value to a few significant figures, never below it."""
    scale = 10.0 ** (_FIGURES - 1 - math.floor(math.log10(value)))
    up = math.ceil(value * scale * (1 - _ROUNDING)) / scale
    return float(f"{up:.{_FIGURES}g}")
