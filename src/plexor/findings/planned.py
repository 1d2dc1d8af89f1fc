"""The probes a resolved plan stands for, as plain data, without the packages that can run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plexor.threat_model import Goal, Threat, goal_from, threat_from
from plexor.threat_model.goals import current_spelling

Plain = Mapping[str, Any]
_COMMON = {"kind", "id", "attack", "goal", "threat", "fit", "load", "fit_batch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An attack under one threat.

    Attributes:
        id: as in the findings.
        name: the attack's.
        settings: its own options.
        threat: norm, one radius, unit, channels, region and access.
        goal: kind and, where there are such, target, label, of, by, below and keep.
    """

    id: str
    name: str
    settings: dict[str, Any]
    threat: dict[str, Any]
    goal: dict[str, Any]

    @property
    def control(self) -> str:
        """Id of the noise of the same size."""
        return control_id(threat_from(self.threat))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShortcut:
    """Something that means nothing, put into every image.

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
        """Id of the same in tiles that are dealt out anew."""
        return shuffled_id(self.id)


def planned_shortcuts(plan: Plain) -> Iterator[PlannedShortcut]:
    """Every shortcut of a resolved plan, in the plan's order."""
    for entry in plan["probes"]:
        if _kind(entry) == "shortcut":
            yield PlannedShortcut(
                id=entry.get("id") or entry["shortcut"],
                name=entry["shortcut"],
                settings={k: v for k, v in entry.items() if k not in ("kind", "id", "shortcut")},
            )


def planned(plan: Plain) -> Iterator[Planned]:
    """Every attack of a resolved plan, each radius its own, in the plan's order."""
    for entry in plan["probes"]:
        if _kind(entry) != "attack":
            continue
        radii = entry["threat"]["radius"]
        for radius in radii if isinstance(radii, list | tuple) else [radii]:
            threat = _threat(entry["threat"], radius)
            yield Planned(
                id=probe_id(
                    entry.get("id") or entry["attack"],
                    goal_from(entry["goal"]),
                    threat_from(threat),
                ),
                name=entry["attack"],
                settings={key: value for key, value in entry.items() if key not in _COMMON},
                threat=threat,
                goal=current_spelling(entry["goal"]),
            )


def _kind(entry: Plain) -> str:
    """The entry's kind; plans written before it was a key of theirs have one of two others."""
    return str(entry.get("kind", "shortcut" if "shortcut" in entry else "attack"))


def described(provenance: Plain, kind: str, name: str) -> Plain:
    """What a run says of an attack or a shortcut: title, summary, and of an attack more.

    Args:
        provenance: of the run. Those of earlier runs have ``attacks`` and ``shortcuts`` in place
            of ``probes``.
        kind: "attack" or "shortcut".
        name: its name in the catalogue.

    Returns:
        Empty where the run says nothing.
    """
    for probe in provenance.get("probes", ()):
        if (probe["kind"], probe["name"]) == (kind, name):
            return dict(probe)
    return dict(provenance.get(f"{kind}s", {}).get(name, {}))


def probe_id(start: str, goal: Goal, threat: Threat) -> str:
    """An attack's id, for the audit as for whoever reads its plan, e.g. ``pgd-to-nv-linf-2``."""
    return "-".join(filter(None, [start, goal.name, threat.name]))


def control_id(threat: Threat) -> str:
    """Id of the noise control that goes with a threat."""
    return f"noise-{threat.name}"


def shuffled_id(shortcut: str) -> str:
    """Id of the control that goes with a shortcut of that id."""
    return f"{shortcut}-shuffled"


def _threat(written: Plain, radius: float) -> dict[str, Any]:
    """One radius, every key there; levels of L0, which counts positions, are a count."""
    threat = {"channels": "together", "region": None, "access": "gradients", **written}
    if threat["norm"] == "l0" and threat["unit"] == "level":
        threat["unit"] = "count"
    return threat | {"radius": float(radius)}
