"""Charts of the headline figure and of success against the radius, one pair a family of attacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from plexor.report import words
from plexor.report.figures import Chart, Line, Point, Role, draw
from plexor.report.headline import Headline, headline
from plexor.report.probe_family import control_of, families, family_words
from plexor.threat_model import NORMS, threat_from

Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A family's two charts, drawn, each with what its upright axis is."""

    title: str
    figure_label: str
    figure: str
    success: str


def trends(summary: Plain) -> tuple[Trend, ...]:
    """One entry a family of attacks tried at two radii or more, in the plan's order."""
    several = [members for members in families(summary) if len(members) > 1]
    return tuple(_trend(summary, members, number) for number, members in enumerate(several, 1))


def _trend(summary: Plain, members: Sequence[Plain], number: int) -> Trend:
    noise = [probe for probe in members if control_of(summary, probe)]
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
            [
                line("noise", "control", noise, lambda probe: probe["control_success"], None),
                *_attacked(members, lambda source: source["success"], None),
            ],
        ),
    )


def headline_chart(summary: Plain, members: Sequence[Plain], chart_id: str) -> tuple[str, str]:
    """What a family's figure is called, and its chart against the radius."""
    told = _told(summary, members[0])
    start = None if told.unit else told.pick(summary["clean"])
    lines = [
        line("noise", "control", controls(summary, members), told.pick, start),
        *_attacked(members, told.pick, None if told.unit else summary["clean"]["stored"]),
    ]
    if start is not None:
        lines.insert(0, _untouched(start, members))
    label = f"{told.label[:1].upper()}{told.label[1:]}"
    title = f"{label} against the change allowed: {family_words(members[0])}"
    return label, chart(chart_id, title, members, lines, unit=told.unit, index=told.index)


def controls(summary: Plain, members: Sequence[Plain]) -> list[Plain]:
    """The noise of each member's size, where it was tried."""
    return [found for probe in members if (found := control_of(summary, probe))]


def _told(summary: Plain, probe: Plain) -> Headline:
    """What is drawn: the goal's headline, but of a number how far it was moved."""
    told = headline(summary, probe)
    if not told.unit:
        return told
    return replace(
        told, label=f"mean shift, {told.unit}", pick=lambda source: source["absolute_shift"]
    )


def _attacked(
    members: Sequence[Plain], pick: Callable[[Plain], Plain], clean: Plain | None
) -> Iterator[Line]:
    """The attack as stored losslessly and, where the source is lossy, saved as JPEG again."""
    labels: dict[str, tuple[str, Role]] = {
        "recompressed-own": ("saved as JPEG", "recompressed"),
        "lossless": ("attacked", "attack"),
    }
    for container, (label, role) in labels.items():
        judged = [probe for probe in members if container in probe["stored"]]
        start = pick(clean[container]) if clean and container in clean else None
        if judged:
            yield line(label, role, judged, _in(container, pick), start)


def _in(container: str, pick: Callable[[Plain], Plain]) -> Callable[[Plain], Plain]:
    return lambda probe: pick(probe["stored"][container])


def _untouched(estimate: Plain, members: Sequence[Plain]) -> Line:
    """Level from no change to the widest."""
    widest = members[-1]["threat"]["radius"]
    return Line(
        label="untouched",
        role="clean",
        points=(_point(0.0, estimate), _point(float(widest), estimate)),
    )


def line(
    label: str,
    role: Role,
    probes: Sequence[Plain],
    pick: Callable[[Plain], Plain],
    start: Plain | None,
) -> Line:
    """A line through the probes' estimates, from ``start`` at no change if there is one."""
    points = [_point(float(probe["threat"]["radius"]), pick(probe)) for probe in probes]
    if start is not None:
        points.insert(0, _point(0.0, start))
    return Line(label=label, role=role, points=tuple(points), dashed=role == "recompressed")


def _point(radius: float, estimate: Plain) -> Point:
    value, low, high = (
        math.nan if estimate[key] is None else float(estimate[key])
        for key in ("value", "low", "high")
    )
    return Point(radius=radius, value=value, low=low, high=high)


def chart(
    chart_id: str,
    title: str,
    members: Sequence[Plain],
    lines: Sequence[Line],
    *,
    unit: str = "",
    index: bool = False,
) -> str:
    """Lines against the radius, drawn; ``unit`` of what is neither a share nor an ``index``."""
    threat = threat_from(members[0]["threat"])
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
            return words.with_unit(words.amount(point.value), unit)
        if index:
            return words.area(point.value)
        return words.share(point.value)

    at = (f"{value(point)} at {point.radius:g}" for point in line.points)
    return f"{line.label}: {', '.join(at)}"
