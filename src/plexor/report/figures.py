"""Charts as inline SVG, with colours and type of the page around them."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Role = Literal["attack", "recompressed", "control", "clean"]
"""Role of a line; the style sheet has a colour of the same name."""

# matplotlib draws fixed colours only. Each role has a placeholder colour, which is replaced by the
# style sheet's variable afterwards, so that one drawing serves light, dark and print.
_STAND_INS = {
    "attack": "#a10001",
    "recompressed": "#a10002",
    "control": "#a10003",
    "clean": "#a10004",
    "ink": "#a10005",
    "muted": "#a10006",
    "rule": "#a10007",
}
_WIDTH, _HEIGHT = 460, 290
_LABEL_GAP = 0.062
_WIDEST_LINEAR = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An estimate at one radius; NaN where undefined.

    Attributes:
        radius: where it is drawn.
        value: the estimate.
        low: lower end of its interval.
        high: upper end.
        counted: how many cases it rests on, in words.
        told: what is said of it when it is pointed at; "" for nothing.
    """

    radius: float
    value: float
    low: float
    high: float
    counted: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart, its points in order of radius."""

    label: str
    role: Role
    points: tuple[Point, ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A share, or a number with a unit, against the radius.

    Attributes:
        id: unique on the page.
        title: what a screen reader announces.
        description: the same numbers in words.
        x_label: what the radius is, with its unit.
        unit: unit of a number, drawn from 0; "" for a share, drawn from 0 to 100 %.
        index: whether it is a number from 0 to 1 that is no share, such as Dice.
        lines: drawn in order; each is named at its right end.
    """

    id: str
    title: str
    description: str
    x_label: str
    lines: tuple[Line, ...]
    unit: str = ""
    index: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    """Cases as points of a scatter, all of one role.

    Attributes:
        label: of all.
        role: its look.
        x: of each case.
        y: of each case.
        told: what is said of each when it is pointed at; empty for nothing.
    """

    label: str
    role: Role
    x: tuple[float, ...]
    y: tuple[float, ...]
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """The model's output against the truth, with the identity line.

    Attributes:
        id: unique on the page.
        title: what a screen reader announces.
        description: the content in words.
        x_label: of the truth, with its unit.
        dots: drawn in order.
    """

    id: str
    title: str
    description: str
    x_label: str
    dots: tuple[Dots, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Ticks and labels of the vertical axis."""

    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    @property
    def top(self) -> float:
        return self.ticks[-1]


def draw(chart: Chart) -> str:
    """The chart as an ``<svg>`` element, the same bytes for the same chart."""
    with _figure(chart.id) as (figure, axes):
        radii = sorted({point.radius for line in chart.lines for point in line.points})
        places = _places(radii)
        scale = _scale(chart)
        shifts = [number - (len(chart.lines) - 1) / 2 for number in range(len(chart.lines))]
        for line, shift in zip(chart.lines, shifts, strict=True):
            _draw_line(axes, line, places, shift=shift)
        to_scale = all(place == radius for radius, place in places.items())
        label = chart.x_label if to_scale else f"{chart.x_label}, not to scale"
        _dress(axes, label, radii, places, scale)
        ends = [(line, line.points[-1].value) for line in chart.lines if line.points]
        _name_lines(axes, ends, max(places.values(), default=1.0), scale.top)
        marks = [
            (x, point.value, point.told)
            for line, shift in zip(chart.lines, shifts, strict=True)
            for x, point in zip(_across(line, places, shift), line.points, strict=True)
        ]
        return _inline(figure, chart.id, chart.title, chart.description, _marks(axes, marks))


def draw_scatter(scatter: Scatter) -> str:
    """The scatter plot as an ``<svg>`` element; both axes have the same scale."""
    with _figure(scatter.id) as (figure, axes):
        numbers = [n for dots in scatter.dots for n in (*dots.x, *dots.y)]
        low, high = min(numbers, default=0.0), max(numbers, default=1.0)
        room = 0.05 * (high - low or 1.0)
        reach = (low - room, high + room)
        axes.plot(reach, reach, color=_STAND_INS["rule"], linewidth=1, zorder=1)
        for dots in scatter.dots:
            colour = _STAND_INS[dots.role]
            axes.plot(dots.x, dots.y, "o", color=colour, markersize=3.2, alpha=0.65, zorder=2)
        axes.set_xlim(reach)
        axes.set_ylim(reach)
        axes.set_xticks([tick for tick in axes.get_yticks() if reach[0] <= tick <= reach[1]])
        axes.set_xlabel(scatter.x_label, color=_STAND_INS["muted"], labelpad=7)
        axes.tick_params(length=0, pad=6, labelcolor=_STAND_INS["muted"])
        axes.grid(color=_STAND_INS["rule"], linewidth=0.8)
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for number, dots in enumerate(reversed(scatter.dots)):
            axes.annotate(
                dots.label,
                (1.03, 0.95 - 0.075 * number),
                xycoords="axes fraction",
                color=_STAND_INS[dots.role],
                annotation_clip=False,
            )
        told = (zip(dots.x, dots.y, dots.told, strict=True) for dots in scatter.dots if dots.told)
        marks = [mark for group in told for mark in group]
        return _inline(figure, scatter.id, scatter.title, scatter.description, _marks(axes, marks))


@contextmanager
def _figure(name: str) -> Iterator[tuple[Figure, Axes]]:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 12.5}):
        figure = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), dpi=72)
        FigureCanvasSVG(figure)
        yield figure, figure.add_axes((0.095, 0.175, 0.63, 0.785))


def _written(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def _scale(chart: Chart) -> _Scale:
    """0 to 100 %, 0 to 1, or 0 to the round number above everything drawn."""
    if chart.index:
        return _Scale(ticks=(0, 0.25, 0.5, 0.75, 1), labels=("0", ".25", ".5", ".75", "1"))
    if not chart.unit:
        return _Scale(ticks=(0, 0.25, 0.5, 0.75, 1), labels=("0", "25", "50", "75", "100 %"))
    points = [point for line in chart.lines for point in line.points]
    ends = [end for point in points for end in (point.value, point.high) if math.isfinite(end)]
    highest = max(ends, default=1.0) or 1.0
    power = 10.0 ** math.floor(math.log10(highest / 4))
    step = next(s * power for s in (1, 2, 5, 10) if s * power * 5 >= highest)
    ticks = tuple(step * i for i in range(math.ceil(highest / step) + 1))
    return _Scale(ticks=ticks, labels=tuple(f"{tick:g}" for tick in ticks))


def _places(radii: Sequence[float]) -> dict[float, float]:
    """Positions of the radii: to scale, or evenly if the largest would squeeze the others."""
    positive = [radius for radius in radii if radius > 0]
    if positive and positive[-1] / positive[0] > _WIDEST_LINEAR:
        return {radius: float(order) for order, radius in enumerate(radii)}
    return {radius: radius for radius in radii}


def _draw_line(axes: Axes, line: Line, places: dict[float, float], *, shift: float) -> None:
    colour = _STAND_INS[line.role]
    if line.role == "clean":
        _draw_level(axes, line, places)
        return
    x = _across(line, places, shift)
    y = [point.value for point in line.points]
    dash = (0, (4, 2.5)) if line.dashed else "solid"
    axes.plot(x, y, color=colour, linewidth=1.8, linestyle=dash, zorder=3)
    face = "none" if line.dashed else colour
    axes.plot(x, y, "o", color=colour, markersize=4.5, markerfacecolor=face, zorder=4)
    axes.vlines(
        x,
        [point.low for point in line.points],
        [point.high for point in line.points],
        color=colour,
        linewidth=1.1,
        zorder=2,
    )


def _across(line: Line, places: dict[float, float], shift: float) -> list[float]:
    """Where a line's points lie, a little beside each other, so that none hides another."""
    nudge = 0.0 if line.role == "clean" else 0.007 * shift * max(places.values(), default=1.0)
    return [places[point.radius] + (nudge if point.radius else 0) for point in line.points]


def _marks(axes: Axes, marks: Sequence[tuple[float, float, str]]) -> str:
    """Invisible circles over points, which tell their numbers when pointed at."""
    drawn = []
    for x, y, told in marks:
        if told and math.isfinite(y):
            right, up = axes.transData.transform((x, y))
            place = f'cx="{right:.1f}" cy="{_HEIGHT - up:.1f}" r="9"'
            drawn.append(f'<g class="mark"><title>{escape(told)}</title><circle {place}/></g>')
    return "".join(drawn)


def _draw_level(axes: Axes, line: Line, places: dict[float, float]) -> None:
    """Draws the reference level: a thin line on the band of its interval."""
    x = [places[point.radius] for point in line.points]
    low, high = ([getattr(point, end) for point in line.points] for end in ("low", "high"))
    colour = _STAND_INS[line.role]
    axes.fill_between(x, low, high, color=colour, alpha=0.08, linewidth=0, zorder=1)
    axes.plot(x, [point.value for point in line.points], color=colour, linewidth=0.9)


def _dress(
    axes: Axes,
    x_label: str,
    radii: Sequence[float],
    places: dict[float, float],
    scale: _Scale,
) -> None:
    widest = max(places.values(), default=1.0)
    axes.set_xlim(-0.02 * widest, 1.03 * widest)
    axes.set_ylim(-0.02 * scale.top, 1.02 * scale.top)
    axes.set_xticks([places[radius] for radius in radii], [f"{radius:g}" for radius in radii])
    axes.set_yticks(scale.ticks, scale.labels)
    axes.set_xlabel(x_label, color=_STAND_INS["muted"], labelpad=7)
    axes.tick_params(length=0, pad=6, labelcolor=_STAND_INS["muted"])
    axes.hlines(scale.ticks, 0, 1.03 * widest, color=_STAND_INS["rule"], linewidth=0.8)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _name_lines(axes: Axes, ends: Sequence[tuple[Line, float]], x: float, top: float) -> None:
    """Writes each line's name beside its end, moved apart where they would overlap."""
    known = sorted((end for end in ends if end[1] == end[1]), key=lambda end: end[1])
    heights: list[float] = []
    for _, value in known:
        share = value / top
        heights.append(max(share, heights[-1] + _LABEL_GAP) if heights else share)
    excess = max(0.0, heights[-1] - 1) if heights else 0.0
    for (line, _), height in zip(known, heights, strict=True):
        axes.annotate(
            line.label,
            (1.055 * x, top * (height - excess)),
            color=_STAND_INS[line.role],
            verticalalignment="center_baseline",
            annotation_clip=False,
        )


def _inline(figure: Figure, name: str, title: str, description: str, marks: str) -> str:
    """Makes matplotlib's file an element of the page: colours and type of the page, unique ids."""
    svg = _written(figure)
    body = svg[svg.index("<svg") :]
    # matplotlib's style sheet would apply to the whole page.
    body = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", body, flags=re.DOTALL)
    for role, colour in _STAND_INS.items():
        body = body.replace(colour, f"var(--{role})")
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    opening = (
        f'<svg class="chart" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'aria-labelledby="{name}-title" aria-describedby="{name}-desc" '
        'xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>'
    )
    return opening + body[body.index(">") + 1 : body.rindex("</svg>")] + marks + "</svg>"
