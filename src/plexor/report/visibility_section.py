"""Visibility of the changes: a sentence, charts of the model observer, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary
from plexor.findings.summary.summary import Summary
from plexor.findings.summary.visibility_summary import (
    Crossing,
    LevelShare,
    ObserverResult,
    ProbeVisibility,
    StoredObservation,
)
from plexor.report import rounding
from plexor.report.attack_family import families, family_words
from plexor.report.cells import (
    NAMING,
    NOT_MEASURED,
    amount_cell,
    area_cell,
    named,
    share_cell,
)
from plexor.report.rounding import Interval
from plexor.report.table import Cell, Table
from plexor.report.trend import chart, controls, line
from plexor.stats import Estimate
from plexor.visibility.settings import Visibility

_CHANNELS = {"dog": "ten differences of Gaussians", "gabor": "twenty oriented Gabor channels"}
_RARE = 0.001
"""Share of the numbers below which a size of change has no column."""
_COLUMNS: tuple[tuple[str, str, Callable[[ProbeVisibility], StoredEstimate | None]], ...] = (
    ("PSNR", "dB, median", lambda found: found.psnr),
    ("SSIM", "median", lambda found: found.ssim),
    ("ΔE2000", "mean, median", lambda found: found.delta_e_mean),
    ("ΔE2000", "95th percentile, median", lambda found: found.delta_e_p95),
    ("ΔE2000", "greatest, median", lambda found: found.delta_e_max),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A family's chart: d' of the model observer against the change allowed."""

    title: str
    observer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The section.

    Attributes:
        sentences: the radius at which each attack becomes visible, and at which the model fails.
        curves: charts of attacks tried at two or more radii.
        table: one row for each attack.
        levels: distribution of each probe's changes in levels; None if images have no levels.
    """

    sentences: tuple[str, ...]
    curves: tuple[Curve, ...]
    table: Table
    levels: Table | None


def visible(summary: Summary) -> Visible | None:
    """The section; None if no visibility was measured."""
    if summary.visibility is None:
        return None
    by_id = {probe.id: probe for probe in summary.attacks}
    return Visible(
        sentences=tuple(
            _sentence([by_id[name] for name in crossing.probes], crossing)
            for crossing in summary.visibility.crossings
        ),
        curves=tuple(_curves(summary)),
        table=_table(summary, summary.visibility.settings),
        levels=_levels(summary),
    )


def _sentence(members: Sequence[AttackSummary], crossing: Crossing) -> str:
    """The radii at which one family's changes are seen, and at which the model fails."""
    probe = members[0]
    unit = probe.threat.size_unit
    alone, beside = crossing.d_prime, crossing.d_prime_forced_choice
    if _is_known(members):
        seen = (
            "The model observer, which stands in for an attentive reader, would pick the changed "
            f"one of two images in 76 % of pairs (d' = 1) at {_at(alone, unit)} if it saw one "
            f"image at a time, and at {_at(beside, unit)} if each changed image lay beside its "
            "original."
        )
    else:
        seen = f"What the model observer would see is {alone.note}."
    if crossing.accuracy is None:
        return f"{family_words(probe)}: {seen}"
    falls = f"the model's accuracy falls below one half at {_at(crossing.accuracy, unit)}"
    return f"{family_words(probe)}: {falls}. {seen}"


def _is_known(probes: Sequence[AttackSummary]) -> bool:
    """Whether the observer's d' is defined for any of these attacks."""
    observers = [_observer(probe) for probe in probes]
    return any(found and found.d_prime.value is not None for found in observers)


def _at(radius: StoredEstimate, unit: str) -> str:
    if radius.value is None:
        return f"no size tried ({radius.note} {unit})"
    value = f"{rounding.amount(radius.value)} {unit}"
    if radius.low is None:
        return value
    if radius.high is None:
        return f"{value} (at least {rounding.amount(radius.low)})"
    return f"{value} {rounding.amount_bounds(radius)}"


def _curves(summary: Summary) -> Iterator[Curve]:
    for number, members in enumerate(families(summary), 1):
        seen = [probe for probe in members if _observer(probe) is not None]
        if len(seen) < 2 or not _is_known(seen):
            continue
        name = family_words(seen[0])
        observer = chart(
            f"observer-{number}",
            f"d' of the model observer against the change allowed: {name}",
            seen,
            [
                line("noise", "control", _d_primes(controls(summary, seen))),
                line("attacked", "attack", _d_primes(seen)),
            ],
            unit="d'",
        )
        yield Curve(title=name, observer=observer)


def _d_primes(
    probes: Sequence[AttackSummary | NoiseSummary],
) -> list[tuple[float, StoredEstimate]]:
    """Radius and d' of the observer, starting at no change."""
    nothing = Estimate(value=0.0, low=0.0, high=0.0, level=0.95, method="nothing was changed", n=0)
    seen = [(probe.threat.radius, found.d_prime) for probe in probes if (found := _observer(probe))]
    return [(0.0, StoredEstimate.of(nothing)), *seen]


def seen_words(probe: AttackSummary) -> str:
    """How visible an attack's changes are, in a sentence; "" where nothing was measured.

    E.g. ``Of 9 changed images: PSNR 41.2 dB, median; SSIM .98, median; …``.
    """
    found = probe.visibility
    if found is None or not found.n_changed:
        return ""
    parts = [
        f"{name} {rounding.amount(estimate.value)} ({detail})"
        for name, detail, pick in _COLUMNS
        if (estimate := pick(found)) is not None and estimate.value is not None
    ]
    if found.observer is not None and found.observer.d_prime.value is not None:
        d_prime = found.observer.d_prime
        parts.append(
            f"d' of the model observer {rounding.amount(d_prime.value)} "
            f"{rounding.amount_bounds(d_prime)}, one image at a time"
        )
    images = wording.counted(found.n_changed, "changed image")
    return f"Of {images}: {'; '.join(parts)}." if parts else ""


def _observer(probe: AttackSummary | NoiseSummary | None) -> ObserverResult | None:
    return None if probe is None or probe.visibility is None else probe.visibility.observer


def _detector(probe: AttackSummary | NoiseSummary | None) -> StoredObservation | None:
    return None if probe is None or probe.visibility is None else probe.visibility.detector


def _table(summary: Summary, settings: Visibility) -> Table:
    rows = [(probe, found) for probe in summary.attacks if (found := probe.visibility)]
    measured = [one for one in _COLUMNS if any(one[2](found) for _, found in rows)]
    observed = any(found.observer for _, found in rows)
    detected = any(found.detector for _, found in rows)
    colour = any(found.delta_e_mean for _, found in rows)
    notes = [_note(settings, colour=colour)] if observed else []
    return Table(
        id="visibility",
        caption="How visible each attack is, lossless",
        columns=(
            *NAMING,
            Cell(text="Changed", detail="cases"),
            *(Cell(text=name, detail=detail) for name, detail, _ in measured),
            *(_OBSERVER_COLUMNS if observed else ()),
            *(_DETECTOR_COLUMNS if detected else ()),
        ),
        rows=tuple(
            (
                *named(probe),
                Cell(text=wording.count(found.n_changed)),
                *(_distance(pick(found)) for _, _, pick in measured),
                *(_seen(probe, summary.noise(probe)) if observed else ()),
                *(_detected(probe, summary.noise(probe)) if detected else ()),
            )
            for probe, found in rows
        ),
        note=" ".join([*notes, *([_DETECTOR] if detected else [])]),
    )


_OBSERVER_COLUMNS = (
    Cell(text="ROC area", detail="one image at a time"),
    Cell(text="d'", detail="one image at a time"),
    Cell(text="d' of noise", detail="of the same size"),
    Cell(text="Picked", detail="side by side"),
)
_DETECTOR_COLUMNS = (
    Cell(text="ROC area", detail="of a network taught to detect"),
    Cell(text="d'", detail="of the network"),
    Cell(text="d' of noise", detail="of the network"),
    Cell(text="Pairs tested", detail="learnt from"),
)


def _levels(summary: Summary) -> Table | None:
    """Shares of numbers by size of their change; classes that are rare under all are left out."""
    found = [
        (probe, probe.visibility.levels)
        for probe in summary.attacks_and_noises
        if probe.visibility is not None and probe.visibility.levels
    ]
    if not found:
        return None
    first = found[0][1]
    there = [
        i for i in range(len(first)) if any((one[i].share.value or 0) >= _RARE for _, one in found)
    ]
    return Table(
        id="levels",
        caption="By how many levels the image's numbers were moved, lossless",
        columns=(*NAMING, *(Cell(text=_reach(first, i)) for i in there)),
        rows=tuple(
            (*named(probe), *(share_cell(one[i].share) for i in there)) for probe, one in found
        ),
        note="Shares of all stored numbers, each channel of each pixel, averaged over the cases "
        "changed; a level is the least distance of two storable numbers. Sizes of fewer than "
        "0.1 % of the numbers under every probe are left out. Brackets are 95 % intervals.",
    )


def _reach(levels: Sequence[LevelShare], index: int) -> str:
    """A class of changes, e.g. ``±2`` or ``±5 to 8``."""
    end = levels[index].up_to
    if end is None:
        return f"beyond ±{levels[index - 1].up_to}"
    if index == 0:
        return "0"
    start = (levels[index - 1].up_to or 0) + 1
    return f"±{end}" if start == end else f"±{start} to {end}"


def _distance(estimate: StoredEstimate | None) -> Cell:
    if estimate is None:
        return NOT_MEASURED
    return Cell(text=rounding.measure(estimate.value), detail=_bounds(estimate))


def _bounds(estimate: Interval) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f"({rounding.measure(estimate.low)}\N{EN DASH}{rounding.measure(estimate.high)})"


def _seen(probe: AttackSummary, control: NoiseSummary | None) -> Iterator[Cell]:
    observer, noise = _observer(probe), _observer(control)
    if observer is None:
        yield from [NOT_MEASURED] * 4
        return
    yield area_cell(observer.auc)
    yield amount_cell(observer.d_prime)
    yield amount_cell(None if noise is None else noise.d_prime)
    yield share_cell(observer.forced_choice)


def _detected(probe: AttackSummary, control: NoiseSummary | None) -> Iterator[Cell]:
    found, noise = _detector(probe), _detector(control)
    if found is None:
        yield from [NOT_MEASURED] * 4
        return
    yield area_cell(found.auc)
    yield amount_cell(found.d_prime)
    yield amount_cell(None if noise is None else noise.d_prime)
    yield Cell(text=wording.count(found.forced_choice.n), detail=wording.count(found.n_training))


_DETECTOR = (
    "The network is a small one that sees one image at a time, and little of what that shows. It "
    "was taught on the images kept of half of the groups and is tested on those of the other "
    "half, fewer than the observer has; another network, or more images, may see more."
)


def _note(settings: Visibility, *, colour: bool) -> str:
    noise = settings.internal_noise
    return (
        "Over the cases that an attack changed. The model observer is a Hotelling observer that "
        f"sees the energies of {_CHANNELS[settings.observer]}, was taught on half of the groups "
        "and is tested on the other half; chance is an area of 0.50, a d' of 0 and 50 % picked. It "
        + ("has no noise of its own" if noise == 0 else f"has {noise:g} times the noise of images")
        + ", and knows what to look for, as people do not. "
        + ("ΔE2000 of about 1 is just noticeable. " if colour else "")
        + "Brackets are 95 % intervals."
    )
