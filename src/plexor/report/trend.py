"""Charts of the headline figure and of success against the radius, one pair a family of attacks."""

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
    """A family's two charts, drawn, each with what its upright axis is."""

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
    """What a family's figure is called, and its chart against the radius."""
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
    """The noise of each member's size, where it was tried."""
    return [found for probe in members if (found := summary.noise(probe)) is not None]


def _shown(summary: Summary, probe: AttackSummary) -> Headline:
    """What is drawn: the goal's headline, but of a number how far it was moved."""
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
    """The attack as stored losslessly and, where the source is lossy, saved as JPEG again.

    Args:
        members: a family, in order of radius.
        pick: the estimate drawn.
        starts: container → the estimate where nothing is changed.
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
    """A curve from no change on, where the estimate there is known."""
    return curve if start is None else [(0.0, start), *curve]


def _widest(members: Sequence[AttackSummary]) -> float:
    return members[-1].threat.radius


def line(label: str, role: Role, curve: Curve) -> Line:
    """A line through estimates.

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
    return Point(radius=float(radius), value=value, low=low, high=high)


def chart(
    chart_id: str,
    title: str,
    members: Sequence[AttackSummary],
    lines: Sequence[Line],
    *,
    unit: str = "",
    index: bool = False,
) -> str:
    """Lines against the radius, drawn; ``unit`` of what is neither a share nor an ``index``."""
    threat = members[0].threat
    drawn = tuple(one for one in lines if one.points)
    return draw(
        Chart(
            id=chart_id,
            title=title,
            description=". ".join(_in_words(one, unit, index=index) for one in drawn) + ".",
            x_label=f"change allowed, {threat.size_unit} ({NORMS[threat.norm].symbol})",
            lines=drawn,
            unit=unit,
            index=index,
        )
    )


def _in_words(line: Line, unit: str, *, index: bool) -> str:
    """A line for those who cannot see it, e.g. ``attacked: 53.0 % at 1, 38.0 % at 2``."""

    def value(point: Point) -> str:
        if unit:
            return wording.with_unit(rounding.amount(point.value), unit)
        if index:
            return rounding.area(point.value)
        return wording.share(point.value)

    at = (f"{value(point)} at {point.radius:g}" for point in line.points)
    return f"{line.label}: {', '.join(at)}"
