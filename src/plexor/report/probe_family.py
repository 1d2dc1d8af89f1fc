"""Which probes of a summary belong together: an attack and its noise, and attacks of one family."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from plexor.report import words

Plain = Mapping[str, Any]
SIGNIFICANT = 0.05
"""A corrected p below it is more than chance explains."""


def attacks(summary: Plain) -> list[Plain]:
    """The probes that search."""
    return [probe for probe in summary["probes"] if probe["kind"] == "attack"]


def control_of(summary: Plain, probe: Plain) -> Plain | None:
    """The noise of an attack's size; None where it was not tried."""
    return next((other for other in summary["probes"] if other["id"] == probe["control"]), None)


def containers_of(summary: Plain) -> list[str]:
    """The containers that attacked images were stored in, in the order of the untouched ones."""
    found = {name for probe in attacks(summary) for name in probe["stored"]}
    return [name for name in summary["clean"]["stored"] if name in found]


def family(probe: Plain) -> tuple[str, ...]:
    """What attacks that differ in radius alone have in common."""
    threat = probe["threat"]
    rest = repr([probe["settings"], threat["unit"]])
    return words.attack(probe), words.goal(probe["goal"]), words.ball(threat), rest


def families(summary: Plain) -> list[list[Plain]]:
    """Attacks that differ in radius alone, together and in order of radius."""
    searches = attacks(summary)
    order = list(dict.fromkeys(family(probe) for probe in searches))
    ranked = sorted(
        searches, key=lambda probe: (order.index(family(probe)), probe["threat"]["radius"])
    )
    return [list(members) for _, members in groupby(ranked, key=family)]


def family_words(probe: Plain) -> str:
    """A family's name, e.g. ``PGD, be wrong, L∞``."""
    return ", ".join(family(probe)[:3])
