"""The conclusion from attacks or shortcuts: harm shown, no harm shown, or harm shown to be small.

*Harm was shown*: by the test corrected for the number of probes the main figure fell, or the goal
was reached clearly more often than by noise of the same size.

*Harm was shown to be small*: the 95 % interval of every probe's harm lies within the margin stated
in the plan.

*No harm was shown*: neither holds. This is no evidence of absence, so the greatest harm compatible
with the intervals is always given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.probe_summary import AttackSummary, ShortcutSummary
from plexor.findings.summary.regression_results import RegressionPerformance
from plexor.findings.summary.results import AttackResult
from plexor.findings.summary.summary import Summary
from plexor.report import rounding, words
from plexor.report.control_words import control_words
from plexor.report.lead_attack import effective


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Wording of the harm to a task's main figure.

    Attributes:
        figure: the figure, e.g. "accuracy".
        falls: the verb, "falls" or "grows".
        unit: unit of a number; "points" for a share; "" for an index.
    """

    figure: str
    falls: str = "falls"
    unit: str = "points"

    def size(self, harm: float) -> str:
        """An amount of harm in words, e.g. ``16.0 points``."""
        if self.unit == "points":
            return f"{100 * harm:.1f}{wording.SPACE}points"
        if not self.unit:
            return rounding.area(harm)
        return wording.with_unit(rounding.amount(harm), self.unit)


def scale_of(summary: Summary) -> Scale:
    """Wording of harm for a summary's task."""
    match summary.model.task.kind:
        case "regression":
            return Scale(figure="the mean error", falls="grows", unit=summary.model.task.unit)
        case "segmentation":
            return Scale(figure="the mean Dice", unit="")
        case "multilabel":
            return Scale(figure="the share of images with every label right")
        case "multiclass" | "binary":
            return Scale(figure="accuracy")


def greatest_harm(result: AttackResult) -> float | None:
    """Upper limit of the harm to the main figure, at least 0; None without interval."""
    change: StoredEstimate = result.main_change
    limit = change.high if isinstance(result, RegressionPerformance) else change.low
    if limit is None:
        return None
    return (
        max(0.0, limit) if isinstance(result, RegressionPerformance) else min(1.0, max(0.0, -limit))
    )


def within_margin(harms: Sequence[float | None], margin: float | None) -> bool:
    """Whether every harm's upper limit is known and within the margin."""
    return margin is not None and all(harm is not None and harm < margin for harm in harms)


def no_harm_answer(summary: Summary) -> str:
    """The sentence for attacks without shown harm."""
    scale = scale_of(summary)
    harms = [greatest_harm(probe.lossless) for probe in summary.attacks]
    known = [
        (harm, probe)
        for harm, probe in zip(harms, summary.attacks, strict=True)
        if harm is not None
    ]
    if not known:
        note = summary.attacks[0].lossless.main_change.note or "there are too few"
        return f"No harm was shown, and {_tried(summary)} cannot show any: {note}."
    harm, probe = max(known, key=lambda pair: pair[0])
    worst = f"{words.attack(probe)}, {probe.threat.size}"
    if within_margin(harms, summary.margin) and summary.margin is not None:
        return (
            f"The harm of every attack tried was shown to be small: {scale.figure} {scale.falls} "
            f"by less than the {scale.size(summary.margin)} stated beforehand, by "
            f"{scale.size(harm)} at the upper end of the widest 95{wording.SPACE}% interval "
            f"({worst})."
        )
    reached = probe.lossless.success.high
    goal = (
        f", and that the attack reaches its goal in up to {wording.share(reached)} of the images "
        "tried"
        if reached is not None
        else ""
    )
    return (
        f"No harm was shown, which does not mean that there is none: {_tried(summary)} leave open "
        f"that {scale.figure} {scale.falls} by up to {scale.size(harm)} ({worst}){goal}."
    )


def broken_answer(summary: Summary) -> str:
    """A sentence on attacks that drive the model to NaN, with a trailing space; "" if none does.

    Such cases have no decision and are excluded from the shares that follow.
    """
    found = [probe for probe in summary.attacks if probe.lossless.n_not_finite]
    if not found:
        return ""
    worst = max(found, key=lambda probe: probe.lossless.n_not_finite)
    n, tried = worst.lossless.n_not_finite, summary.cohort.n_cases - summary.cohort.n_failed
    return (
        f"{words.attack(worst)}, {worst.threat.size}, drives the model's outputs to NaN or "
        f"infinity in {wording.count(n)} of {wording.counted(tried, 'image')}. "
    )


def harm_beside_margin(summary: Summary, lead: AttackSummary) -> str:
    """A sentence that the shown harm is within the margin; "" if that was not shown."""
    harm = greatest_harm(lead.lossless)
    if summary.margin is None or harm is None or not within_margin([harm], summary.margin):
        return ""
    scale = scale_of(summary)
    return (
        f" Overall, {scale.figure} was shown to change by less than the "
        f"{scale.size(summary.margin)} stated beforehand as small."
    )


def any_effective(summary: Summary) -> bool:
    """Whether any attack was shown to do harm."""
    return any(effective(probe.lossless) for probe in summary.attacks)


def no_excess_answer(shortcuts: Sequence[ShortcutSummary], margin: float | None) -> str:
    """The sentence for shortcuts without shown effect.

    Args:
        shortcuts: those tried; at least one.
        margin: the plan's margin, as a share; None without one.
    """
    excesses = [probe.lossless.fooling_excess for probe in shortcuts]
    limits = [None if one.high is None else max(0.0, one.high) for one in excesses]
    known = [
        (limit, probe) for limit, probe in zip(limits, shortcuts, strict=True) if limit is not None
    ]
    scale, said = Scale(figure=""), control_words(shortcuts)
    if not known:
        note = excesses[0].note or "there are too few"
        return f"No {said.change} was shown to be read, and these images cannot show it: {note}."
    limit, probe = max(known, key=lambda pair: pair[0])
    n = wording.counted(probe.lossless.n, "image")
    if within_margin(limits, margin) and margin is not None:
        return (
            f"Every {said.change} was shown to change hardly more decisions than {said.own}: "
            f"the excess is less than the {scale.size(margin)} stated beforehand, "
            f"{scale.size(limit)} at the upper end of the widest 95{wording.SPACE}% interval "
            f"({probe.about.title})."
        )
    return (
        f"No {said.change} was shown to change more of this model's decisions than {said.own}, "
        f"which does not mean that none does: {n} leave open an excess of up to "
        f"{scale.size(limit)} ({probe.about.title})."
    )


def _tried(summary: Summary) -> str:
    """Number of cases, and of groups if fewer."""
    cohort = summary.cohort
    images = wording.counted(cohort.n_cases, "image")
    if cohort.n_groups == cohort.n_cases:
        return images
    return f"{images} in {wording.counted(cohort.n_groups, 'group')}"
