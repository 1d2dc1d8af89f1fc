"""Methods and glossary of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.summary import Summary
from plexor.report import words
from plexor.report.control_words import is_of_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word and its meaning."""

    name: str
    text: str


_ALWAYS = (
    Term(
        name="What was judged",
        text="Every change an attack proposed was rounded to what the image file can hold, "
        "written, read back, and judged again: whether the threat was kept, and what the model "
        "decides. Proposals that broke the threat never count as reached.",
    ),
    Term(
        name="Lossless and JPEG",
        text="“Lossless” is the changed image in a container that keeps every pixel. Where the "
        "source is a JPEG, the changed image was also compressed again, with the file's own "
        "tables and at qualities 90 and 75. Which of them applies depends on whether in practice "
        "an image would be changed after the last compression or before it.",
    ),
)
_INTERVALS = (
    "95 %, for a share by Wilson's method at the effective number of independent cases: images of "
    "one group (patient or lesion) resemble each other, and count for less than as many images of "
    "different groups. For a difference of shares by Newcombe's paired method{more}. Each estimate "
    "in summary.json names its method."
)
_CLASSES = (
    Term(
        name="Accuracy",
        text="Cases whose decision is the truth, over cases that could be judged. Failed cases "
        "are counted apart; they are neither right nor robust.",
    ),
    Term(
        name="Intervals",
        text=_INTERVALS.format(
            more=", for the mean of the classes from the intervals of the classes (MOVER)"
        ),
    ),
    Term(
        name="Mean of the classes",
        text="Balanced accuracy: the plain mean of the shares recognised in each class, so that "
        "a rare class weighs as much as a common one. Classes without cases are left out.",
    ),
)
_FINDINGS = (
    Term(
        name="Every label right",
        text="Cases in which all labels are called correctly, over cases that could be judged. "
        "Failed cases are counted apart; they are neither right nor robust.",
    ),
    Term(
        name="Sensitivity and specificity",
        text="Of a label, at the model's threshold: the share called present among the cases "
        "in which it is, and called absent among those in which it is not.",
    ),
    Term(
        name="ROC area",
        text="How often a case with the label gets a greater output than a case without, "
        "whatever the threshold; 0.5 is guessing. DeLong's variance, clustered by group "
        "(Obuchowski 1997).",
    ),
    Term(name="Intervals", text=_INTERVALS.format(more="")),
)
_NUMBER = (
    Term(
        name="Mean error",
        text="The mean of the absolute difference between the model's output and the truth, over "
        "cases that could be judged. Failed cases are counted apart; they are neither right nor "
        "robust.",
    ),
    Term(
        name="Moved",
        text="The absolute difference between the outputs for the changed image and for the "
        "untouched one, in the same container; “upwards” keeps the sign.",
    ),
    Term(
        name="Intervals",
        text="95 %, for a mean by Student's method over groups (patient or lesion): images of one "
        "group resemble each other, and the groups are what is counted. For a share by Wilson's "
        "method at the effective number of independent cases. Each estimate in summary.json names "
        "its method.",
    ),
)
_OUTLINES = (
    Term(
        name="Dice",
        text="Of a class, twice the pixels that both truth and model give it, over the pixels that "
        "either gives it, added up; 1 is agreement, 0 none. It is undefined, and the case is left "
        "out of the mean and counted, where neither has the class; where only one of them has it, "
        "it is 0. Dice without a class is the mean of a case's classes in which it is defined.",
    ),
    Term(
        name="Size, agreement and shift",
        text="The pixels outlined as a class, in mm² or ml where every file says how large a pixel "
        "is; the Dice of what is outlined after with what is outlined before, whatever the truth; "
        "and how far the centre of it moved, over the cases that have the class on both.",
    ),
    Term(
        name="Intervals",
        text="95 %, for a mean by Student's method over groups (patient or lesion): images of one "
        "group resemble each other, and the groups are what is counted. For a share by Wilson's "
        "method at the effective number of independent cases. Each estimate in summary.json names "
        "its method.",
    ),
)
_OPEN = {
    "segmentation": "(and for which it has a meaning: what was not outlined cannot be erased; the "
    "others are counted as not applicable)",
    "multilabel": "(to be wrong: those with every label right; to hide a label: those in which "
    "the model called it present, right or wrong; to invent one: those in which it did not)",
    "regression": "(all of them)",
}
_OPEN_CLASSES = "(to be wrong: those decided rightly; to become a class: those not called so)"
_REACHED = (
    "Over the cases in which the goal did not hold before {open}, the share in which it holds "
    "afterwards, within the threat. For noise, the same question about the same cases."
)
_HOLM = "Holm's correction is for the number of attacks; below .05 it errs at most once in twenty "
_MCNEMAR = Term(
    name="p and Holm",
    text="McNemar's test, two-sided, of whether as many cases are decided rightly "
    "before and after; clustered by group (Obuchowski 1998), or, where every case is a group "
    f"of its own, exact below 25 discordant cases and mid-p from there. {_HOLM}such reports.",
)
_T_TEST = Term(
    name="p and Holm",
    text="A paired t test, two-sided, of whether absolute errors are as great before as after, "
    f"over groups. {_HOLM}such reports.",
)
_DICE_TEST = Term(
    name="p and Holm",
    text="A paired t test, two-sided, of whether the cases' Dice is as great before as after, "
    f"over groups. {_HOLM}such reports.",
)
_SAME_CONTAINER = Term(
    name="In a JPEG container",
    text="Before and after are compared in the same container, so that what compression "
    "alone does is not put down to the attack.",
)

_NOT_SHOWN = Term(
    name="Harm shown, not shown, small",
    text="Harm was shown where the corrected p of a worse result is below .05, or where the goal "
    "was reached clearly more often than by noise of the same size. Otherwise no harm was shown, "
    "which is not that there is none: the greatest harm that the 95 % intervals leave open is "
    "given with it, and only greater harm is excluded by these cases. Harm was shown to be small "
    "only where every such interval lies within a margin that the plan stated before the audit "
    "(`margin`).",
)

_TERMS = (
    Term(name="Attack", text="A search for a change that makes the model fail."),
    Term(name="Case", text="One image with its truth and its group."),
    Term(
        name="Control",
        text="Random noise of the same norm and radius on the same cases, for comparison.",
    ),
    Term(
        name="Goal",
        text="What an attack aims at: that the decision be wrong or become a given class, that a "
        "label be hidden or invented, that a number be moved by at least an amount, or that what "
        "is outlined be wrong, erased, grown, invented or shifted.",
    ),
    Term(
        name="Group",
        text="What makes cases dependent: the patient, or the lesion.",
    ),
    Term(
        name="Level",
        text="The smallest step between two stored intensities: of an 8-bit image, one of 256.",
    ),
    Term(
        name="L∞, L2, L1, L0",
        text="Four ways to measure a change: its greatest absolute value in any pixel and channel; "
        "the square root of the sum of its squares over all of them; the sum of its absolute "
        "values; the number of pixels changed at all.",
    ),
    Term(name="Pixel", text="One position of an image; in a volume, one voxel."),
    Term(name="Radius", text="The greatest change a threat allows, in its norm."),
    Term(
        name="Threat",
        text="What an attack may do and see: a norm, a radius, a part of the image, and its "
        "access to the model.",
    ),
)

_OF_SHORTCUTS = (
    Term(
        name="Shortcut",
        text="A feature without meaning for the question, on which a model may rely nevertheless; "
        "here an artefact put into every image.",
    ),
)
_SHUFFLED = Term(
    name="Shuffled",
    text="A shortcut's control: its change, cut into square tiles of a twelfth of the image's "
    "short side and shuffled.",
)
_ELSEWHERE = Term(
    name="Control of tags",
    text="As much covered, or left, elsewhere: of 200 places of the same size that touch no tag, "
    "one of the tenth whose surroundings are most like the tag's. Of exchanged tags: the image's "
    "own tag removed and drawn again.",
)


def methods(summary: Summary) -> tuple[Term, ...]:
    """How the numbers of this page were computed."""
    kind = summary.model.task.kind
    own = {"multilabel": _FINDINGS, "regression": _NUMBER, "segmentation": _OUTLINES}.get(
        kind, _CLASSES
    )
    test = {"regression": _T_TEST, "segmentation": _DICE_TEST}.get(kind, _MCNEMAR)
    text = _REACHED.format(open=_OPEN.get(kind, _OPEN_CLASSES))
    reached = Term(name="Goal reached", text=text)
    return (*_ALWAYS, *own, reached, test, _NOT_SHOWN, _SAME_CONTAINER)


def terms(summary: Summary) -> tuple[Term, ...]:
    """The words of the page, this audit's attacks among them, in alphabetical order."""
    tried: dict[str, list[AttackSummary]] = {}
    for probe in summary.attacks:
        tried.setdefault(words.attack(probe), []).append(probe)
    of_tags = [is_of_tags(probe) for probe in summary.shortcuts]
    put: tuple[Term, ...] = _OF_SHORTCUTS if of_tags else ()
    put += (_SHUFFLED,) if not all(of_tags) else ()
    put += (_ELSEWHERE,) if any(of_tags) else ()
    found = [
        *_TERMS,
        *put,
        *(Term(name=name, text=_described(same)) for name, same in tried.items()),
    ]
    return tuple(sorted(found, key=lambda term: term.name.casefold()))


def _described(probes: Sequence[AttackSummary]) -> str:
    """What an attack is, where it comes from, and every way it was set here."""
    about = probes[0].about
    ways = "; or ".join(dict.fromkeys(filter(None, map(words.settings, probes))))
    sentences = [
        f"An attack: {about.summary or 'a search'}.",
        f"Source: {about.reference}." if about.reference else "",
        f"Here: {ways}." if ways else "",
    ]
    return " ".join(filter(None, sentences))
