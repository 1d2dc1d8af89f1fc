"""The head of the report: method, result, and limits of the result."""

from __future__ import annotations

from dataclasses import dataclass

from plexor.core import wording
from plexor.findings.summary.class_results import ClassPerformance
from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary
from plexor.findings.summary.regression_results import RegressionComparison
from plexor.findings.summary.results import Performance, of_kind
from plexor.findings.summary.summary import CohortSummary, Summary
from plexor.report import rounding, words
from plexor.report.conclusion import broken_answer, harm_beside_margin, no_harm_answer
from plexor.report.control_words import control_noun
from plexor.report.flag_words import error_titles
from plexor.report.headline import Headline, headline
from plexor.report.lead_attack import effective, harmful, lead_attack
from plexor.report.shortcut_section import lead_shortcut, shortcut_answer, shortcut_name
from plexor.threat_model.access import KNOWLEDGE

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
class SummaryText:
    """The head of the report.

    Attributes:
        answer: the outcome in one sentence.
        paragraphs: method and results.
        limits: what the result does not show.
        figures: the main numbers.
    """

    answer: str
    paragraphs: tuple[str, ...]
    limits: tuple[str, ...]
    figures: tuple[Figure, ...]


def summary_text(summary: Summary) -> SummaryText:
    """Chooses the lead probe and writes the texts about it."""
    lead = lead_attack(summary)
    figure = headline(summary, lead)
    of_shortcuts = shortcut_answer(summary)
    if lead is None:
        return SummaryText(
            answer=_without_attacks(summary, of_shortcuts),
            paragraphs=(_untouched(summary, figure),),
            limits=(_OWN_ARTEFACTS, _elsewhere(summary)) if of_shortcuts else (),
            figures=(_clean_figure(summary, figure), *_shortcut_figures(summary)),
        )
    control = summary.noise(lead)
    return SummaryText(
        answer=_answer(summary, lead, control),
        paragraphs=(
            _setting(summary, lead),
            _outcome(summary, lead, control, figure),
            *filter(None, [of_shortcuts]),
        ),
        limits=_limits(summary, lead),
        figures=_figures(summary, lead, control, figure),
    )


def _without_attacks(summary: Summary, of_shortcuts: str) -> str:
    """The conclusion from shortcuts alone, or that nothing was judged yet."""
    errors = error_titles(summary)
    if not errors or not of_shortcuts:
        return of_shortcuts or "No attack has been judged yet."
    return f"Not to be relied on yet ({'; '.join(errors)}): {of_shortcuts}"


def _answer(summary: Summary, lead: AttackSummary, control: NoiseSummary | None) -> str:
    """The conclusion from attacks; empty if an error-level flag forbids one."""
    return broken_answer(summary) + _concluded(summary, lead, control)


def _concluded(summary: Summary, lead: AttackSummary, control: NoiseSummary | None) -> str:
    """One of the three conclusions, or that an error-level flag forbids one."""
    if not effective(lead.lossless):
        doubts = "; ".join(error_titles(summary))
        if doubts:
            return f"Nothing can be concluded from this audit yet: {doubts}."
        return no_harm_answer(summary)
    harm = _harm(summary, lead, control)
    doubts = "; ".join(error_titles(summary, of=lead.id))
    return f"Not to be relied on yet ({doubts}): {harm}" if doubts else harm


def _harm(summary: Summary, lead: AttackSummary, control: NoiseSummary | None) -> str:
    """Effect of the change, and of noise of its size on the same cases."""
    result = lead.lossless
    where = lead.threat.place
    size = lead.threat.size + (f", {where}" if where else "")
    effect = lead.goal.effect(wording.share(result.success.value), lead.goal_unit)
    change = f"A change of at most {size}, if searched for, {effect}"
    beside = harm_beside_margin(summary, lead)
    if control is None:
        return f"{change}.{beside}"
    noise = lead.goal.chance(wording.share(result.control_success.value))
    return f"{change}; random noise of the same size, {noise}.{beside}"


def _setting(summary: Summary, lead: AttackSummary) -> str:
    level = (
        " A level is the smallest step between two intensities that the file can store."
        if lead.threat.unit == "level"
        else ""
    )
    noise = ", and, for comparison, by random noise of the same size" if lead.control else ""
    return (
        f"{_cases(summary.cohort)} were tried. Each could be changed "
        f"{lead.threat.extent}: by {words.attack_described(lead)}{noise}. Every "
        f"changed image was stored, read back and shown to the model again.{level}"
        f"{_features(summary, lead)}"
    )


def _features(summary: Summary, lead: AttackSummary) -> str:
    """What happened to the numbers that the model takes beside the image; "" without any."""
    if not summary.model.features:
        return ""
    moved = lead.threat.features
    held = ", ".join(name for name in summary.model.features if name not in moved)
    parts = [f"held: {held}"] if held else []
    parts += [f"moved too: {lead.threat.moved}"] if moved else []
    return f" Of the features that the model takes beside the image: {'; '.join(parts)}."


def _cases(cohort: CohortSummary) -> str:
    images = wording.counted(cohort.n_cases, "image")
    if cohort.n_groups == cohort.n_cases:
        return images
    groups = wording.counted(cohort.n_groups, "group")
    return f"{images} in {groups} (a patient or a lesion each)"


def _untouched(summary: Summary, figure: Headline) -> str:
    did = figure.did(summary.clean.lossless)
    return f"{_cases(summary.cohort)} were looked at, untouched: the model {did}."


def _outcome(
    summary: Summary, lead: AttackSummary, control: NoiseSummary | None, figure: Headline
) -> str:
    did = figure.did(summary.clean.lossless)
    parts = [f"Untouched, the model {did}; after the attack, {figure.in_full(lead.lossless)}"]
    if control is not None:
        parts.append(f"; after noise, {figure.in_full(control.lossless)}")
    parts.append(".")
    again = lead.stored.get("recompressed-own")
    if again is not None:
        parts.append(f" After the attack and another saving as JPEG, {figure.in_full(again)}.")
    if isinstance(lead.lossless, RegressionComparison):
        parts.append(f" {_shift(lead.goal_unit, lead.lossless, control)}")
    worst = _worst_class(summary, lead)
    if worst:
        parts.append(f" {worst}")
    return "".join(parts)


def _shift(unit: str, result: RegressionComparison, control: NoiseSummary | None) -> str:
    """Shift of the model's outputs, and their shift by noise."""
    farthest = wording.with_unit(rounding.amount(result.greatest_absolute_shift), unit)
    mean = rounding.amount_with_bounds(result.absolute_shift, unit)
    moved = f"Its answers moved by {mean} on average, at most by {farthest}"
    if control is None:
        return f"{moved}."
    noise = of_kind(control.lossless, RegressionComparison).absolute_shift
    return f"{moved}; under noise, by {rounding.amount_with_bounds(noise, unit)}."


def _worst_class(summary: Summary, lead: AttackSummary) -> str:
    """The class with the largest loss, among those with enough cases."""
    clean, attacked = summary.clean.lossless, lead.lossless
    if not isinstance(clean, ClassPerformance) or not isinstance(attacked, ClassPerformance):
        return ""
    counts = summary.cohort.cases_by_class
    losses = [
        (after.recall.value - before.recall.value, before, after)
        for before, after in zip(clean.per_class, attacked.per_class, strict=True)
        if counts[before.name] >= FEW_CASES
        and before.recall.value is not None
        and after.recall.value is not None
    ]
    if not losses or not harmful(lead.lossless):
        return ""
    loss, before, after = min(losses, key=lambda entry: entry[0])
    if loss >= 0:
        return ""
    return (
        f"The class that lost most is {before.name} "
        f"({wording.counted(counts[before.name], 'image')}): recognised in "
        f"{wording.share(before.recall.value)} before, in "
        f"{wording.share(after.recall.value)} after."
    )


def _limits(summary: Summary, lead: AttackSummary) -> tuple[str, ...]:
    knowing = KNOWLEDGE.get(lead.about.access, "")
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


_NO_NAMES = ("images", "image", "data", "manifest")
"""Names of files and folders that say nothing of the images."""


def _elsewhere(summary: Summary) -> str:
    split = summary.cohort.split
    cohort = summary.cohort.name
    of_cohort = "" if cohort in _NO_NAMES else f" of {cohort}"
    images = f"the images of the {split} split{of_cohort}" if split else "these images"
    return (
        f"Anything about other images. The figures hold for {images}, not for other patients, "
        "devices or hospitals."
    )


def _clean_figure(summary: Summary, figure: Headline) -> Figure:
    return _figure(f"{figure.label}, untouched", figure, summary.clean.lossless, "clean")


def _shortcut_figures(summary: Summary) -> tuple[Figure, ...]:
    """Figures of the shortcut with the largest excess over its control."""
    lead = lead_shortcut(summary)
    if lead is None:
        return ()
    labels = {
        f"decided otherwise, {shortcut_name(lead)}": (lead.lossless.fooling_ratio, "attack"),
        f"decided otherwise, {control_noun(lead)}": (
            lead.lossless.control_fooling_ratio,
            "control",
        ),
    }
    return tuple(
        Figure(
            label=label,
            value=wording.share(share.value),
            detail=rounding.bounds(share),
            role=role,
        )
        for label, (share, role) in labels.items()
    )


def _figure(label: str, figure: Headline, result: Performance, role: str) -> Figure:
    estimate = figure.pick(result)
    return Figure(
        label=label, value=figure.words(estimate), detail=figure.bounds(estimate), role=role
    )


def _figures(
    summary: Summary, lead: AttackSummary, control: NoiseSummary | None, figure: Headline
) -> tuple[Figure, ...]:
    size = lead.threat.size
    success = lead.lossless.success
    figures = [
        _clean_figure(summary, figure),
        _figure(f"after {words.attack(lead)}, {size}", figure, lead.lossless, "attack"),
    ]
    if control is not None:
        figures.append(_figure(f"after noise, {size}", figure, control.lossless, "control"))
    figures.append(
        Figure(
            label=lead.goal.reached(lead.goal_unit),
            value=wording.share(success.value),
            detail=rounding.bounds(success),
            role="attack",
        )
    )
    return tuple(figures)
