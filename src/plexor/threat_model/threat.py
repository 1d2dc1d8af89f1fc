"""What an adversary may do to a stored image, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from plexor.core.errors import PlanError, unknown
from plexor.core.ids import digest
from plexor.core.wording import SPACE, with_unit
from plexor.threat_model.norm import NORMS, Norm
from plexor.threat_model.region import Border, Masked, region_from

Unit = Literal["level", "value", "percent", "count"]
Channels = Literal["together", "apart", "tied"]
_MOST_NAMED = 2
"""Features that a threat's name spells out; more are counted."""
_BALL = ("norm", "radius", "unit", "channels", "features")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """A ball of perturbations around each stored image, within what its file can hold.

    Attributes:
        norm: "linf" (greatest change of any number), "l2" (Euclidean length over all numbers),
            "l1" (sum of absolute changes) or "l0" (number of pixels or voxels changed at all).
        radius: greatest allowed norm, in ``unit``.
        unit: "level" (one quantum of the stored image), "value" (what the header's rescale gives,
            e.g. HU), or "percent" of the storable range; for L0 "count", or "percent" of all
            positions. For L0 "level" means "count", since L0 has no other measure.
        channels: "together": channels change as they like, and for L0 a pixel counts once, however
            many of its channels change. "apart": for L0, each channel counts by itself. "tied":
            every channel changes by the same amount; for grey images stored as RGB, whose channels
            are equal and stay so.
        region: the only part of the image that may change; None for all of it.
        features: of the numbers that a model takes beside the image, those that may move too:
            name → how far up and down, in the feature's own unit. All others are held.
    """

    norm: Norm
    radius: float
    unit: Unit = "level"
    channels: Channels = "together"
    region: Border | Masked | None = None
    features: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise PlanError(unknown("norm", self.norm, get_args(Norm)))
        if self.unit not in get_args(Unit):
            raise PlanError(unknown("unit", self.unit, get_args(Unit)))
        if self.channels not in get_args(Channels):
            raise PlanError(unknown("channels", self.channels, get_args(Channels)))
        if not 0 < self.radius < float("inf"):
            raise PlanError(f"threat: `radius` must be positive and finite, got {self.radius}")
        for name, radius in self.features.items():
            if not 0 < radius < float("inf"):
                raise PlanError(
                    f"threat: the radius of feature {name!r} must be positive and finite, got "
                    f"{radius}; leave out a feature that is held"
                )
        if self.unit == "level" and self.norm == "l0":
            object.__setattr__(self, "unit", "count")
        if (self.unit == "count") != (self.norm == "l0") and self.unit != "percent":
            raise PlanError(
                f"threat: {self.norm} has no unit {self.unit!r}; L0 takes `count` or `percent`, "
                "the others `level`, `value` or `percent`"
            )

    @property
    def name(self) -> str:
        """Norm, radius, region and features as they stand in a probe's id, e.g. "linf-2"."""
        parts = [self.norm, f"{self.radius:g}"]
        parts += [self.unit] if self.unit not in ("level", "count") else []
        parts += [self.channels] if self.channels != "together" else []
        parts += [self.region.name] if self.region is not None else []
        moved = [f"{name}-{radius:g}" for name, radius in self.features.items()]
        if len(moved) > _MOST_NAMED:  # an id becomes the name of a file
            moved = [f"{len(moved)}-features-{digest(sorted(moved))[:8]}"]
        parts += moved
        return "-".join(parts)

    @property
    def ball(self) -> str:
        """The threat without its radius, e.g. ``L∞``, ``L0, inside the marked lesion``.

        Features that may move are named with their radii.
        """
        parts = [NORMS[self.norm].symbol]
        parts += [f"channels {self.channels}"] if self.channels != "together" else []
        parts += [self.place] if self.place else []
        parts += [f"with {self.moved}"] if self.features else []
        return ", ".join(parts)

    @property
    def size(self) -> str:
        """The radius in words, e.g. ``2 levels``, ``30 pixels``."""
        number = f"{self.radius:,.10g}"
        if self.unit == "level":
            return with_unit(number, "level")
        if self.unit == "count":
            return f"{number}{SPACE}{self.size_unit if number != '1' else self.size_unit[:-1]}"
        if self.unit == "value":
            return f"{number} in the image's unit"
        return f"{number}{SPACE}{self.size_unit}"

    @property
    def size_unit(self) -> str:
        """The unit of the radius in words, e.g. ``levels``, ``% of the range``."""
        positions = "numbers" if self.channels == "apart" else "pixels"
        return {
            "level": "levels",
            "count": positions,
            "value": "image's unit",
            "percent": f"% of the {positions if self.norm == 'l0' else 'range'}",
        }[self.unit]

    @property
    def extent(self) -> str:
        """The change allowed, as it stands within a sentence."""
        how = NORMS[self.norm].extent.format(self.size)
        how += ", the same in every channel" if self.channels == "tied" else ""
        how = f"{how}, and only {self.place}" if self.place else how
        return f"{how}, and beside it {self.moved}" if self.features else how

    @property
    def moved(self) -> str:
        """The features that may move, in words, e.g. ``age ± 2``; "" where all are held."""
        return ", ".join(f"{name} ± {radius:g}" for name, radius in self.features.items())

    @property
    def place(self) -> str:
        """The part of the image that may change, in words; "" for all of it."""
        return "" if self.region is None else self.region.place


def threat_from(data: Mapping[str, Any]) -> Threat:
    """The threat that plain data describes: of a resolved plan, a summary, or a saved fit.

    Args:
        data: ``norm``, one ``radius`` and, where they are not the defaults, ``unit``,
            ``channels``, ``region`` and ``features``. Other keys, such as ``access``, are not read.

    Raises:
        PlanError: no threat is described so.

    Example:
        >>> threat_from({"norm": "linf", "radius": 2.0, "access": "scores"}).name
        'linf-2'
    """
    region = data.get("region")
    return Threat(**ball_of(data), region=None if region is None else region_from(region))


def ball_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a threat that plain data gives, without its region."""
    return {name: data[name] for name in _BALL if name in data}
