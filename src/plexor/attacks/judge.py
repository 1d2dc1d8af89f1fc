"""Measures on stored images what an attack proposes; figures by the attack are not used."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plexor.attacks.goals import Goal
from plexor.attacks.outlined_area import Outline, outlines
from plexor.attacks.threat import Threat
from plexor.cases.bands import bands
from plexor.cases.change import absolute_change
from plexor.cases.image import LOSSLESS, Codec, EditingCodec, Image, Pixels, unpacked
from plexor.models.batch import Batch, stacked
from plexor.models.features import Features
from plexor.models.model import Model, answer
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task
from plexor.models.truth import in_words

_TOLERANCE = 1e-5
"""Relative error allowed to a Euclidean length in float32. On an integer grid L∞ is exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """Distances between an original's pixels and those read back, in stored numbers.

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
        """Measured in float64, a large image band by band."""
        linf = squares = l1 = l0 = 0.0
        for band in bands(original.shape):
            size = absolute_change(original[:, band], other[:, band])
            furthest = float(size.max())
            if furthest == 0:
                continue
            linf = max(linf, furthest)
            l0 += float(np.count_nonzero(size.any(axis=0)))
            size = size.astype(np.float64, copy=False)
            squares += float(np.square(size).sum())
            l1 += float(size.sum())
        return cls(linf=linf, l2=math.sqrt(squares), l1=l1, l0=l0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Measurements on one stored case.

    Attributes:
        outputs: the model's outputs in float32, (n_outputs,), or (n_outputs, *spatial).
        decision: the model's decision in words: a class, the labels present, or a number; "" for a
            segmentation.
        margin: of the goal; NaN without a goal. Of several draws the median, which is > 0 where
            most of them reach the goal.
        share: share of several draws of a random model that reach the goal; NaN for one draw, and
            without a goal.
        within_threat: whether the lossless file is finite, in range and within the threat, and so
            are the features.
        distances: from the original.
        data: the file; uncompressed, where the format allows it, if it is not to be kept.
        pixels: read back from the file.
        n_changed: entries of the original file's representation (JPEG coefficients) that were
            changed, where the file was written from an edit; NaN where it was encoded from pixels.
        outline: of a segmentation, measurements of the outlined areas; None for other tasks, and
            where the outputs for the untouched image are unknown.
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
    share: float = math.nan


def judge(
    model: Model,
    batch: Batch,
    images: Sequence[Image],
    delta: Tensor,
    *,
    goal: Goal | None,
    threat: Threat | None,
    edits: Sequence[object | None] = (),
    features: Features | None = None,
    draws: int = 1,
    keep: Collection[str] | None = None,
) -> dict[str, list[Verdict]]:
    """Writes each perturbed image to each of its containers, reads it back, and measures it.

    A container whose codec can write a case's edit is written from it, provided that it decodes to
    exactly the proposed pixels. In every other case the pixels are encoded.

    Args:
        model: the audited model.
        batch: the same cases as tensors.
        images: the cases' stored images; all have the same containers.
        delta: proposed changes, (N, C, *spatial), in stored numbers.
        goal: of the attack; None to measure outputs and distances only.
        threat: of the attack; None where there is none.
        edits: for each case the edit of its file that ``delta`` results from, or None; empty where
            no case has one.
        features: moved with the images; the batch's own where None.
        draws: times the model is asked about each stored image; several for a model with random
            outputs. Outputs are the mean over the draws.
        keep: ids of the cases whose files are to be kept. All other files are written, read back
            and given up; they are not compressed, which changes no pixel. None keeps all.

    Returns:
        Container → one verdict for each case, in the order of the batch.
    """
    changes = delta.detach().cpu().numpy()
    finite = [bool(np.isfinite(change).all()) for change in changes]
    wanted = [
        image.changed(change if ok else np.zeros_like(change))
        for image, change, ok in zip(images, changes, finite, strict=True)
    ]
    moved = _features_allowed(threat, batch, features)
    finite = [ok and fits for ok, fits in zip(finite, moved, strict=True)]
    if features is not None:
        batch = replace(batch, features=features)
    within = list(finite)
    edits = edits or [None] * len(images)
    kept = [keep is None or case_id in keep for case_id in batch.ids]
    verdicts = {}
    for container in images[0].containers:
        codecs = [
            image.containers[container] if whole else unpacked(image.containers[container])
            for image, whole in zip(images, kept, strict=True)
        ]
        encoded = list(map(_encoded, codecs, wanted, edits))
        files, n_changed = zip(*encoded, strict=True)
        stored = [codec.decode(file) for codec, file in zip(codecs, files, strict=True)]
        distances = [Distances.between(i.pixels, s) for i, s in zip(images, stored, strict=True)]
        if container == LOSSLESS and threat is not None:
            allowed = _allowed(threat, batch, images, stored, distances)
            within = [ok and fits for ok, fits in zip(finite, allowed, strict=True)]
        outputs, margins, shares = _measure(model, batch, stored, goal, draws)
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
                share=shares[i],
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
    threat: Threat,
    batch: Batch,
    images: Sequence[Image],
    stored: Sequence[Pixels],
    distances: Sequence[Distances],
) -> list[bool]:
    """Whether each stored image is within the threat's radius and region, its padding as it was.

    Tied channels must be equal.
    """
    radii = threat.radii(batch).flatten().double().tolist()
    regions: NDArray[np.bool_] | None = None
    if threat.region is not None:
        allowed = threat.region.allowed(batch)
        regions = allowed.expand(len(images), *allowed.shape[1:]).cpu().numpy()
    verdicts = []
    for i, (image, pixels) in enumerate(zip(images, stored, strict=True)):
        moved = pixels != image.pixels
        length = _length(moved, distances[i], threat)
        fits = length <= radii[i] * (1 + _TOLERANCE) + _rounding(pixels, threat)
        outside = regions is not None and bool((moved & ~regions[i]).any())
        if threat.channels == "tied":
            outside = outside or bool((pixels != pixels[:1]).any())
        if image.padding is not None:
            outside = outside or bool(moved[:, image.padding].any())
        verdicts.append(fits and not outside)
    return verdicts


def _features_allowed(threat: Threat | None, batch: Batch, features: Features | None) -> list[bool]:
    """Whether the features of each case are finite and no further moved than the threat allows."""
    if features is None or batch.features is None:
        return [True] * len(batch)
    before, after = batch.features.values.double(), features.values.double()
    radii = batch.features.radii({} if threat is None else threat.features).double()
    rounding = torch.finfo(torch.float32).eps * before.abs()
    fits = (after - before).abs() <= radii * (1 + _TOLERANCE) + rounding
    allowed: list[bool] = fits.all(dim=1).tolist()
    return allowed


def _length(moved: NDArray[np.bool_], distances: Distances, threat: Threat) -> float:
    """The threat's norm of a change, whose channels L0 may count one by one."""
    if threat.norm == "l0" and threat.channels == "apart":
        return float(np.count_nonzero(moved))
    return float(getattr(distances, threat.norm))


def _rounding(stored: Pixels, threat: Threat) -> float:
    """Length that rounding to a floating-point file type may add; 0 for an integer grid or L0."""
    if stored.dtype.kind != "f" or threat.norm == "l0":
        return 0.0
    half = (np.spacing(np.abs(stored)) / 2).astype(np.float64)
    return float(getattr(Distances.between(np.zeros_like(half), half), threat.norm))


def _outlined(task: Task, batch: Batch, decided: Tensor) -> Sequence[Outline | None]:
    """Measurements of what a segmentation outlines on each case; None for other tasks."""
    if not isinstance(task, Segmentation) or batch.before is None:
        return [None] * len(batch)
    return outlines(task, decided, truth=batch.truth, before=task.decide(batch.before))


def _measure(
    model: Model, batch: Batch, stored: Sequence[Pixels], goal: Goal | None, draws: int
) -> tuple[Tensor, list[float], list[float]]:
    """Outputs for the stored pixels, without gradients, margins, and shares of reaching draws.

    Outputs are in float32, the mean over the draws; see ``Verdict`` for the other two.
    """
    images = stacked([torch.from_numpy(p.astype(np.float32)) for p in stored])
    images = images.to(batch.images.device)
    unknown = [math.nan] * len(stored)
    with torch.inference_mode():
        outputs = answer(model, batch, images)
        margins = [_margin(model, batch, outputs, goal)]
        for _ in range(draws - 1):
            again = answer(model, batch, images)
            margins.append(_margin(model, batch, again, goal))
            outputs = outputs + again
        outputs = outputs / draws if draws > 1 else outputs
    if goal is None:
        return outputs, unknown, unknown
    all_margins = torch.stack(margins)
    found: list[float] = all_margins.median(dim=0).values.tolist()
    if draws == 1:
        return outputs, found, unknown
    return outputs, found, (all_margins > 0).double().mean(dim=0).tolist()


def _margin(model: Model, batch: Batch, outputs: Tensor, goal: Goal | None) -> Tensor:
    if goal is None:
        return torch.full((len(outputs),), torch.nan)
    return goal.margin(model.task, outputs, batch.truth, batch.before)
