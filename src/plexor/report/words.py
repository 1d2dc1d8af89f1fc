"""How numbers and names are worded. The only place of the report that rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

UNDEFINED = "\N{EN DASH}"
"""What stands where a number is not defined; its reason always goes with it."""

MINUS = "\N{MINUS SIGN}"
_TO = "\N{EN DASH}"
_SPACE = "\N{NO-BREAK SPACE}"
_NORMS = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0"}
_ATTACKS = {
    "pgd": ("PGD", "a search that follows the model's own gradients (PGD)"),
    "fgsm": ("FGSM", "a single step along the model's own gradient (FGSM)"),
}
_CONTAINERS = {
    "lossless": "lossless",
    "recompressed-own": "JPEG, own tables",
    "recompressed-q90": "JPEG, quality 90",
    "recompressed-q75": "JPEG, quality 75",
}


def share(value: float | None) -> str:
    """A share to a tenth of a percent; a share that is not quite none or all never looks so."""
    if value is None or math.isnan(value):
        return UNDEFINED
    if 0 < value < 0.0005:
        return f"<{_SPACE}0.1{_SPACE}%"
    if 0.9995 <= value < 1:
        return f">{_SPACE}99.9{_SPACE}%"
    return f"{100 * value:.1f}{_SPACE}%"


def bounds(estimate: Mapping[str, Any]) -> str:
    """The interval of a share in percent, in brackets; empty where undefined."""
    low, high = estimate["low"], estimate["high"]
    return "" if low is None or high is None else f"({100 * low:.1f}{_TO}{100 * high:.1f})"


def share_with_bounds(estimate: Mapping[str, Any]) -> str:
    """A share and its interval in running text, where the interval must not break."""
    unbroken = bounds(estimate).replace(_TO, f"\N{WORD JOINER}{_TO}\N{WORD JOINER}")
    return f"{share(estimate['value'])} {unbroken}".strip()


def points(value: float | None) -> str:
    """A difference of two shares in percentage points, with its sign."""
    if value is None or math.isnan(value):
        return UNDEFINED
    rounded = round(100 * value, 1)
    sign = "+" if rounded > 0 else MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):.1f}"


def points_bounds(estimate: Mapping[str, Any]) -> str:
    """The interval of a difference in percentage points; empty where undefined."""
    low, high = estimate["low"], estimate["high"]
    return "" if low is None or high is None else f"({points(low)} to {points(high)})"


def p_value(value: float | None) -> str:
    """A p-value to three decimals, four below .001, never 0."""
    if value is None or math.isnan(value):
        return UNDEFINED
    if value < 0.0001:
        return f"<{_SPACE}.0001"
    if value >= 0.9995:
        return f">{_SPACE}.999"
    return f"{value:.{4 if value < 0.001 else 3}f}".removeprefix("0")


def count(number: int) -> str:
    """A whole number with its thousands set apart."""
    return f"{number:,}"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun, e.g. ``1 image``, ``1,204 images``."""
    return f"{count(number)} {singular if number == 1 else plural or singular + 's'}"


def measure(value: float | None) -> str:
    """A measured length in stored units, to three figures or to the unit."""
    if value is None or math.isnan(value):
        return UNDEFINED
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def with_unit(number: str, unit: str) -> str:
    """A worded number with its unit, e.g. ``2 levels``, ``20 HU``."""
    plural = "s" if unit == "level" and number != "1" else ""
    return f"{number}{_SPACE}{unit}{plural}"


def gain(factor: float) -> str:
    """How many times a difference is amplified."""
    return f"{factor:.0f} times" if factor >= 10 else f"{factor:.2g} times"


def norm(name: str) -> str:
    """How a norm is written."""
    return _NORMS.get(name, name)


def radius(threat: Mapping[str, Any]) -> str:
    """How far a threat lets an image be changed, e.g. ``2 levels``."""
    size = f"{threat['radius']:g}"
    if threat["unit"] == "percent":
        return f"{size}{_SPACE}% of the range"
    if threat["unit"] == "value":
        return f"{size} in the image's unit"
    return with_unit(size, "level")


def extent(threat: Mapping[str, Any]) -> str:
    """What a threat allows, in a sentence's middle."""
    if threat["norm"] == "linf":
        return f"by at most {radius(threat)} in any pixel"
    if threat["norm"] == "l2":
        return f"by a total (Euclidean) length of at most {radius(threat)}"
    return f"by at most {radius(threat)} ({norm(threat['norm'])})"


def attack(name: str) -> str:
    """An attack's short name."""
    return _ATTACKS.get(name, (name.upper(), ""))[0]


def attack_described(name: str) -> str:
    """An attack in words that need no knowledge of the field."""
    return _ATTACKS.get(name, ("", f"a search ({name})"))[1]


def goal(target: Mapping[str, Any] | None) -> str:
    """What an attack is after."""
    if target is None:
        return "none"
    return f"become {target['target']}" if target["kind"] == "become" else "be wrong"


def container(name: str) -> str:
    """How the judged image was stored."""
    return _CONTAINERS.get(name, name)


def reason(estimate: Mapping[str, Any]) -> str:
    """Why an estimate is undefined or to be read with care; empty otherwise."""
    return str(estimate.get("note") or "")
