"""What shortcuts did: things without clinical meaning, put into every image; and their controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plexor.findings.planned import PlannedShortcut, described, planned_shortcuts
from plexor.findings.summary.classification import Classification
from plexor.findings.summary.multilabel import Multilabel
from plexor.findings.summary.parts import Parts, distances_of, holm_corrected
from plexor.findings.summary.probe_details import ProbeAbout
from plexor.findings.summary.probe_summary import ShortcutSummary, ShuffledSummary
from plexor.findings.summary.results import ShortcutResult


def shortcuts(
    plan: Mapping[str, Any], provenance: Mapping[str, Any], parts: Parts
) -> tuple[list[ShortcutSummary], list[ShuffledSummary]]:
    """One entry for each shortcut, in the plan's order, and one for the control of each.

    Args:
        plan: the resolved plan.
        provenance: what the findings came from; it describes the shortcuts.
        parts: the findings.
    """
    entries = [entry for entry in planned_shortcuts(plan) if parts.has(entry.id)]
    stored = holm_corrected(
        [_stored(entry, parts) for entry in entries],
        lambda result: result.mcnemar.p_value,
        lambda result, p: result.corrected(p),
    )
    stored = holm_corrected(
        stored,
        lambda result: result.fooling_test.p_value,
        lambda result, p: result.fooling_corrected(p),
    )
    found = [
        ShortcutSummary(
            id=entry.id,
            name=entry.name,
            about=_about(entry, provenance),
            settings=entry.settings,
            control=entry.control if parts.has(entry.control) else None,
            distance=distances_of(entry.id, parts),
            stored=results,
        )
        for entry, results in zip(entries, stored, strict=True)
    ]
    controls = [
        ShuffledSummary(
            id=entry.control,
            name=entry.name,
            about=_about(entry, provenance),
            settings=entry.settings,
            distance=distances_of(entry.control, parts),
            stored=parts.compared(entry.control),
        )
        for entry in entries
        if parts.has(entry.control)
    ]
    return found, controls


def _about(entry: PlannedShortcut, provenance: Mapping[str, Any]) -> ProbeAbout:
    about = described(provenance, "shortcut", entry.name)
    return ProbeAbout(
        title=about.get("title", entry.name.capitalize()), summary=about.get("summary", "")
    )


def _stored(entry: PlannedShortcut, parts: Parts) -> dict[str, ShortcutResult]:
    """Container → result."""
    measures = parts.measures
    if not isinstance(measures, Classification | Multilabel):
        raise TypeError("internal: a shortcut is tried only on a model that decides")
    return {
        container: measures.shortcut(
            parts.judged(entry.id, container), parts.judged(entry.control, container)
        )
        for container in parts.containers(entry.id)
    }
