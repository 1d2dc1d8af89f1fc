"""The report in words: what was done, what came out, and what that does not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plexor.report import words

Plain = Mapping[str, Any]
SIGNIFICANT = 0.05
FEW_CASES = 10


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
    if lead is None:
        return Story(
            answer="No attack has been judged yet.",
            paragraphs=(_untouched(summary),),
            limits=(),
            figures=(_clean_figure(summary),),
        )
    control = _control(summary, lead)
    return Story(
        answer=_answer(lead, control),
        paragraphs=(_setting(summary, lead), _outcome(summary, lead, control)),
        limits=_limits(summary),
        figures=_figures(summary, lead, control),
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
        return not same, probe["threat"]["radius"], probe["accuracy"]["value"] or 0.0

    ranked = sorted(attacks, key=rank)
    last_of_norm = [probe for probe in ranked if not rank(probe)[0]][-1]
    return next((probe for probe in ranked if effective(probe)), last_of_norm)


def lowered(probe: Plain) -> bool:
    """Accuracy fell, and the corrected p-value says it is not by chance."""
    test = probe["mcnemar"]
    p = test["p_value"] if test["p_holm"] is None else test["p_holm"]
    change = probe["accuracy_change"]["value"]
    return p is not None and p < SIGNIFICANT and change is not None and change < 0


def effective(probe: Plain) -> bool:
    """Accuracy fell, or the goal was reached clearly more often than by noise of the same size."""
    reached, noise = probe["success"]["low"], probe["control_success"]["high"]
    return lowered(probe) or (reached is not None and noise is not None and reached > noise)


def _control(summary: Plain, probe: Plain) -> Plain | None:
    return next((entry for entry in summary["probes"] if entry["id"] == probe["control"]), None)


def _answer(lead: Plain, control: Plain | None) -> str:
    """What the change does, and what noise of its size does to the same cases."""
    if not effective(lead):
        return "None of the attacks tried did more than chance explains."
    share = words.share(lead["success"]["value"])
    if lead["goal"]["kind"] == "become":
        effect = f"turns {share} of other decisions into {lead['goal']['target']}"
    else:
        effect = f"overturns {share} of this model's right decisions"
    change = f"A change of at most {words.radius(lead['threat'])}, if searched for, {effect}"
    if control is None:
        return f"{change}."
    noise = words.share(lead["control_success"]["value"])
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
        f"{words.extent(lead['threat'])}: by {words.attack_described(lead['name'])}{noise}. Every "
        f"changed image was stored, read back and shown to the model again.{level}"
    )


def _cases(cohort: Plain) -> str:
    images = words.counted(cohort["n_cases"], "image")
    if cohort["n_groups"] == cohort["n_cases"]:
        return images
    groups = words.counted(cohort["n_groups"], "group")
    return f"{images} in {groups} (a patient or a lesion each)"


def _untouched(summary: Plain) -> str:
    return (
        f"On {_cases(summary['cohort'])}, untouched, the model named the right class in "
        f"{words.share_with_bounds(summary['clean']['accuracy'])}."
    )


def _outcome(summary: Plain, lead: Plain, control: Plain | None) -> str:
    parts = [
        (
            f"Untouched, the model named the right class in "
            f"{words.share_with_bounds(summary['clean']['accuracy'])} of them; "
            f"after the attack, in {words.share_with_bounds(lead['accuracy'])}"
        )
    ]
    if control is not None:
        parts.append(f"; after noise, in {words.share_with_bounds(control['accuracy'])}")
    parts.append(".")
    again = lead["stored"].get("recompressed-own")
    if again is not None:
        parts.append(
            f" Saved as JPEG again, the attacked images were named rightly in "
            f"{words.share_with_bounds(again['accuracy'])}."
        )
    worst = _worst_class(summary, lead)
    if worst:
        parts.append(f" {worst}")
    return "".join(parts)


def _worst_class(summary: Plain, lead: Plain) -> str:
    """The class that lost most, among those with enough cases to say so."""
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


def _limits(summary: Plain) -> tuple[str, ...]:
    split = summary["cohort"]["split"]
    images = f"the {split} images of {summary['cohort']['name']}" if split else "these images"
    return (
        "That nobody would notice. No person has compared these images for this report.",
        (
            "That this happens by accident. The changes were searched for, with full knowledge of "
            "the model. What chance does is the noise."
        ),
        (
            "That the model withstands whatever failed here. A search can miss what exists: "
            "accuracy under the worst change of this size is at most what is shown."
        ),
        (
            f"Anything about other images. The figures hold for {images}, not for other patients, "
            "devices or hospitals."
        ),
        (
            "Whether anyone could do this to the product in use. That depends on who can alter an "
            "image before the model reads it."
        ),
    )


def _clean_figure(summary: Plain) -> Figure:
    accuracy = summary["clean"]["accuracy"]
    return Figure(
        label="decided rightly, untouched",
        value=words.share(accuracy["value"]),
        detail=words.bounds(accuracy),
        role="clean",
    )


def _figures(summary: Plain, lead: Plain, control: Plain | None) -> tuple[Figure, ...]:
    size = words.radius(lead["threat"])
    figures = [
        _clean_figure(summary),
        Figure(
            label=f"after {words.attack(lead['name'])}, {size}",
            value=words.share(lead["accuracy"]["value"]),
            detail=words.bounds(lead["accuracy"]),
            role="attack",
        ),
    ]
    if control is not None:
        figures.append(
            Figure(
                label=f"after noise, {size}",
                value=words.share(control["accuracy"]["value"]),
                detail=words.bounds(control["accuracy"]),
                role="control",
            )
        )
    figures.append(
        Figure(
            label="of right decisions overturned"
            if lead["goal"]["kind"] == "misclassify"
            else f"made to be called {lead['goal']['target']}",
            value=words.share(lead["success"]["value"]),
            detail=words.bounds(lead["success"]),
            role="attack",
        )
    )
    return tuple(figures)
