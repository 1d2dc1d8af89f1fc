"""What shortcuts did: things that mean nothing, put into every image, beside their own tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plexor.cases.image import LOSSLESS
from plexor.findings.planned import PlannedShortcut, described, planned_shortcuts
from plexor.findings.summary.judged import Plain
from plexor.findings.summary.parts import Parts, correct, distances


def shortcuts(plan: Mapping[str, Any], provenance: Mapping[str, Any], parts: Parts) -> list[Plain]:
    """One entry a shortcut, in the plan's order, and one for the control of each, after them.

    Args:
        plan: the resolved plan.
        provenance: what the findings came from; it describes the shortcuts.
        parts: the findings.
    """
    entries = [entry for entry in planned_shortcuts(plan) if parts.has(entry.id)]
    found = [
        _shortcut(entry, described(provenance, "shortcut", entry.name), parts) for entry in entries
    ]
    correct(found, lambda compared: dict(compared)["mcnemar"])
    correct(found, lambda compared: dict(compared)["fooling_test"])
    controls = [
        _control(entry, shortcut["about"], parts)
        for entry, shortcut in zip(entries, found, strict=True)
        if parts.has(entry.control)
    ]
    return found + controls


def _shortcut(entry: PlannedShortcut, about: Mapping[str, str], parts: Parts) -> Plain:
    stored = {}
    for container in parts.containers(entry.id):
        judged = parts.judged(entry.id, container)
        beside = judged.beside(parts.judged(entry.control, container))
        stored[container] = parts.measures.compared(judged) | beside
    return {
        "id": entry.id,
        "kind": "shortcut",
        "name": entry.name,
        "about": {
            "title": about.get("title", entry.name.capitalize()),
            "summary": about.get("summary", ""),
        },
        "settings": entry.settings,
        "control": entry.control if parts.has(entry.control) else None,
        **_told(entry.id, stored, parts),
    }


def _control(entry: PlannedShortcut, about: Plain, parts: Parts) -> Plain:
    stored = {
        container: parts.measures.compared(parts.judged(entry.control, container))
        for container in parts.containers(entry.control)
    }
    return {
        "id": entry.control,
        "kind": "control",
        "name": entry.name,
        "about": about,
        "settings": entry.settings,
        "control": None,
        **_told(entry.control, stored, parts),
    }


def _told(probe_id: str, stored: Plain, parts: Parts) -> Plain:
    """How far the images were changed, and what that did, lossless first and then everywhere."""
    rows = parts.part(probe_id)
    return {
        "distance": distances(rows[rows["status"] == "ok"]),
        **stored[LOSSLESS],
        "stored": stored,
    }
