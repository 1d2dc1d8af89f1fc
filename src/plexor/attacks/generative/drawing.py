"""From an image to a perturbation within a threat, differentiable in the generator's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.generative.network import Painter
from plexor.attacks.pattern import laid, one_unit
from plexor.attacks.region import Border
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch

_TINY = 1e-12


class Drawing(Protocol):
    """How a generator comes to a perturbation."""

    def pattern(self, network: Painter, batch: Batch, threat: Threat) -> Tensor:
        """In the threat's unit and radius, (N, C, *spatial) or (1, C, *spatial) for all."""
        ...


@dataclass(frozen=True, slots=True)
class OfEachImage:
    """A perturbation that depends on the image."""

    def pattern(self, network: Painter, batch: Batch, threat: Threat) -> Tensor:
        """One for each image, of which the generator sees ``standardised``."""
        found = network(standardised(batch.images, batch, threat))
        if threat.region is not None:
            found = found * threat.region.allowed(batch)
        return onto(threat, found)


@dataclass(frozen=True, slots=True)
class OfNoise:
    """One perturbation, whatever the image: the generator sees noise that is always the same.

    Attributes:
        noise: (1, C, *spatial).
    """

    noise: Tensor

    def pattern(self, network: Painter, batch: Batch, threat: Threat) -> Tensor:
        """One for all images."""
        found = network(self.noise)
        if isinstance(threat.region, Border):
            found = found * threat.region.allowed(batch)
        return onto(threat, found)


def perturbation(drawing: Drawing, network: Painter, batch: Batch, threat: Threat) -> Tensor:
    """In stored numbers, in range and region, not yet rounded, (N, C, *spatial)."""
    return laid(drawing.pattern(network, batch, threat), batch, threat)


def standardised(images: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """Images in the threat's unit, less the mean of each case's, over their standard deviation.

    The mean and deviation are those of the untouched image, over all its numbers. So it does not
    matter how a file scales its numbers, and dark is dark where a rescale turns it over, if the
    threat counts in values.
    """
    unit = one_unit(batch, threat)
    axes = tuple(range(1, images.ndim))
    mean = batch.images.mean(axes, keepdim=True)
    spread = (batch.images - mean).square().mean(axes, keepdim=True).sqrt()
    return (images - mean) / torch.where(spread > 0, spread, 1.0) * unit.sign()


def onto(threat: Threat, drawing: Tensor) -> Tensor:
    """Numbers from -1 to 1 → the threat's unit, within its radius.

    L∞: times the radius. L2 and L1: as long as the radius. L0: in hundredths of the range; which
    positions are kept is for ``Threat.store`` to say.
    """
    if threat.norm == "linf":
        return threat.radius * drawing
    if threat.norm == "l0":
        return 100 * drawing
    length = geometry.lengths(drawing) if threat.norm == "l2" else geometry.sums(drawing)
    return threat.radius * drawing / length.clamp(min=_TINY)
