"""Attacks of one family: those that differ in radius alone."""

from __future__ import annotations

from itertools import groupby

from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.summary import Summary
from plexor.report import words

SIGNIFICANT = 0.05
"""A corrected p below it is more than chance explains."""


def containers_of(summary: Summary) -> list[str]:
    """The containers that attacked images were stored in, in the order of the untouched ones."""
    found = {name for probe in summary.attacks for name in probe.stored}
    return [name for name in summary.clean.stored if name in found]


def family(probe: AttackSummary) -> tuple[str, ...]:
    """What attacks that differ in radius alone have in common."""
    rest = repr([probe.settings, probe.threat.unit])
    return words.attack(probe), words.aim(probe), probe.threat.ball, rest


def families(summary: Summary) -> list[list[AttackSummary]]:
    """Attacks that differ in radius alone, together and in order of radius."""
    searches = summary.attacks
    order = list(dict.fromkeys(family(probe) for probe in searches))
    ranked = sorted(searches, key=lambda probe: (order.index(family(probe)), probe.threat.radius))
    return [list(members) for _, members in groupby(ranked, key=family)]


def family_words(probe: AttackSummary) -> str:
    """A family's name, e.g. ``PGD, be wrong, L∞``."""
    return ", ".join(family(probe)[:3])
