"""How numbers and names are worded. The only place of the report that rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

UNDEFINED = "\N{EN DASH}"
"""What stands where a number is not defined; its reason always goes with it."""

MINUS = "\N{MINUS SIGN}"
_TO = "\N{EN DASH}"
_SPACE = "\N{NO-BREAK SPACE}"
_NORMS = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0"}
_SEARCHES = {
    "gradients": "a search that follows the model's own gradients",
    "scores": "a search that sees the model's scores, and no gradients",
    "decisions": "a search that sees the model's decisions, and nothing else of it",
    "none": "a search that sees nothing of the model",
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
        return f"<{_SPACE}.0001"
    if value >= 0.9995:
        return f">{_SPACE}.999"
    return f"{value:.{4 if value < 0.001 else 3}f}".removeprefix("0")


def p_bound(bound: float) -> str:
    """A bound below which a p-value lies, as publications print it."""
    return f"<{_SPACE}{f'{bound:.4f}'.rstrip('0').removeprefix('0')}"


def count(number: int) -> str:
    """A whole number with its thousands set apart."""
    return f"{number:,}"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun, e.g. ``1 image``, ``1,204 images``."""
    return f"{count(number)} {singular if number == 1 else plural or singular + 's'}"


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


def with_unit(number: str, unit: str) -> str:
    """A worded number with its unit, e.g. ``2 levels``, ``20 HU``."""
    plural = "s" if unit == "level" and number != "1" else ""
    return f"{number}{_SPACE}{unit}{plural}"


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


def norm(name: str) -> str:
    """How a norm is written."""
    return _NORMS.get(name, name)


def ball(threat: Mapping[str, Any]) -> str:
    """A threat without its radius, e.g. ``L∞``, ``L0, inside the marked lesion``."""
    parts = [norm(threat["norm"])]
    parts += ["channels apart"] if threat["channels"] == "apart" else []
    parts += filter(None, [place(threat)])
    return ", ".join(parts)


def radius(threat: Mapping[str, Any]) -> str:
    """How far a threat lets an image be changed, e.g. ``2 levels``, ``30 pixels``."""
    size = f"{threat['radius']:,.10g}"
    if threat["unit"] == "level":
        return with_unit(size, "level")
    if threat["unit"] == "count":
        unit = radius_unit(threat)
        return f"{size}{_SPACE}{unit if size != '1' else unit[:-1]}"
    if threat["unit"] == "value":
        return f"{size} in the image's unit"
    return f"{size}{_SPACE}{radius_unit(threat)}"


def radius_unit(threat: Mapping[str, Any]) -> str:
    """What a radius counts, e.g. ``levels``, ``% of the range``."""
    positions = "numbers" if threat["channels"] == "apart" else "pixels"
    return {
        "level": "levels",
        "count": positions,
        "value": "image's unit",
        "percent": f"% of the {positions if threat['norm'] == 'l0' else 'range'}",
    }[threat["unit"]]


def extent(threat: Mapping[str, Any]) -> str:
    """What a threat allows, in a sentence's middle."""
    size = radius(threat)
    how = {
        "linf": f"by at most {size} in any pixel",
        "l2": f"by a total (Euclidean) length of at most {size}",
        "l1": f"by at most {size}, summed over all pixels",
        "l0": f"in at most {size}, in each by any amount",
    }[threat["norm"]]
    where = place(threat)
    return f"{how}, and only {where}" if where else how


def place(threat: Mapping[str, Any]) -> str:
    """The part of the image that may change; "" for all of it."""
    match threat["region"]:
        case {"kind": "border", "width": width}:
            return f"within {counted(width, 'pixel')} of the edge"
        case {"kind": "masked", "mask": mask, "outside": outside}:
            return f"{'outside' if outside else 'inside'} the marked {mask}"
    return ""


def attack(probe: Mapping[str, Any]) -> str:
    """An attack's short name."""
    return str(probe["about"]["title"])


def attack_described(probe: Mapping[str, Any]) -> str:
    """An attack in words that need no knowledge of the field."""
    if searched := surrogates(probe):
        return f"a search on other models, {searched}, which sees nothing of this ({attack(probe)})"
    search = _SEARCHES.get(probe["about"]["access"], "a search")
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
    match target:
        case None:
            return "none"
        case {"kind": "become", "target": name}:
            return f"become {name}"
        case {"kind": kind, "finding": finding}:
            return f"{kind} {finding}"
        case {"of": _}:
            return contour(target)
        case {"kind": kind, "by": by}:
            return f"{'move' if kind == 'deviate' else kind} by {_far(target, by)} or more"
    return "be wrong"


def contour(target: Mapping[str, Any]) -> str:
    """What is to happen to what is outlined, e.g. ``erase lesion``."""
    match target:
        case {"kind": "lower-dice", "of": of, "below": below}:
            return f"lower the Dice of {of} below {below:g}"
        case {"kind": "erase", "of": of, "keep": keep}:
            return f"erase {of}" + (f" but for {share(keep)}" if keep else "")
        case {"kind": "grow", "of": of, "by": by}:
            return f"grow {of} by {by:g} times its size"
        case {"kind": "invent", "of": of, "by": by}:
            return f"invent {of} in {share(by)} of the image"
        case {"of": of, "by": by}:
            return f"shift {of} by {by:g} pixels"
    raise ValueError(f"internal: no goal {target}")


def outlined_classes(task: Mapping[str, Any]) -> list[str]:
    """Names of a segmentation's classes that are not the background."""
    names = [str(name) for name in task["classes"]]
    return names[1:] or names


def _far(target: Mapping[str, Any], by: float) -> str:
    return with_unit(f"{by:g}", target["unit"])


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
