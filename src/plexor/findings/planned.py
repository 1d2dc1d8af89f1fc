"""The probes a resolved plan stands for, as plain data, without the packages that can run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Plain = Mapping[str, Any]
_COMMON = {"id", "attack", "goal", "threat"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An attack under one threat.

    Attributes:
        id: as in the findings.
        name: the attack's.
        settings: its own options.
        threat: norm, one radius, unit.
        goal: kind and, where there is one, target.
    """

    id: str
    name: str
    settings: dict[str, Any]
    threat: dict[str, Any]
    goal: dict[str, Any]

    @property
    def control(self) -> str:
        """Id of the noise of the same size."""
        return f"noise-{threat_name(self.threat)}"


def planned(plan: Plain) -> Iterator[Planned]:
    """Every attack of a resolved plan, each radius its own, in the plan's order."""
    for entry in plan["probes"]:
        radii = entry["threat"]["radius"]
        for radius in radii if isinstance(radii, list | tuple) else [radii]:
            threat = {**entry["threat"], "radius": float(radius)}
            parts = [entry.get("id") or entry["attack"], goal_name(entry["goal"])]
            yield Planned(
                id="-".join(filter(None, [*parts, threat_name(threat)])),
                name=entry["attack"],
                settings={key: value for key, value in entry.items() if key not in _COMMON},
                threat=threat,
                goal=dict(entry["goal"]),
            )


def goal_name(goal: Plain) -> str:
    """As it stands in a probe's id; "" for being wrong, which goes without saying."""
    return f"to-{goal['target']}" if goal["kind"] == "become" else ""


def threat_name(threat: Plain) -> str:
    """Norm and radius as they stand in a probe's id, e.g. ``linf-2``, ``l2-5-percent``."""
    unit = "" if threat["unit"] == "level" else f"-{threat['unit']}"
    return f"{threat['norm']}-{threat['radius']:g}{unit}"
