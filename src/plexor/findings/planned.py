"""The probes of a resolved plan, read without the packages that run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plexor.threat_model import Goal, Threat, goal_from, threat_from

_COMMON = {"kind", "id", "attack", "shortcut", "goal", "threat", "fit", "load", "fit_batch"}
"""Keys of a plan's entry that are not options of the attack or shortcut itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An attack under one threat.

    Attributes:
        id: as in the findings.
        name: the attack's.
        settings: its own options.
        threat: with one radius.
        goal: its goal.
    """

    id: str
    name: str
    settings: dict[str, Any]
    threat: Threat
    goal: Goal

    @property
    def control(self) -> str:
        """Id of the noise of the same size."""
        return control_id(self.threat)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShortcut:
    """A shortcut: a feature without clinical meaning, put into every image.

    Attributes:
        id: as in the findings.
        name: the shortcut's.
        settings: its own options.
    """

    id: str
    name: str
    settings: dict[str, Any]

    @property
    def control(self) -> str:
        """Id of its control, the same change in shuffled tiles."""
        return shuffled_id(self.id)


def planned_shortcuts(plan: Mapping[str, Any]) -> Iterator[PlannedShortcut]:
    """Every shortcut of a resolved plan, in the plan's order."""
    for entry in plan["probes"]:
        if _kind(entry) == "shortcut":
            yield PlannedShortcut(
                id=entry.get("id") or entry["shortcut"],
                name=entry["shortcut"],
                settings={key: value for key, value in entry.items() if key not in _COMMON},
            )


def planned(plan: Mapping[str, Any]) -> Iterator[Planned]:
    """Every attack of a resolved plan, one for each radius, in the plan's order."""
    for entry in plan["probes"]:
        if _kind(entry) != "attack":
            continue
        goal = goal_from(entry["goal"])
        radii = entry["threat"]["radius"]
        for radius in radii if isinstance(radii, list | tuple) else [radii]:
            threat = threat_from({**entry["threat"], "radius": float(radius)})
            yield Planned(
                id=probe_id(entry.get("id") or entry["attack"], goal, threat),
                name=entry["attack"],
                settings={key: value for key, value in entry.items() if key not in _COMMON},
                threat=threat,
                goal=goal,
            )


def _kind(entry: Mapping[str, Any]) -> str:
    """The entry's kind; entries of earlier versions name none and are attacks or shortcuts."""
    return str(entry.get("kind", "shortcut" if "shortcut" in entry else "attack"))


def described(provenance: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    """A run's description of an attack or a shortcut: title, summary, and more for an attack.

    Args:
        provenance: the run's provenance. Earlier versions have ``attacks`` and ``shortcuts`` in
            place of ``probes``.
        kind: "attack" or "shortcut".
        name: its name in the catalogue.

    Returns:
        The description; empty if the run has none.
    """
    for probe in provenance.get("probes", ()):
        if (probe["kind"], probe["name"]) == (kind, name):
            return dict(probe)
    return dict(provenance.get(f"{kind}s", {}).get(name, {}))


def probe_id(start: str, goal: Goal, threat: Threat) -> str:
    """An attack's id, e.g. ``pgd-to-nv-linf-2``."""
    return "-".join(filter(None, [start, goal.name, threat.name]))


def control_id(threat: Threat) -> str:
    """Id of the noise control that goes with a threat."""
    return f"noise-{threat.name}"


def shuffled_id(shortcut: str) -> str:
    """Id of the control that goes with a shortcut of that id."""
    return f"{shortcut}-shuffled"
