"""How numbers and names are worded. The only place of the report that rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from plexor.core.wording import SPACE, UNDEFINED, count, counted, share, with_unit
from plexor.threat_model import goal_from, threat_from
from plexor.threat_model.access import SEARCHES

__all__ = ["UNDEFINED", "count", "counted", "share", "with_unit"]  # defined elsewhere

MINUS = "\N{MINUS SIGN}"
_TO = "\N{EN DASH}"
_CONTAINERS = {
    "lossless": "lossless",
    "recompressed-own": "JPEG, own tables",
    "recompressed-q90": "JPEG, quality 90",
    "recompressed-q75": "JPEG, quality 75",
}


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


def area(value: float | None) -> str:
    """An area under a ROC curve, or an R squared, to two decimals."""
    if value is None or math.isnan(value):
        return UNDEFINED
    return f"{value:.2f}".replace("-", MINUS)


def area_bounds(estimate: Mapping[str, Any]) -> str:
    """Its interval, in brackets; empty where undefined."""
    low, high = estimate["low"], estimate["high"]
    between = f" to {area(high)}" if low is not None and low < 0 else f"{_TO}{area(high)}"
    return "" if low is None or high is None else f"({area(low)}{between})"


def p_value(value: float | None) -> str:
    """A p-value to three decimals, four below .001, never 0."""
    if value is None or math.isnan(value):
        return UNDEFINED
    if value < 0.0001:
        return f"<{SPACE}.0001"
    if value >= 0.9995:
        return f">{SPACE}.999"
    return f"{value:.{4 if value < 0.001 else 3}f}".removeprefix("0")


def p_bound(bound: float) -> str:
    """A bound below which a p-value lies, as publications print it."""
    return f"<{SPACE}{f'{bound:.4f}'.rstrip('0').removeprefix('0')}"


def area_change(value: float | None) -> str:
    """A difference of two areas, R squared or Dice, to two decimals, with its sign."""
    text = area(value)
    return f"+{text}" if value is not None and value > 0 and text != "0.00" else text


def area_change_bounds(estimate: Mapping[str, Any]) -> str:
    """Its interval, in brackets; empty where undefined."""
    low, high = estimate["low"], estimate["high"]
    return "" if low is None or high is None else f"({area_change(low)} to {area_change(high)})"


def measure(value: float | None) -> str:
    """A measured length in stored units, to three figures or to the unit."""
    if value is None or math.isnan(value):
        return UNDEFINED
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", MINUS)


def gain(factor: float) -> str:
    """How many times a difference is amplified."""
    return f"{factor:.0f} times" if factor >= 10 else f"{factor:.2g} times"


def amount(value: float | None) -> str:
    """A number of the model's: to the unit from 100, to a tenth from 1, else two figures."""
    if value is None or math.isnan(value):
        return UNDEFINED
    size = abs(value)
    text = f"{size:,.0f}" if size >= 99.95 else f"{size:.1f}" if size >= 0.95 else f"{size:.2g}"
    return f"{MINUS if value < 0 and float(text.replace(',', '')) else ''}{text}"


def signed(value: float | None) -> str:
    """The same with its sign."""
    text = amount(value)
    return f"+{text}" if value is not None and value > 0 and text != "0" else text


def amount_bounds(estimate: Mapping[str, Any]) -> str:
    """The interval of a number, in brackets; empty where undefined."""
    low, high = estimate["low"], estimate["high"]
    return "" if low is None or high is None else f"({amount(low)} to {amount(high)})"


def amount_with_bounds(estimate: Mapping[str, Any], unit: str) -> str:
    """A number, its unit and its interval in running text."""
    return f"{with_unit(amount(estimate['value']), unit)} {amount_bounds(estimate)}".strip()


def ball(threat: Mapping[str, Any]) -> str:
    """A threat without its radius, e.g. ``L∞``, ``L0, inside the marked lesion``."""
    return threat_from(threat).ball


def radius(threat: Mapping[str, Any]) -> str:
    """The greatest change a threat allows, e.g. ``2 levels``, ``30 pixels``."""
    return threat_from(threat).size


def extent(threat: Mapping[str, Any]) -> str:
    """The change a threat allows, as it stands within a sentence."""
    return threat_from(threat).extent


def attack(probe: Mapping[str, Any]) -> str:
    """An attack's short name."""
    return str(probe["about"]["title"])


def attack_described(probe: Mapping[str, Any]) -> str:
    """An attack in words that need no knowledge of the field."""
    if searched := surrogates(probe):
        return f"a search on other models, {searched}, which sees nothing of this ({attack(probe)})"
    search = SEARCHES.get(probe["about"]["access"], "a search")
    return f"{search} ({attack(probe)})"


def surrogates(probe: Mapping[str, Any]) -> str:
    """The models an attack searched on in place of this one, by the names of their files, or ""."""
    files = [PurePath(file) for file in probe["settings"].get("surrogates", ())]
    names = [file.stem for file in files]
    if len(set(names)) < len(names):  # files of one name in several folders
        names = [file.with_suffix("").as_posix() for file in files]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def settings(probe: Mapping[str, Any]) -> str:
    """An attack's options, e.g. ``steps 20, restarts 1``; those left to the attack are not said."""
    return ", ".join(
        f"{name.replace('_', ' ')} "
        + (surrogates(probe) if name == "surrogates" else _setting(value))
        for name, value in probe["settings"].items()
        if value is not None
    )


def _setting(value: object) -> str:
    """An option's value; of files their names."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " and ".join(map(_setting, value))
    if isinstance(value, str):
        return PurePath(value).name
    return f"{value:g}" if isinstance(value, float) else str(value)


def goal(target: Mapping[str, Any] | None) -> str:
    """What an attack is after."""
    return "none" if target is None else goal_from(target).aim(target.get("unit", ""))


def outlined_classes(task: Mapping[str, Any]) -> list[str]:
    """Names of a segmentation's classes that are not the background."""
    names = [str(name) for name in task["classes"]]
    return names[1:] or names


def task(described: Mapping[str, Any]) -> str:
    """What a model decides, e.g. ``7 classes``, ``2 findings``, ``a number in years``."""
    if described["kind"] == "regression":
        return f"a number in {described['unit']}"
    if described["kind"] == "multilabel":
        return counted(len(described["classes"]), "finding")
    if described["kind"] == "segmentation":
        return f"outlines of {', '.join(outlined_classes(described))}"
    return counted(len(described["classes"]), "class", "classes")


def call(task: Mapping[str, Any], text: str) -> str:
    """What a model said of an image, after a comma: ``called naevus``, ``71.2 years``."""
    if task["kind"] == "segmentation":
        return f"outlined: {said(task, text)}"
    return said(task, text) if task["kind"] == "regression" else f"called {said(task, text)}"


def said(task: Mapping[str, Any], text: str) -> str:
    """A truth or a decision as findings keep it, to be read: a class, findings, a number."""
    if task["kind"] == "regression":
        return with_unit(amount(float(text)), task["unit"])
    if task["kind"] == "multilabel":
        return text.replace("|", ", ") or "no finding"
    if task["kind"] == "segmentation":
        return text.replace("|", ", ") or "nothing"
    return text


def container(name: str) -> str:
    """How the judged image was stored."""
    return _CONTAINERS.get(name, name)


def reason(estimate: Mapping[str, Any]) -> str:
    """Why an estimate is undefined or to be read with care; empty otherwise."""
    return str(estimate.get("note") or "")
