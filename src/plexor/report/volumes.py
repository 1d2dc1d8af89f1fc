"""Volumes for the page's viewer of three planes: packed into the page, within a limit."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.cases.formats import read_image
from plexor.cases.image import Image
from plexor.core import wording
from plexor.findings.example import StoredExample
from plexor.findings.run import RunDirectory
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.summary import Summary
from plexor.report import rounding
from plexor.report.comparator import Comparator, ExampleCase, Probed
from plexor.report.picture import window

MOST_CHARACTERS = 1_300_000
"""Of volumes in one page beside its pictures, at most; what the pictures leave over is added."""
_STEPS = 2**16 - 1
_CHANGES = 127

Values = NDArray[np.float64]
Key = tuple[str, str]
"""A case and a probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVolume:
    """A case in the viewer.

    Attributes:
        title: of the case.
        note: which voxels are shown, and between which values.
        data: what the page's script reads: sizes, window, the packed original and changes.
    """

    title: str
    note: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """The viewer's cases, and what did not fit."""

    cases: tuple[ShownVolume, ...] = ()
    note: str = ""


@dataclass(slots=True, kw_only=True)
class _Room:
    left: float

    def take(self, n_characters: int) -> bool:
        """Whether there was room; then it is taken."""
        if n_characters > self.left:
            return False
        self.left -= n_characters
        return True


@dataclass(slots=True, kw_only=True)
class _Case:
    shown: ExampleCase
    original: Image
    every: int
    packed: Mapping[str, Any]
    changes: dict[str, Mapping[str, Any]]


def volumes(run: RunDirectory, summary: Summary, shown: Comparator, *, room: float) -> Volumes:
    """Packs examples that are volumes, the most telling first, while there is room.

    Each case comes with the probe that it opens on, then with perturbations that are one for all
    cases, then with the rest. A volume that does not fit alone is shown with every second voxel
    along each axis, or every third and so on. Voxels are left out and not averaged, since an
    average would make a change smaller than it is.

    Args:
        run: the run.
        summary: of the run.
        shown: its comparator, whose cases and order are taken.
        room: characters that may be used.

    Raises:
        DataError: an example's file is damaged.
    """
    files = {(entry.case_id, entry.probe): entry for entry in run.examples()}
    space, packed, omitted = _Room(left=room), dict[str, _Case](), 0
    for case, probed in _in_order(shown.cases, summary):
        entry = files[case.id, probed.id]
        if case.id not in packed:
            found = _first(case, entry, space)
            if found is None:
                omitted += _is_volume(entry)
                continue
            packed[case.id] = found
        known = packed[case.id]
        change = _change(known, read_image(entry.perturbed))
        if probed.id == case.opens_id or space.take(len(change["data"])):
            known.changes[probed.id] = {
                "title": probed.title,
                "before": probed.before_words,
                "after": probed.after_words,
            } | change
        else:
            omitted += 1
    return Volumes(
        cases=tuple(_shown(packed[case.id]) for case in shown.cases if case.id in packed),
        note=_omitted(omitted),
    )


def _in_order(cases: Sequence[ExampleCase], summary: Summary) -> list[tuple[ExampleCase, Probed]]:
    """Which case and probe are packed first."""
    fitted = {
        probe.id
        for probe in summary.attacks
        if isinstance(probe, AttackSummary) and probe.fit is not None
    }
    pairs = [(case, probed) for case in cases for probed in case.probes]
    return sorted(pairs, key=lambda pair: _rank(pair[0], pair[1], fitted))


def _rank(case: ExampleCase, probed: Probed, fitted: set[str]) -> int:
    if probed.id == case.opens_id:
        return 0
    return 1 if probed.id in fitted else 2


def _is_volume(entry: StoredExample) -> bool:
    return read_image(entry.original).pixels.ndim == 4


def _first(case: ExampleCase, entry: StoredExample, space: _Room) -> _Case | None:
    """The original, and room for the change that the case opens on; None if there is none."""
    original = read_image(entry.original)
    if original.pixels.ndim != 4:
        return None
    perturbed = read_image(entry.perturbed)
    for every in range(1, min(original.pixels.shape[1:])):
        made = _Case(
            shown=case,
            original=original,
            every=every,
            packed=_original(original, every),
            changes={},
        )
        size = len(made.packed["data"]) + len(_change(made, perturbed)["data"])
        if space.take(size):
            return made
        if size < MOST_CHARACTERS:  # it would have fitted before others
            return None
    return None


def _original(image: Image, every: int) -> dict[str, Any]:
    """Size, window and packed values.

    Whole numbers are packed exactly if they span 65,536 at most; others in 65,535 equal steps.
    """
    values = _upright(image, every)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    whole = image.intensity.quantum * abs(image.intensity.slope)
    step = whole if whole and high - low <= _STEPS * whole else (high - low) / _STEPS or 1.0
    codes = np.round((np.nan_to_num(values, nan=low) - low) / step).clip(0, _STEPS)
    black, white, _ = window(image)
    spacing = image.spacing_mm or (1.0, 1.0, 1.0)
    order = image.grid.upright if image.grid else None
    axes = order.axes if order else (0, 1, 2)
    return {
        "size": list(values.shape),
        "spacing": [spacing[axis] * every for axis in axes],
        "upright": order is not None,
        "low": low,
        "step": step,
        "window": [black, white],
        "unit": image.intensity.unit,
        "data": _packed(codes.astype("<u2")),
    }


def _change(case: _Case, perturbed: Image) -> dict[str, Any]:
    """A packed change, perturbed minus original.

    Whole numbers are packed exactly up to 127; others in 127 equal steps on either side of 0.
    """
    image = case.original
    change = np.nan_to_num(_upright(perturbed, case.every) - _upright(image, case.every))
    reach = float(np.abs(change).max())
    whole = image.intensity.quantum * abs(image.intensity.slope)
    step = whole if whole and reach <= _CHANGES * whole else reach / _CHANGES or 1.0
    codes = np.round(change / step).clip(-_CHANGES, _CHANGES)
    return {"reach": reach, "step": step, "data": _packed(codes.astype(np.int8))}


def _upright(image: Image, every: int) -> Values:
    """Values (X, Y, Z) to right, anterior, superior where the file says so; of one channel."""
    order = image.grid.upright if image.grid else None
    pixels = image.pixels[:1] if order is None else order(image.pixels[:1])
    stored = pixels[0, ::every, ::every, ::every].astype(np.float64)
    return np.asarray(image.intensity.slope * stored + image.intensity.intercept)


def _packed(codes: NDArray[Any]) -> str:
    """All low bytes, then all high ones, x fastest; zlib, base64."""
    flat = np.frombuffer(codes.tobytes(order="F"), np.uint8).reshape(-1, codes.itemsize)
    return base64.b64encode(zlib.compress(flat.T.tobytes(), level=9)).decode()


def _shown(case: _Case) -> ShownVolume:
    ordered = [case.changes[probed.id] for probed in case.shown.probes if probed.id in case.changes]
    opens = next((n for n, one in enumerate(ordered) if one["title"] == case.shown.opens), 0)
    return ShownVolume(
        title=case.shown.title,
        note=_note(case),
        data=dict(case.packed) | {"title": case.shown.title, "changes": ordered, "opens": opens},
    )


def _note(case: _Case) -> str:
    black, white = map(rounding.measure, case.packed["window"])
    parts = [f"Shown from {black} (black) to {white} (white), before and after alike."]
    if case.every > 1:
        parts.append(
            f"One voxel in {case.every} along each axis is shown, so that the page stays small; "
            "voxels are left out, not averaged."
        )
    if (n_channels := len(case.original.pixels)) > 1:
        parts.append(f"The first of {n_channels} channels is shown, not the others.")
    if not case.packed["upright"]:
        parts.append(
            "The file does not say which way its axes run: they are shown as stored, and no side "
            "is named."
        )
    return " ".join(parts)


def _omitted(n: int) -> str:
    if not n:
        return ""
    return (
        f"{wording.counted(n, 'further change')} would make this page too large for the viewer; "
        "`plexor report --one-file` puts every one into the page."
    )


def room_beside(spent: float, most: float) -> float:
    """Characters for volumes in a page whose pictures have spent so many of the most allowed."""
    return math.inf if math.isinf(most) else MOST_CHARACTERS + most - spent
