"""How visible the changes are: distances to the eye, and what a model observer makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from plexor.findings.summary.judged import Plain
from plexor.stats import Estimate, clustered_mean, clustered_quantile
from plexor.visibility import observe
from plexor.visibility.levels import MOVED_UP_TO

_DISTANCES = ("psnr", "ssim", "delta_e_mean", "delta_e_p95", "delta_e_max")
_AT_ZERO = Estimate(value=0.0, low=0.0, high=0.0, level=0.95, method="nothing was changed", n=0)


def visible(
    rows: pd.DataFrame,
    clean: pd.DataFrame,
    plan: Mapping[str, Any],
    *,
    detector: Plain | None = None,
) -> Plain | None:
    """A probe's visibility, over the cases in which it changed anything.

    Args:
        rows: the probe's findings, lossless.
        clean: those of the untouched images, lossless.
        plan: the resolved plan, for its ``visibility`` and its seed.
        detector: what a detector makes of the probe, from the provenance; None without one.

    Returns:
        Medians of the distances, how far numbers were moved, the observer and the detector; None
        where nothing of it was measured.
    """
    changed = rows[(rows["status"] == "ok") & (rows["l0"] > 0)]
    if rows["psnr"].isna().all():
        return None
    return {
        "n_changed": len(changed),
        **{name: _median(changed, name) for name in _DISTANCES},
        "levels": _levels(changed),
        "observer": _observed(changed, clean, plan),
        "detector": detector,
    }


def _median(rows: pd.DataFrame, name: str) -> Plain | None:
    """Of the cases in which it is known; None where it was measured in none."""
    known = rows[rows[name].notna()]
    if known.empty:
        return None
    return clustered_quantile(known[name], groups=known["group"].tolist()).to_dict()


def _levels(changed: pd.DataFrame) -> list[Plain] | None:
    """The share of an image's numbers that moved so far, averaged over cases; None without levels.

    One entry a class: "up_to" is its greatest number of levels, None for what moved further.
    """
    known = changed[changed["levels"].map(_known)]
    if known.empty:
        return None
    counts = np.stack(known["levels"].tolist())
    shares = counts / counts.sum(axis=1, keepdims=True)
    groups = known["group"].tolist()
    found = []
    for up_to, share in zip((*MOVED_UP_TO, None), shares.T, strict=True):
        mean = clustered_mean(share, groups)
        # Student's limits know no bounds; a share does.
        mean = replace(mean, low=max(mean.low, 0.0), high=min(mean.high, 1.0))
        found.append({"up_to": up_to, "share": mean.to_dict()})
    return found


def _observed(changed: pd.DataFrame, clean: pd.DataFrame, plan: Mapping[str, Any]) -> Plain | None:
    originals = dict(zip(clean["case_id"], clean["responses"], strict=True))
    pairs = [
        (originals[case_id], seen, group)
        for case_id, seen, group in zip(
            changed["case_id"], changed["responses"], changed["group"], strict=True
        )
        if _known(seen) and _known(originals.get(case_id)) and len(originals[case_id]) == len(seen)
    ]
    if not pairs:
        return None
    # Grey and colour images in one cohort have different numbers of channels.
    lengths = [len(seen) for _, seen, _ in pairs]
    commonest = max(set(lengths), key=lambda length: (lengths.count(length), length))
    before, after, groups = zip(*(p for p in pairs if len(p[1]) == commonest), strict=True)
    found = observe(
        np.stack(before),
        np.stack(after),
        groups,
        seed=plan["seed"],
        internal_noise=plan["visibility"]["internal_noise"],
    )
    return {"n_channels": commonest, **found.to_dict()}


def _known(seen: object) -> bool:
    return isinstance(seen, np.ndarray) and seen.size > 0


def crossings(clean: Plain, probes: Sequence[Plain]) -> list[Plain]:
    """Where an attack begins to be seen, and where the model begins to fail, by size of change.

    One entry for attacks that differ in radius alone, tried at two radii or more: the radius at
    which d' of the observer passes 1, for single images and for pairs side by side, and the one at
    which accuracy falls below a half.
    """
    families: dict[str, list[Plain]] = {}
    for probe in probes:
        if probe["kind"] == "attack" and probe["visibility"] and probe["visibility"]["observer"]:
            families.setdefault(_family(probe), []).append(probe)
    ordered = [sorted(found, key=_radius) for found in families.values() if len(found) > 1]
    return [
        {
            "probes": [probe["id"] for probe in members],
            **{
                name: _passed(members, _observer(name), _AT_ZERO.to_dict(), level=1.0)
                for name in ("d_prime", "d_prime_forced_choice")
            },
            "accuracy": _passed(
                members, lambda probe: probe["accuracy"], clean["accuracy"], level=0.5, down=True
            )
            if "accuracy" in clean
            else None,
        }
        for members in ordered
    ]


def _family(probe: Plain) -> str:
    threat = {key: value for key, value in probe["threat"].items() if key != "radius"}
    return repr([probe["name"], probe["settings"], probe["goal"], threat])


def _radius(probe: Plain) -> float:
    return float(probe["threat"]["radius"])


def _observer(name: str) -> Callable[[Plain], Plain]:
    return lambda probe: dict(probe["visibility"]["observer"][name])


def _passed(
    members: Sequence[Plain],
    pick: Callable[[Plain], Plain],
    start: Plain,
    *,
    level: float,
    down: bool = False,
) -> Plain:
    """The radius at which a curve first passes a level; straight between the radii tried."""
    estimates = [start, *map(pick, members)]
    radii = [0.0, *map(_radius, members)]
    ends = ("value", "low", "high") if down else ("value", "high", "low")
    value, low, high = (
        _first([(r, e[end]) for r, e in zip(radii, estimates, strict=True)], level, down=down)
        for end in ends
    )
    note = "" if math.isfinite(value) else f"not passed up to {radii[-1]:g}"
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=0.95,
        method="straight lines between the radii tried; limits from those at each radius",
        n=min(int(estimate["n"]) for estimate in estimates[1:]),
        n_groups=min((e["n_groups"] for e in estimates[1:] if e["n_groups"]), default=None),
        note=note,
    ).to_dict()


def _first(curve: Sequence[tuple[float, float | None]], level: float, *, down: bool) -> float:
    """Where a broken line is first beyond a level; NaN where it never is. Gaps are bridged."""
    sign = -1 if down else 1
    known = [(radius, sign * (value - level)) for radius, value in curve if value is not None]
    if known and known[0][1] > 0:
        return known[0][0]
    for (r0, y0), (r1, y1) in pairwise(known):
        if y1 > 0:
            return r0 + (r1 - r0) * -y0 / (y1 - y0)
    return math.nan
