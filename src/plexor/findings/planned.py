"""The probes a resolved plan stands for, as plain data, without the packages that can run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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
        goal: kind and, where there are such, target, finding, of, by, below and keep.
    """

    id: str
    name: str
    settings: dict[str, Any]
    threat: dict[str, Any]
    goal: dict[str, Any]

    @property
    def control(self) -> str:
        """Id of the noise of the same size."""
        return control_id(self.threat)


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
                id=probe_id(entry.get("id") or entry["attack"], entry["goal"], threat),
                name=entry["attack"],
                settings={key: value for key, value in entry.items() if key not in _COMMON},
                threat=threat,
                goal=dict(entry["goal"]),
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


def probe_id(start: str, goal: Plain, threat: Plain) -> str:
    """An attack's id, for the audit as for whoever reads its plan, e.g. ``pgd-to-nv-linf-2``."""
    return "-".join(filter(None, [start, goal_name(goal), threat_name(threat)]))


def control_id(threat: Plain) -> str:
    """Id of the noise control that goes with a threat."""
    return f"noise-{threat_name(threat)}"


def shuffled_id(shortcut: str) -> str:
    """Id of the control that goes with a shortcut of that id."""
    return f"{shortcut}-shuffled"


def goal_name(goal: Plain) -> str:
    """As it stands in a probe's id; "" for being wrong, which goes without saying."""
    match goal:
        case {"kind": "become", "target": target}:
            return f"to-{target}"
        case {"kind": kind, "finding": finding}:
            return f"{kind}-{finding}"
        case {"kind": kind, "of": of, "keep": keep}:
            return f"{kind}-{of}" + (f"-keep-{keep:g}" if keep else "")
        case {"kind": kind, "of": of, "below": number} | {"kind": kind, "of": of, "by": number}:
            return f"{kind}-{of}-{number:g}"
        case {"kind": kind, "by": by}:
            return f"{kind}-{by:g}"
    return ""


def threat_name(threat: Plain) -> str:
    """Norm, radius and region as they stand in a probe's id, e.g. ``linf-2-border-8``."""
    parts = [threat["norm"], f"{threat['radius']:g}"]
    parts += [threat["unit"]] if threat["unit"] not in ("level", "count") else []
    parts += ["apart"] if threat["channels"] == "apart" else []
    match threat["region"]:
        case {"kind": "border", "width": width}:
            parts.append(f"border-{width}")
        case {"kind": "masked", "mask": mask, "outside": outside}:
            parts.append(f"{'outside' if outside else 'inside'}-{mask}")
    return "-".join(parts)


def _threat(written: Plain, radius: float) -> dict[str, Any]:
    """One radius, every key there; levels of L0, which counts positions, are a count."""
    threat = {"channels": "together", "region": None, "access": "gradients", **written}
    if threat["norm"] == "l0" and threat["unit"] == "level":
        threat["unit"] = "count"
    return threat | {"radius": float(radius)}
