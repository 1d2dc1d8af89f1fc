"""How visible the changes are: distances to the eye, and what a model observer makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from plexor.findings.json_format import JsonFormat
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary
from plexor.findings.summary.results import Decision
from plexor.findings.summary.summary import CleanSummary
from plexor.findings.summary.visibility_summary import (
    Crossing,
    LevelShare,
    ObserverResult,
    ProbeVisibility,
    StoredObservation,
    VisibilitySummary,
)
from plexor.stats import Estimate, clustered_mean, clustered_quantile
from plexor.visibility import observe
from plexor.visibility.levels import MOVED_UP_TO
from plexor.visibility.settings import Visibility

_DETECTION = JsonFormat(StoredObservation)
_SETTINGS = JsonFormat(Visibility)
_AT_ZERO = StoredEstimate.of(
    Estimate(value=0.0, low=0.0, high=0.0, level=0.95, method="nothing was changed", n=0)
)
Ends: TypeAlias = tuple[float | None, float | None, float | None]


def probe_visibility(
    rows: pd.DataFrame,
    clean: pd.DataFrame,
    plan: Mapping[str, Any],
    *,
    detector: Mapping[str, Any] | None = None,
) -> ProbeVisibility | None:
    """A probe's visibility, over the cases in which it changed anything.

    Args:
        rows: the probe's findings, lossless.
        clean: those of the untouched images, lossless.
        plan: the resolved plan, for its ``visibility`` and its seed.
        detector: what a detector makes of the probe, from the provenance; None without one.

    Returns:
        None where nothing of it was measured.
    """
    changed = rows[(rows["status"] == "ok") & (rows["l0"] > 0)]
    if rows["psnr"].isna().all():
        return None
    return ProbeVisibility(
        n_changed=len(changed),
        psnr=_median(changed, "psnr"),
        ssim=_median(changed, "ssim"),
        delta_e_mean=_median(changed, "delta_e_mean"),
        delta_e_p95=_median(changed, "delta_e_p95"),
        delta_e_max=_median(changed, "delta_e_max"),
        levels=_levels(changed),
        observer=_observed(changed, clean, plan),
        detector=None if detector is None else _DETECTION.from_plain(detector),
    )


def visibility(
    plan: Mapping[str, Any],
    clean: CleanSummary,
    attacks: Sequence[AttackSummary],
    noises: Sequence[NoiseSummary],
) -> VisibilitySummary | None:
    """What was measured, and where visibility begins; None where nothing was measured."""
    measured = [probe.visibility for probe in attacks] + [probe.visibility for probe in noises]
    if all(found is None for found in measured):
        return None
    return VisibilitySummary(
        settings=_SETTINGS.from_plain(plan["visibility"]), crossings=crossings(clean, attacks)
    )


def _median(rows: pd.DataFrame, name: str) -> StoredEstimate | None:
    """Over the cases in which it is known; None where it was measured in none."""
    known = rows[rows[name].notna()]
    if known.empty:
        return None
    return StoredEstimate.of(clustered_quantile(known[name], groups=known["group"].tolist()))


def _levels(changed: pd.DataFrame) -> tuple[LevelShare, ...] | None:
    """The share of an image's numbers that moved so far, averaged over cases; None without levels.

    One entry for each class of distances.
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
        found.append(LevelShare(up_to=up_to, share=StoredEstimate.of(mean)))
    return tuple(found)


def _observed(
    changed: pd.DataFrame, clean: pd.DataFrame, plan: Mapping[str, Any]
) -> ObserverResult | None:
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
    seen_alike = [pair for pair in pairs if len(pair[1]) == commonest]
    before, after, groups = zip(*seen_alike, strict=True)
    found = observe(
        np.stack(before),
        np.stack(after),
        groups,
        seed=plan["seed"],
        internal_noise=plan["visibility"]["internal_noise"],
    )
    left_out = len(changed) - len(seen_alike)
    return ObserverResult.of(found, n_channels=commonest, n_left_out=left_out)


def _known(seen: object) -> bool:
    """Whether something was measured; an image of a few pixels has responses that are NaN."""
    return isinstance(seen, np.ndarray) and seen.size > 0 and bool(np.isfinite(seen).all())


def crossings(clean: CleanSummary, attacks: Sequence[AttackSummary]) -> tuple[Crossing, ...]:
    """Where an attack begins to be seen, and where the model begins to fail, by size of change.

    One entry for attacks that differ in radius alone, tried at two radii or more: the radius at
    which d' of the observer passes 1, for single images and for pairs side by side, and the one at
    which accuracy falls below a half.
    """
    families: dict[str, list[AttackSummary]] = {}
    for probe in attacks:
        if _observer(probe) is not None:
            families.setdefault(_family(probe), []).append(probe)
    ordered = [
        sorted(found, key=lambda probe: probe.threat.radius)
        for found in families.values()
        if len(found) > 1
    ]
    return tuple(_crossing(clean, members) for members in ordered)


def _crossing(clean: CleanSummary, members: Sequence[AttackSummary]) -> Crossing:
    seen = [(probe.threat.radius, found) for probe in members if (found := _observer(probe))]
    untouched = clean.lossless
    accuracy = None
    if isinstance(untouched, Decision):
        decided = [(probe.threat.radius, probe.lossless.main) for probe in members]
        accuracy = _passed([(0.0, untouched.accuracy), *decided], level=0.5, down=True)
    return Crossing(
        probes=tuple(probe.id for probe in members),
        d_prime=_passed([(0.0, _AT_ZERO), *((r, o.d_prime) for r, o in seen)], level=1.0),
        d_prime_forced_choice=_passed(
            [(0.0, _AT_ZERO), *((r, o.d_prime_forced_choice) for r, o in seen)], level=1.0
        ),
        accuracy=accuracy,
    )


def _family(probe: AttackSummary) -> str:
    threat = replace(probe.threat, radius=1.0)
    return repr([probe.name, probe.settings, probe.goal, threat])


def _observer(probe: AttackSummary) -> ObserverResult | None:
    return None if probe.visibility is None else probe.visibility.observer


def _passed(
    curve: Sequence[tuple[float, StoredEstimate]], *, level: float, down: bool = False
) -> StoredEstimate:
    """The radius at which a curve first passes a level; straight between the radii tried.

    Args:
        curve: radius and estimate, in order of radius, from no change on.
        level: to be passed.
        down: passed from above.
    """
    tried = [estimate for _, estimate in curve[1:]]
    value = _first([(r, e.value) for r, e in curve], level, down=down)
    nearest = _first([(r, e.low if down else e.high) for r, e in curve], level, down=down)
    farthest = _first([(r, e.high if down else e.low) for r, e in curve], level, down=down)
    known = [radius for radius, estimate in curve[1:] if estimate.value is not None]
    missed = f"not passed up to {known[-1]:g}" if known else f"not known: {tried[0].note}"
    note = "" if math.isfinite(value) else missed
    return StoredEstimate.of(
        Estimate(
            value=value,
            low=nearest,
            high=farthest,
            level=0.95,
            method="straight lines between the radii tried; limits from those at each radius",
            n=min(estimate.n for estimate in tried),
            n_groups=min((e.n_groups for e in tried if e.n_groups), default=None),
            note=note,
        )
    )


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
