"""One round of samples of a coverage study, and what is counted in it."""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from coverage_question import LEVEL, Design, Question

from plexor import stats

ROUND = 250
"""Samples of a design in one round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Of one interval, or test, in one design.

    ``held`` of ``defined`` intervals held the true value (tests did not reject), of ``repeats``
    samples; ``width`` is the sum of the defined intervals' widths.
    """

    interval: str
    design: Design
    held: int
    defined: int
    width: float
    repeats: int

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Tally:
        return cls(**fields | {"design": Design(**fields["design"])})


def simulated(question: Question, design: Design, start: int) -> Iterator[Tally]:
    """One round of a design, a tally for each interval or test."""
    held: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    key = zlib.crc32(f"{question.name}|{design}".encode())
    measures = {
        name: measure
        for name, measure in question.intervals.items()
        if question.asked(name, design)
    }
    for repeat in range(start, start + ROUND):
        rows, groups = design.draw(question.one, np.random.default_rng([key, repeat]))
        for name, measure in measures.items():
            found = measure(rows, groups)
            if isinstance(found, stats.TestResult):
                # An undefined p-value rejects nothing.
                held[name].append((not found.p_value < 1 - LEVEL, 0.0))
            elif not math.isnan(found.low):
                inside = found.low <= question.truth <= found.high
                held[name].append((inside, found.high - found.low))
    for name in measures:
        yield Tally(
            interval=name,
            design=design,
            held=sum(inside for inside, _ in held[name]),
            defined=len(held[name]),
            width=float(sum(width for _, width in held[name])),
            repeats=ROUND,
        )
