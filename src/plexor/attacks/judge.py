"""Re-measures on the stored image what an attack proposes. An attack is never believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plexor.attacks.goals import Goal
from plexor.attacks.outlined_area import Outline, outlines
from plexor.attacks.threat import Threat
from plexor.cases.image import LOSSLESS, Codec, EditingCodec, Image, Pixels
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task
from plexor.models.truth import in_words

_TOLERANCE = 1e-5
"""Relative; what float32 may lose in a Euclidean length. On an integer grid L∞ is exact anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """Between an original's pixels and those read back, in stored numbers.

    Attributes:
        linf: greatest absolute change.
        l2: Euclidean length.
        l1: sum of absolute changes.
        l0: spatial positions changed in any channel.
    """

    linf: float
    l2: float
    l1: float
    l0: float

    @classmethod
    def between(cls, original: Pixels, other: Pixels) -> Distances:
        """Measured in float64."""
        return cls.of(other.astype(np.float64) - original.astype(np.float64))

    @classmethod
    def of(cls, change: NDArray[np.float64]) -> Distances:
        """Of a change (C, *spatial) already taken."""
        return cls(
            linf=float(np.abs(change).max()),
            l2=float(np.sqrt(np.square(change).sum())),
            l1=float(np.abs(change).sum()),
            l0=float(np.count_nonzero(change.any(axis=0))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge measured on one stored case.

    Attributes:
        outputs: the model's outputs in float32, (n_outputs,), or (n_outputs, *spatial).
        decision: what was decided, in words: a class, the findings present, or a number; "" for a
            segmentation.
        margin: the goal's; NaN without a goal.
        within_threat: finite, in range and within the radius, on the lossless file.
        distances: from the original.
        data: the file.
        pixels: read back from it.
        n_changed: entries of the original file's representation (JPEG coefficients) that were
            changed, where the file was written from an edit; NaN where it was encoded from pixels.
        outline: of a segmentation, what is outlined; None for other tasks, and where what was
            outlined on the untouched image is not known.
    """

    outputs: NDArray[np.float32]
    decision: str
    margin: float
    within_threat: bool
    distances: Distances
    data: bytes
    pixels: Pixels
    outline: Outline | None
    n_changed: float = math.nan


def judge(
    model: Model,
    batch: Batch,
    images: Sequence[Image],
    delta: Tensor,
    *,
    goal: Goal | None,
    threat: Threat | None,
    edits: Sequence[object | None] = (),
) -> dict[str, list[Verdict]]:
    """Writes each perturbed image as each of its containers, reads it back, and measures.

    A container whose codec can write a case's edit is written from it, provided that it decodes to
    exactly the proposed pixels. In every other case the pixels are encoded.

    Args:
        model: what is audited.
        batch: the same cases as tensors.
        images: the cases' stored images; all have the same containers.
        delta: (N, C, *spatial), what an attack proposes to add, in stored numbers.
        goal: what it wanted; None to measure outputs and distances only.
        threat: what it was allowed; None where nothing was.
        edits: for each case the edit of its file that ``delta`` results from, or None; empty where
            no case has one.

    Returns:
        Container → one verdict a case, in the batch's order.
    """
    changes = delta.detach().cpu().double().numpy()
    finite = np.isfinite(changes).reshape(len(images), -1).all(axis=1)
    wanted = [
        image.storable(image.pixels + np.where(ok, change, 0.0))
        for image, change, ok in zip(images, changes, finite, strict=True)
    ]
    within = list(finite)
    edits = edits or [None] * len(images)
    verdicts = {}
    for container in images[0].containers:
        encoded = [
            _encoded(image.containers[container], pixels, edit)
            for image, pixels, edit in zip(images, wanted, edits, strict=True)
        ]
        files, n_changed = zip(*encoded, strict=True)
        stored = [i.containers[container].decode(f) for i, f in zip(images, files, strict=True)]
        distances = [Distances.between(i.pixels, s) for i, s in zip(images, stored, strict=True)]
        if container == LOSSLESS and threat is not None:
            allowed = _allowed(threat, batch, images, stored)
            within = [ok and fits for ok, fits in zip(finite, allowed, strict=True)]
        outputs, margins = _measure(model, batch, stored, goal)
        decided = model.task.decide(outputs)
        decisions = in_words(model.task, decided)
        outlined = _outlined(model.task, batch, decided)
        verdicts[container] = [
            Verdict(
                outputs=outputs[i].cpu().numpy(),
                decision=decisions[i],
                margin=margins[i],
                within_threat=bool(within[i]),
                distances=distances[i],
                data=files[i],
                pixels=stored[i],
                outline=outlined[i],
                n_changed=n_changed[i],
            )
            for i in range(len(images))
        ]
    return verdicts


def _encoded(codec: Codec, pixels: Pixels, edit: object | None) -> tuple[bytes, float]:
    """A file that holds the pixels, from the edit if the codec can write it, and ``n_changed``."""
    if edit is not None and isinstance(codec, EditingCodec):
        edited = codec.encode_edit(edit, pixels)
        if edited is not None:
            return edited.data, float(edited.n_changed)
    return codec.encode(pixels), math.nan


def _allowed(
    threat: Threat, batch: Batch, images: Sequence[Image], stored: Sequence[Pixels]
) -> list[bool]:
    """Whether each stored image is within the threat: its radius, and its region."""
    radii = threat.radii(batch).flatten().double().tolist()
    regions: NDArray[np.bool_] | None = None
    if threat.region is not None:
        allowed = threat.region.allowed(batch)
        regions = allowed.expand(len(images), *allowed.shape[1:]).cpu().numpy()
    verdicts = []
    for i, (image, pixels) in enumerate(zip(images, stored, strict=True)):
        change = pixels.astype(np.float64) - image.pixels.astype(np.float64)
        length = _length(change, threat)
        fits = length <= radii[i] * (1 + _TOLERANCE) + _rounding(pixels, threat)
        outside = regions is not None and bool((change * ~regions[i]).any())
        verdicts.append(fits and not outside)
    return verdicts


def _length(change: NDArray[np.float64], threat: Threat) -> float:
    """The threat's norm of a change, as ``Distances`` has it."""
    if threat.norm == "l0" and threat.channels == "apart":
        return float(np.count_nonzero(change))
    return float(getattr(Distances.of(change), threat.norm))


def _rounding(stored: Pixels, threat: Threat) -> float:
    """Length that rounding to a floating file type may add; none on an integer grid, or to L0."""
    if stored.dtype.kind != "f" or threat.norm == "l0":
        return 0.0
    return _length((np.spacing(np.abs(stored)) / 2).astype(np.float64), threat)


def _outlined(task: Task, batch: Batch, decided: Tensor) -> Sequence[Outline | None]:
    """What a segmentation outlines on each case; Nones where there is nothing to say of that."""
    if not isinstance(task, Segmentation) or batch.before is None:
        return [None] * len(batch)
    return outlines(task, decided, truth=batch.truth, before=task.decide(batch.before))


def _measure(
    model: Model, batch: Batch, stored: Sequence[Pixels], goal: Goal | None
) -> tuple[Tensor, list[float]]:
    """Outputs for the stored pixels, float32 and without gradients, and the goal's margins."""
    pixels = np.stack([p.astype(np.float32) for p in stored])
    with torch.inference_mode():
        outputs = model.outputs(torch.from_numpy(pixels).to(batch.images.device), batch.scaling)
        if goal is None:
            return outputs, [float("nan")] * len(stored)
        margins: list[float] = goal.margin(model.task, outputs, batch.truth, batch.before).tolist()
    return outputs, margins
