"""Estimates with their intervals, one below the other, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate
from plexor.report import rounding

Role = Literal["clean", "control", "recompressed", "attack"]
"""What a row stands for; the style sheet has a colour of the same name."""
_LABELS, _PLOT, _NUMBERS = 190, 300, 150
_TOP, _ROW = 8, 26


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One estimate.

    Attributes:
        label: whose it is.
        role: its colour.
        estimate: within 0 … 1.
    """

    label: str
    role: Role
    estimate: StoredEstimate


def forest(
    name: str, title: str, rows: Sequence[ForestRow], *, percent: bool, chance: float | None
) -> str:
    """The chart as an ``<svg>`` element.

    Args:
        name: id, unique on the page.
        title: what a screen reader announces.
        rows: drawn from above; one without a value has a dash.
        percent: shares in percent; otherwise numbers from 0 to 1.
        chance: what guessing gives, as a dashed line; None for no line.
    """
    bottom = _TOP + _ROW * len(rows)
    words = "; ".join(f"{row.label} {_words(row.estimate, percent=percent)}" for row in rows)
    box = f"0 0 {_LABELS + _PLOT + _NUMBERS} {bottom + 30}"
    about = f'aria-labelledby="{name}-title" aria-describedby="{name}-desc"'
    parts = [
        f'<svg class="chart forest" role="img" viewBox="{box}" {about}>',
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-desc">{escape(words)}</desc>',
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = _place(tick)
        label = f"{100 * tick:.0f}{' %' if tick == 1 else ''}" if percent else f"{tick:g}"
        parts += [
            f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}" class="rule"/>',
            f'<text x="{x}" y="{bottom + 19}" class="tick">{label}</text>',
        ]
    if chance is not None:
        x = _place(chance)
        parts.append(f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}" class="guess"/>')
    for number, row in enumerate(rows):
        parts += _drawn(row, _TOP + _ROW * (number + 0.5), percent=percent)
    return "".join([*parts, "</svg>"])


def _drawn(row: ForestRow, y: float, *, percent: bool) -> list[str]:
    found = row.estimate
    groups = "" if found.n_groups is None else f" in {wording.counted(found.n_groups, 'group')}"
    told = f"{row.label}: {_words(found, percent=percent)}; n = {wording.count(found.n)}{groups}"
    parts = [
        f'<g class="{row.role} mark"><title>{escape(told)}</title>',
        f'<text x="0" y="{y + 5}">{escape(row.label)}</text>',
        f'<text x="{_LABELS + _PLOT + 16}" y="{y + 5}">{_words(found, percent=percent)}</text>',
    ]
    if found.low is not None and found.high is not None:
        x1, x2 = _place(found.low), _place(found.high)
        parts.append(f'<line x1="{x1}" x2="{x2}" y1="{y}" y2="{y}" class="interval"/>')
    if found.value is not None:
        parts.append(f'<circle cx="{_place(found.value)}" cy="{y}" r="4.5"/>')
    return [*parts, "</g>"]


def _place(value: float) -> float:
    return round(_LABELS + _PLOT * min(max(value, 0.0), 1.0), 1)


def _words(found: StoredEstimate, *, percent: bool) -> str:
    value = (wording.share if percent else rounding.area)(found.value)
    limits = (rounding.bounds if percent else rounding.area_bounds)(found)
    return f"{value} {limits}".strip()
