"""The order in which example cases and their probes are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from plexor.findings.example import StoredExample
from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary, ProbeSummary
from plexor.findings.summary.summary import Summary
from plexor.report.attack_family import family
from plexor.report.comparator_words import changed
from plexor.report.lead_attack import lead_attack
from plexor.report.model_outputs import Row
from plexor.report.shortcut_section import in_pairs


def first_cases(
    kept: Mapping[tuple[str, str], StoredExample],
    rows: Mapping[tuple[str, str], Row],
    n_cases: int,
    *,
    number: bool,
) -> dict[tuple[str, str], StoredExample]:
    """Examples of so many cases, those that gave way first."""
    ranks: dict[str, int] = {}
    for key in kept:
        ranks[key[0]] = min(ranks.get(key[0], 2), rank(rows[key], number=number))
    chosen = sorted(ranks, key=lambda case_id: (ranks[case_id], case_id))[:n_cases]
    return {key: entry for key, entry in kept.items() if key[0] in chosen}


def standing(
    case_id: str,
    rows: Mapping[tuple[str, str], Row],
    probes: Iterable[str],
    *,
    number: bool,
) -> tuple[int, int, str]:
    """Sorts cases by what the page's first probe did, then by what any did, then by name."""
    ranks = [rank(rows[case_id, name], number=number) for name in probes]
    return min(ranks), ranks[0], case_id


def rank(row: Row, *, number: bool) -> int:
    """0 where a case gave way, 1 where it withstood, 2 where nothing was attempted.

    Without a goal, a case gives way where its decision changes; of a model that answers with a
    number it does not, since a number always changes a little.
    """
    if not row["attempted"]:  # a goal that held before counts as reached
        return 2
    without_goal = np.isnan(row["margin_after"]) and not number
    return 0 if row["reached"] or (without_goal and changed(row)) else 1


def most_telling_first(summary: Summary) -> list[ProbeSummary]:
    """The lead probe, its noise, the rest of its family by falling radius, then the others.

    Shortcuts come last.
    """
    lead = lead_attack(summary)
    if lead is None:
        return [*in_pairs(summary)]

    def place(probe: AttackSummary | NoiseSummary) -> tuple[int, float]:
        if probe.id == lead.id:
            return 0, 0.0
        if probe.id == lead.control:
            return 1, 0.0
        same = isinstance(probe, AttackSummary) and family(probe) == family(lead)
        return (2, -probe.threat.radius) if same else (3, 0.0)

    return [*sorted(summary.attacks_and_noises, key=place), *in_pairs(summary)]
