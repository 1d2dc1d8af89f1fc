"""The report in words: what was done, what came out, and what that does not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plexor.findings.summary import main_test
from plexor.report import words
from plexor.report.headline import Headline, headline
from plexor.report.probe_family import SIGNIFICANT, control_of
from plexor.report.shortcut_section import lead_shortcut, shortcut_answer, shortcut_name
from plexor.threat_model import goal_from, threat_from
from plexor.threat_model.access import KNOWLEDGE

Plain = Mapping[str, Any]
FEW_CASES = 10
_OWN_ARTEFACTS = (
    "What the model does with photographs that had such things on the skin. These were put in "
    "afterwards, over whatever lay there."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One large number at the head of the page."""

    label: str
    value: str
    detail: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The head of the report.

    Attributes:
        answer: the outcome in one sentence.
        paragraphs: what was done and found.
        limits: what the result does not show.
        figures: the numbers one remembers.
    """

    answer: str
    paragraphs: tuple[str, ...]
    limits: tuple[str, ...]
    figures: tuple[Figure, ...]


def tell(summary: Plain) -> Story:
    """Chooses the probe that the page speaks of first and words it."""
    lead = lead_probe(summary)
    told = headline(summary, lead)
    of_shortcuts = shortcut_answer(summary)
    if lead is None:
        return Story(
            answer=of_shortcuts or "No attack has been judged yet.",
            paragraphs=(_untouched(summary, told),),
            limits=(_OWN_ARTEFACTS, _elsewhere(summary)) if of_shortcuts else (),
            figures=(_clean_figure(summary, told), *_shortcut_figures(summary)),
        )
    control = control_of(summary, lead)
    return Story(
        answer=_answer(lead, control),
        paragraphs=(
            _setting(summary, lead),
            _outcome(summary, lead, control, told),
            *filter(None, [of_shortcuts]),
        ),
        limits=_limits(summary, lead),
        figures=_figures(summary, lead, control, told),
    )


def lead_probe(summary: Plain) -> Plain | None:
    """The attack that the page speaks of first; None without any.

    It is the effective one with the smallest radius, in the norm of the plan's first attack if one
    of that norm is effective. If none at all is, it is the one of that norm with the greatest
    radius.
    """
    attacks: list[Plain] = [probe for probe in summary["probes"] if probe["kind"] == "attack"]
    if not attacks:
        return None

    def rank(probe: Plain) -> tuple[bool, float, float]:
        same = probe["threat"]["norm"] == attacks[0]["threat"]["norm"]
        return not same, probe["threat"]["radius"], _standing(probe)

    ranked = sorted(attacks, key=rank)
    last_of_norm = [probe for probe in ranked if not rank(probe)[0]][-1]
    return next((probe for probe in ranked if effective(probe)), last_of_norm)


def _standing(probe: Plain) -> float:
    """Lower the more harm was done."""
    if "mae" in probe:
        return -float(probe["mae"]["value"] or 0.0)
    if "dice" in probe:
        return float(probe["dice"]["value"] or 0.0)
    return float(probe["accuracy"]["value"] or 0.0)


def lowered(probe: Plain) -> bool:
    """Accuracy or Dice fell, or errors grew, and the corrected p says it is not by chance."""
    test = main_test(probe)
    p = test["p_value"] if test["p_holm"] is None else test["p_holm"]
    if "mae_change" in probe:
        worse = (probe["mae_change"]["value"] or 0.0) > 0
    elif "dice_change" in probe:
        worse = (probe["dice_change"]["value"] or 0.0) < 0
    else:
        worse = (probe["accuracy_change"]["value"] or 0.0) < 0
    return p is not None and p < SIGNIFICANT and worse


def effective(probe: Plain) -> bool:
    """Harm was done, or the goal reached clearly more often than by noise of the same size."""
    reached, noise = probe["success"]["low"], probe["control_success"]["high"]
    return lowered(probe) or (reached is not None and noise is not None and reached > noise)


def _answer(lead: Plain, control: Plain | None) -> str:
    """What the change does, and what noise of its size does to the same cases."""
    if not effective(lead):
        return "None of the attacks tried did more than chance explains."
    threat, goal = threat_from(lead["threat"]), goal_from(lead["goal"])
    size = ", ".join(filter(None, [threat.size, threat.place]))
    share = words.share(lead["success"]["value"])
    effect = goal.effect(share, lead["goal"].get("unit", ""))
    change = f"A change of at most {size}, if searched for, {effect}"
    if control is None:
        return f"{change}."
    noise = goal.chance(words.share(lead["control_success"]["value"]))
    return f"{change}; random noise of the same size, {noise}."


def _setting(summary: Plain, lead: Plain) -> str:
    level = (
        " A level is the smallest step between two intensities that the file can store."
        if lead["threat"]["unit"] == "level"
        else ""
    )
    noise = ", and, for comparison, by random noise of the same size" if lead["control"] else ""
    return (
        f"{_cases(summary['cohort'])} were tried. Each could be changed "
        f"{words.extent(lead['threat'])}: by {words.attack_described(lead)}{noise}. Every "
        f"changed image was stored, read back and shown to the model again.{level}"
    )


def _cases(cohort: Plain) -> str:
    images = words.counted(cohort["n_cases"], "image")
    if cohort["n_groups"] == cohort["n_cases"]:
        return images
    groups = words.counted(cohort["n_groups"], "group")
    return f"{images} in {groups} (a patient or a lesion each)"


def _untouched(summary: Plain, told: Headline) -> str:
    did = told.sentence.format(told.in_full(told.pick(summary["clean"])))
    return f"{_cases(summary['cohort'])} were looked at, untouched: the model {did}."


def _outcome(summary: Plain, lead: Plain, control: Plain | None, told: Headline) -> str:
    did = told.sentence.format(told.in_full(told.pick(summary["clean"])))
    parts = [f"Untouched, the model {did}; after the attack, {told.in_full(told.pick(lead))}"]
    if control is not None:
        parts.append(f"; after noise, {told.in_full(told.pick(control))}")
    parts.append(".")
    again = lead["stored"].get("recompressed-own")
    if again is not None:
        parts.append(
            f" After the attack and another saving as JPEG, {told.in_full(told.pick(again))}."
        )
    if "shift" in lead:
        parts.append(f" {_shift(summary, lead, control)}")
    worst = _worst_class(summary, lead)
    if worst:
        parts.append(f" {worst}")
    return "".join(parts)


def _shift(summary: Plain, lead: Plain, control: Plain | None) -> str:
    """How far the model's answers moved, and how far by noise."""
    unit = summary["model"]["task"]["unit"]
    farthest = words.with_unit(words.amount(lead["greatest_absolute_shift"]), unit)
    mean = words.amount_with_bounds(lead["absolute_shift"], unit)
    moved = f"Its answers moved by {mean} on average, at most by {farthest}"
    if control is None:
        return f"{moved}."
    return f"{moved}; under noise, by {words.amount_with_bounds(control['absolute_shift'], unit)}."


def _worst_class(summary: Plain, lead: Plain) -> str:
    """The class that lost most, among those with enough cases to say so."""
    if "per_class" not in lead:
        return ""
    counts = summary["cohort"]["cases_by_class"]
    losses = [
        (after["recall"]["value"] - before["recall"]["value"], before, after)
        for before, after in zip(summary["clean"]["per_class"], lead["per_class"], strict=True)
        if counts[before["class"]] >= FEW_CASES
    ]
    if not losses or not lowered(lead):
        return ""
    loss, before, after = min(losses, key=lambda entry: entry[0])
    if loss >= 0:
        return ""
    name = before["class"]
    return (
        f"The class that lost most is {name} "
        f"({words.counted(counts[name], 'image')}): recognised in "
        f"{words.share(before['recall']['value'])} before, in "
        f"{words.share(after['recall']['value'])} after."
    )


def _limits(summary: Plain, lead: Plain) -> tuple[str, ...]:
    knowing = KNOWLEDGE.get(lead["about"]["access"], "")
    return (
        "That nobody would notice. No person has compared these images for this report.",
        (
            "That this happens by accident. The changes were searched for"
            f"{', ' + knowing if knowing else ''}. What chance does is the noise."
        ),
        (
            "That the model withstands whatever failed here. A search can miss what exists: the "
            "worst change of this size does at least the harm shown."
        ),
        _elsewhere(summary),
        (
            "Whether anyone could do this to the product in use. That depends on who can alter an "
            "image before the model reads it."
        ),
    )


def _elsewhere(summary: Plain) -> str:
    split = summary["cohort"]["split"]
    images = f"the {split} images of {summary['cohort']['name']}" if split else "these images"
    return (
        f"Anything about other images. The figures hold for {images}, not for other patients, "
        "devices or hospitals."
    )


def _clean_figure(summary: Plain, told: Headline) -> Figure:
    return _figure(f"{told.label}, untouched", told, summary["clean"], "clean")


def _shortcut_figures(summary: Plain) -> tuple[Figure, ...]:
    """Of the shortcut that did most beyond its control."""
    lead = lead_shortcut(summary)
    if lead is None:
        return ()
    labels = {
        f"decided otherwise, {shortcut_name(lead)}": (lead["fooling_ratio"], "attack"),
        "decided otherwise, its tiles": (lead["control_fooling_ratio"], "control"),
    }
    return tuple(
        Figure(
            label=label,
            value=words.share(share["value"]),
            detail=words.bounds(share),
            role=role,
        )
        for label, (share, role) in labels.items()
    )


def _figure(label: str, told: Headline, source: Plain, role: str) -> Figure:
    estimate = told.pick(source)
    return Figure(label=label, value=told.words(estimate), detail=told.bounds(estimate), role=role)


def _figures(
    summary: Plain, lead: Plain, control: Plain | None, told: Headline
) -> tuple[Figure, ...]:
    size = words.radius(lead["threat"])
    figures = [
        _clean_figure(summary, told),
        _figure(f"after {words.attack(lead)}, {size}", told, lead, "attack"),
    ]
    if control is not None:
        figures.append(_figure(f"after noise, {size}", told, control, "control"))
    figures.append(
        Figure(
            label=goal_from(lead["goal"]).reached(lead["goal"].get("unit", "")),
            value=words.share(lead["success"]["value"]),
            detail=words.bounds(lead["success"]),
            role="attack",
        )
    )
    return tuple(figures)
