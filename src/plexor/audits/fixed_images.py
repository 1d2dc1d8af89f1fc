"""What a model answers for a few images that are the same for every cohort."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from plexor.core.ids import digest
from plexor.models.batch import Batch
from plexor.models.model import Model, Waits, answer, asked_anew

N_IMAGES = 4
N_KEPT = 64
"""Outputs kept of each image, evenly spaced: a segmentation has one for every pixel."""
STORED_DIGITS, HASHED_DIGITS = 6, 3
_SEED = 0
_BLOCKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedAnswers:
    """A model's outputs for the fixed images.

    Attributes:
        images_sha256: hash of the images; answers to other images cannot be compared.
        outputs: (``N_IMAGES``, n) float64, at most ``N_KEPT`` evenly spaced outputs of each image,
            on the CPU. Numbers that are not finite are 0.
    """

    images_sha256: str
    outputs: Tensor

    @classmethod
    def of(cls, model: Model, batch: Batch) -> FixedAnswers:
        """Asks the model, also for images that it has answered before.

        One image at a time, so that batches make no difference; a model that another program
        computes is asked for all at once, and need not be waited for so often.

        Args:
            model: any model.
            batch: untouched cases; the first gives shape, storable range, scaling and features.

        Raises:
            ModelError: the model does not answer for such images.
        """
        size = N_IMAGES if isinstance(model, Waits) and model.waits else 1
        alike = _first(batch, size)
        hashed, found = hashlib.sha256(), []
        each = fixed_images(_first(batch, 1))
        with torch.inference_mode(), asked_anew(model):
            while part := list(islice(each, size)):  # one in memory at a time: they may be large
                images = part.pop() if size == 1 else torch.cat(part)
                found.append(answer(model, alike, images).flatten(1).cpu())
                hashed.update(images.cpu().numpy().data)
                del images
        outputs = torch.cat(found).double().nan_to_num(posinf=0, neginf=0)
        kept = torch.linspace(0, outputs.shape[1] - 1, min(N_KEPT, outputs.shape[1])).long()
        return cls(images_sha256=hashed.hexdigest(), outputs=outputs[:, kept])

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> FixedAnswers:
        """What ``stored`` gave."""
        outputs = torch.tensor(stored["outputs"], dtype=torch.float64)
        return cls(images_sha256=stored["images_sha256"], outputs=outputs)

    @property
    def sha256(self) -> str:
        """Hash of the images and of the outputs, these to ``HASHED_DIGITS`` digits.

        For people and records. An output that lies close to the middle between two rounded numbers
        may be rounded to the other one on another machine: ``difference`` tells whether two sets of
        answers are the same.
        """
        return digest([self.images_sha256, self._rounded(HASHED_DIGITS)])

    def stored(self) -> dict[str, object]:
        """Plain data for ``provenance.json``."""
        return {
            "images_sha256": self.images_sha256,
            "outputs": self._rounded(STORED_DIGITS),
            "sha256": self.sha256,
        }

    def difference(self, other: FixedAnswers) -> float:
        """The greatest difference, as a share of the greatest output, or of 1 if that is less.

        Infinite for answers of another number of outputs.
        """
        if self.outputs.shape != other.outputs.shape:
            return math.inf
        scale = max(1.0, float(other.outputs.abs().max()))
        return float((self.outputs - other.outputs).abs().max()) / scale

    def _rounded(self, digits: int) -> list[list[float]]:
        """Outputs with so many significant digits of the greatest."""
        greatest = float(self.outputs.abs().max())
        decimals = digits - 1 - (math.floor(math.log10(greatest)) if greatest else 0)
        rows: list[list[float]] = self.outputs.tolist()
        return [[round(one, decimals) + 0.0 for one in row] for row in rows]  # -0.0 becomes 0.0


def fixed_images(first: Batch) -> Iterator[Tensor]:
    """Noise, blocks of noise, and a ramp along the first and the last axis, one after the other.

    They take the whole range that the case's file can store, in its steps. With the same shape and
    range they are the same for every cohort, on any machine.

    Args:
        first: one case; its pixels are not used.

    Yields:
        ``N_IMAGES`` times (1, C, *spatial), stored numbers.
    """
    shape = first.images.shape
    generator = torch.Generator().manual_seed(_SEED)
    yield _stored(torch.rand(shape, generator=generator), first)
    blocks = torch.rand((*shape[:2], *[_BLOCKS] * (len(shape) - 2)), generator=generator)
    yield _stored(interpolate(blocks, size=tuple(shape[2:])), first)
    yield _stored(_ramp(shape, 2), first)
    yield _stored(_ramp(shape, -1), first)


def _stored(shares: Tensor, first: Batch) -> Tensor:
    """Shares of the case's range as numbers that it can store; overwrites the shares."""
    low, high, quantum = (one.cpu() for one in (first.low, first.high, first.quantum))
    images = shares.mul_(high - low).add_(low)
    if bool((quantum > 0).all()):
        images.sub_(low).div_(quantum).round_().mul_(quantum).add_(low)
    return images.to(first.images.device)


def _first(batch: Batch, size: int) -> Batch:
    """The first case, so many times."""
    return batch.select(torch.zeros(size, dtype=torch.long, device=batch.images.device))


def _ramp(shape: torch.Size, axis: int) -> Tensor:
    """From 0 to 1 along an axis."""
    line = torch.linspace(0, 1, shape[axis])
    places = [1] * len(shape)
    places[axis] = shape[axis]
    return line.view(places).expand(shape).contiguous()
