"""The rules of the flags on the cohort, and on the model's skill on untouched images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plexor.findings.flags.evidence import Doubt, Evidence
from plexor.findings.schema import CLEAN
from plexor.findings.summary.class_results import ClassPerformance
from plexor.findings.summary.multilabel_results import LabelPerformance, MultilabelPerformance
from plexor.findings.summary.regression_results import RegressionPerformance
from plexor.findings.summary.segmentation_results import (
    OutlinePerformance,
    SegmentationPerformance,
)

FEW_GROUPS = 30
FEW_CASES = 10


def groups_few(evidence: Evidence) -> list[Doubt]:
    """Too few independent groups for the intervals."""
    n_groups = evidence.cohort.n_groups
    return [(None, f"The cohort has {n_groups} groups.")] if n_groups < FEW_GROUPS else []


def groups_unknown(evidence: Evidence) -> list[Doubt]:
    """Every case is its own group."""
    clean = evidence.findings[evidence.findings["probe"] == CLEAN]
    if (clean["group"] != clean["case_id"]).any():
        return []
    return [
        (
            None,
            "Every case is a group of its own, so that each counts as independent of all others.",
        )
    ]


def classes_rare(evidence: Evidence) -> list[Doubt] | None:
    """A class or a label has few cases."""
    if not evidence.cohort.cases_by_class:
        return None
    rare = [f"{name} ({n})" for name, n in evidence.cohort.cases_by_class.items() if n < FEW_CASES]
    match evidence.clean.lossless:
        case MultilabelPerformance():
            which = "Labels present in"
        case SegmentationPerformance():
            which = "Classes outlined in"
        case _:
            which = "Classes with"
    return [(None, f"{which} few cases: {', '.join(rare)}.")] if rare else []


def clean_at_chance(evidence: Evidence) -> list[Doubt] | None:
    """The model may be no better than chance on untouched images."""
    match evidence.clean.lossless:
        case RegressionPerformance(r_squared=r_squared):
            return _no_better_than_the_mean(r_squared.low)
        case MultilabelPerformance(per_label=per_label):
            return _labels_at_chance(per_label)
        case SegmentationPerformance(per_label=outlines):
            return _no_better_than_everything(outlines)
        case ClassPerformance(balanced_accuracy=balanced):
            return _classes_at_chance(balanced.low, evidence.cohort.cases_by_class)


def _classes_at_chance(low: float | None, cases_by_class: Mapping[str, int]) -> list[Doubt] | None:
    if low is None:
        return None
    chance = 1 / sum(n > 0 for n in cases_by_class.values())
    if low > chance:
        return []
    doubt = (
        f"Balanced accuracy on untouched images may be as low as {low:.1%}; guessing gives "
        f"{chance:.1%}."
    )
    return [(None, doubt)]


def _no_better_than_the_mean(low: float | None) -> list[Doubt] | None:
    if low is None:
        return None
    doubt = (
        f"R squared on untouched images may be as low as {low:.2f}; always saying the mean of the "
        "true values gives 0."
    )
    return [(None, doubt)] if low <= 0 else []


def _no_better_than_everything(outlines: Sequence[OutlinePerformance]) -> list[Doubt] | None:
    known = [
        (entry.label, entry.dice.low, entry.dice_of_everything)
        for entry in outlines
        if entry.dice.low is not None and entry.dice_of_everything is not None
    ]
    if not known:
        return None
    guessed = [
        f"{label} ({low:.2f}, and {whole:.2f})" for label, low, whole in known if low <= whole
    ]
    doubt = (
        "Dice on untouched images may be as low as stated, and outlining the whole image gives as "
        f"much: {', '.join(guessed)}."
    )
    return [(None, doubt)] if guessed else []


def _labels_at_chance(per_label: Sequence[LabelPerformance]) -> list[Doubt] | None:
    areas = {
        entry.label: entry.auc.low
        for entry in per_label
        if entry.auc is not None and entry.auc.low is not None
    }
    if not areas:
        return None
    guessed = [f"{name} ({low:.2f})" for name, low in areas.items() if low <= 0.5]
    doubt = (
        "The area under the ROC curve on untouched images may be as low as stated, and guessing "
        f"gives 0.5: {', '.join(guessed)}."
    )
    return [(None, doubt)] if guessed else []
