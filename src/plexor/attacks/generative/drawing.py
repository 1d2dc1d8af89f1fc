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
    """The computation of a perturbation by a generator."""

    def pattern(self, network: Painter, batch: Batch, threat: Threat) -> Tensor:
        """The pattern of each image, (N, C, *spatial), or of all, (1, C, *spatial)."""
        ...


@dataclass(frozen=True, slots=True)
class OfEachImage:
    """A perturbation that depends on the image."""

    def pattern(self, network: Painter, batch: Batch, threat: Threat) -> Tensor:
        """One pattern for each image; the network's input is ``standardised``."""
        found = network(standardised(batch.images, batch, threat))
        if threat.region is not None:
            found = found * threat.region.allowed(batch)
        return onto(threat, found)


@dataclass(frozen=True, slots=True)
class OfNoise:
    """One perturbation for all images: the network's input is constant noise.

    Attributes:
        noise: the input, (1, C, *spatial).
    """

    noise: Tensor

    def pattern(self, network: Painter, batch: Batch, threat: Threat) -> Tensor:
        """One pattern for all images."""
        found = network(self.noise)
        if isinstance(threat.region, Border):
            found = found * threat.region.allowed(batch)
        return onto(threat, found)


def perturbation(drawing: Drawing, network: Painter, batch: Batch, threat: Threat) -> Tensor:
    """The perturbation in stored numbers within range and region, not rounded, (N, C, *spatial)."""
    return laid(drawing.pattern(network, batch, threat), batch, threat)


def standardised(images: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """Images in the threat's unit, minus the mean and divided by the standard deviation.

    Mean and deviation are those of each untouched image, over all its numbers. The result does not
    depend on the scale of a file's numbers, nor, for a threat in values, on a negative slope.
    """
    unit = one_unit(batch, threat)
    axes = tuple(range(1, images.ndim))
    mean = batch.images.mean(axes, keepdim=True)
    spread = (batch.images - mean).square().mean(axes, keepdim=True).sqrt()
    return (images - mean) / torch.where(spread > 0, spread, 1.0) * unit.sign()


def onto(threat: Threat, drawing: Tensor) -> Tensor:
    """Scales numbers from -1 to 1 to the threat's unit and radius.

    L∞: times the radius. L2 and L1: to the length of the radius. L0: in hundredths of the range;
    ``Threat.store`` selects the positions to keep.
    """
    if threat.norm == "linf":
        return threat.radius * drawing
    if threat.norm == "l0":
        return 100 * drawing
    length = geometry.lengths(drawing) if threat.norm == "l2" else geometry.sums(drawing)
    return threat.radius * drawing / length.clamp(min=_TINY)
