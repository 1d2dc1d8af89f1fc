"""Charts of the headline figure and of success against the radius, for each family of attacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary
from plexor.findings.summary.regression_results import RegressionComparison
from plexor.findings.summary.results import AttackResult, Performance, of_kind
from plexor.findings.summary.summary import Summary
from plexor.report import rounding
from plexor.report.attack_family import families, family_words
from plexor.report.figures import Chart, Line, Point, Role, draw
from plexor.report.headline import Headline, headline
from plexor.threat_model import NORMS

Curve: TypeAlias = Sequence[tuple[float, StoredEstimate]]
"""Radius and estimate, in order of radius."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A family's two charts, each with the name of its vertical axis."""

    title: str
    figure_label: str
    figure: str
    success: str


def trends(summary: Summary) -> tuple[Trend, ...]:
    """One entry a family of attacks tried at two radii or more, in the plan's order."""
    several = [members for members in families(summary) if len(members) > 1]
    return tuple(_trend(summary, members, number) for number, members in enumerate(several, 1))


def _trend(summary: Summary, members: Sequence[AttackSummary], number: int) -> Trend:
    noise = [
        (probe.threat.radius, probe.lossless.control_success)
        for probe in members
        if summary.noise(probe) is not None
    ]
    name = family_words(members[0])
    label, figure = headline_chart(summary, members, f"accuracy-{number}")
    return Trend(
        title=name,
        figure_label=label,
        figure=figure,
        success=chart(
            f"success-{number}",
            f"Share of cases in which the goal was reached: {name}",
            members,
            [line("noise", "control", noise), *_attacked(members, lambda found: found.success)],
        ),
    )


def headline_chart(
    summary: Summary, members: Sequence[AttackSummary], chart_id: str
) -> tuple[str, str]:
    """Name of a family's figure, and its chart against the radius."""
    shown = _shown(summary, members[0])
    start = None if shown.unit else shown.pick(summary.clean.lossless)
    noise = [
        (probe.threat.radius, shown.pick(probe.lossless)) for probe in controls(summary, members)
    ]
    clean: Mapping[str, Performance] = {} if shown.unit else summary.clean.stored
    starts = {container: shown.pick(found) for container, found in clean.items()}
    lines = [
        line("noise", "control", _from(start, noise)),
        *_attacked(members, shown.pick, starts),
    ]
    if start is not None:
        lines.insert(0, line("untouched", "clean", [(0.0, start), (_widest(members), start)]))
    label = f"{shown.label[:1].upper()}{shown.label[1:]}"
    title = f"{label} against the change allowed: {family_words(members[0])}"
    return label, chart(chart_id, title, members, lines, unit=shown.unit, index=shown.index)


def controls(summary: Summary, members: Sequence[AttackSummary]) -> list[NoiseSummary]:
    """The noise control of each member, if it was run."""
    return [found for probe in members if (found := summary.noise(probe)) is not None]


def _shown(summary: Summary, probe: AttackSummary) -> Headline:
    """The estimate drawn: the goal's headline figure; for regression the shift."""
    found = headline(summary, probe)
    if not found.unit:
        return found
    return replace(found, label=f"mean shift, {found.unit}", pick=_absolute_shift)


def _absolute_shift(result: Performance) -> StoredEstimate:
    return of_kind(result, RegressionComparison).absolute_shift


def _attacked(
    members: Sequence[AttackSummary],
    pick: Callable[[AttackResult], StoredEstimate],
    starts: Mapping[str, StoredEstimate] | None = None,
) -> Iterator[Line]:
    """Curves of the attack in the lossless container and, for JPEG sources, recompressed.

    Args:
        members: a family, in order of radius.
        pick: the estimate drawn.
        starts: container → the estimate for untouched images.
    """
    labels: dict[str, tuple[str, Role]] = {
        "recompressed-own": ("saved as JPEG", "recompressed"),
        "lossless": ("attacked", "attack"),
    }
    for container, (label, role) in labels.items():
        curve = [
            (probe.threat.radius, pick(probe.stored[container]))
            for probe in members
            if container in probe.stored
        ]
        if curve:
            yield line(label, role, _from((starts or {}).get(container), curve))


def _from(start: StoredEstimate | None, curve: Curve) -> Curve:
    """The curve with a point at radius 0, if the estimate there is known."""
    return curve if start is None else [(0.0, start), *curve]


def _widest(members: Sequence[AttackSummary]) -> float:
    return members[-1].threat.radius


def line(label: str, role: Role, curve: Curve) -> Line:
    """A line through estimates, for a chart.

    Args:
        label: its name.
        role: its look.
        curve: radius and estimate, in order of radius.
    """
    points = tuple(_point(radius, estimate) for radius, estimate in curve)
    return Line(label=label, role=role, points=points, dashed=role == "recompressed")


def _point(radius: float, estimate: StoredEstimate) -> Point:
    value, low, high = (
        math.nan if number is None else number
        for number in (estimate.value, estimate.low, estimate.high)
    )
    counted = wording.counted(estimate.n, "case")
    if estimate.n_groups is not None:
        counted += f" in {wording.counted(estimate.n_groups, 'group')}"
    return Point(radius=float(radius), value=value, low=low, high=high, counted=counted)


def chart(
    chart_id: str,
    title: str,
    members: Sequence[AttackSummary],
    lines: Sequence[Line],
    *,
    unit: str = "",
    index: bool = False,
) -> str:
    """Draws lines against the radius; ``unit`` is for numbers other than shares and indices."""
    threat = members[0].threat
    ball = NORMS[threat.norm].symbol
    sizes = {probe.threat.radius: f"{probe.threat.size} ({ball})" for probe in members}
    drawn = tuple(
        replace(one, points=tuple(_told(one, at, sizes, unit, index=index) for at in one.points))
        for one in lines
        if one.points
    )
    return draw(
        Chart(
            id=chart_id,
            title=title,
            description=". ".join(_in_words(one, unit, index=index) for one in drawn) + ".",
            x_label=f"change allowed, {threat.size_unit} ({ball})",
            lines=drawn,
            unit=unit,
            index=index,
        )
    )


def _in_words(line: Line, unit: str, *, index: bool) -> str:
    """A line in words, for screen readers, e.g. ``attacked: 53.0 % at 1, 38.0 % at 2``."""
    at = (f"{_value(point, unit, index=index)} at {point.radius:g}" for point in line.points)
    return f"{line.label}: {', '.join(at)}"


def _value(point: Point, unit: str, *, index: bool) -> str:
    if unit:
        return wording.with_unit(rounding.amount(point.value), unit)
    return rounding.area(point.value) if index else wording.share(point.value)


def _told(line: Line, point: Point, sizes: Mapping[float, str], unit: str, *, index: bool) -> Point:
    """A point with what is said of it when it is pointed at; at radius 0 the untouched line is."""
    if line.role != "clean" and point.radius not in sizes:
        return point
    where = "" if line.role == "clean" else f", {sizes[point.radius]}"
    words = rounding.amount_bounds if unit else rounding.area_bounds if index else rounding.bounds
    limits = words(point) if math.isfinite(point.low) and math.isfinite(point.high) else ""
    value = f"{_value(point, unit, index=index)} {limits}".strip()
    return replace(point, told=f"{line.label}{where}: {value}; {point.counted}")
