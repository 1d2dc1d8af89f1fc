"""What probes of further kinds did: those that are no attack, no shortcut and no control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plexor.findings.schema import CLEAN
from plexor.findings.summary.parts import Parts, distances_of
from plexor.findings.summary.probe_details import ProbeAbout
from plexor.findings.summary.probe_summary import ChangeSummary

_ON_THEIR_OWN = (CLEAN, "attack", "shortcut", "control")
"""Kinds with entries of their own in a summary."""


def changes(provenance: Mapping[str, Any], parts: Parts) -> list[ChangeSummary]:
    """One entry for each probe of a further kind, in the plan's order.

    Args:
        provenance: what the findings came from; it describes every probe.
        parts: the findings.
    """
    return [
        ChangeSummary(
            id=probe["id"],
            of=probe["kind"],
            name=probe["name"],
            about=ProbeAbout(title=probe["title"], summary=probe["summary"]),
            settings=probe["settings"],
            distance=distances_of(probe["id"], parts),
            stored=parts.compared(probe["id"]),
        )
        for probe in provenance.get("probes", ())
        if probe["kind"] not in _ON_THEIR_OWN and parts.has(probe["id"])
    ]
