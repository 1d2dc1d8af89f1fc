"""Families of attacks: attacks that differ only in radius."""

from __future__ import annotations

from itertools import groupby

from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.summary import Summary
from plexor.report import words

SIGNIFICANT = 0.05
"""Significance level for corrected p-values."""


def containers_of(summary: Summary) -> list[str]:
    """The containers in which attacked images were stored, in the order of the untouched ones."""
    found = {name for probe in summary.attacks for name in probe.stored}
    return [name for name in summary.clean.stored if name in found]


def family(probe: AttackSummary) -> tuple[str, ...]:
    """The key shared by attacks that differ only in radius."""
    rest = repr([probe.settings, probe.threat.unit])
    return words.attack(probe), words.aim(probe), probe.threat.ball, rest


def families(summary: Summary) -> list[list[AttackSummary]]:
    """Groups attacks that differ only in radius, in order of radius."""
    searches = summary.attacks
    order = list(dict.fromkeys(family(probe) for probe in searches))
    ranked = sorted(searches, key=lambda probe: (order.index(family(probe)), probe.threat.radius))
    return [list(members) for _, members in groupby(ranked, key=family)]


def family_words(probe: AttackSummary) -> str:
    """A family's name, e.g. ``PGD, be wrong, L∞``."""
    return ", ".join(family(probe)[:3])
