"""How each number was computed, and what the words mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word and its meaning."""

    name: str
    text: str


METHODS = (
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
        "tables and at qualities 90 and 75. Which of them applies depends on where in practice "
        "an image would be changed: behind the last compression or before it.",
    ),
    Term(
        name="Accuracy",
        text="Cases whose decision is the truth, over cases that could be judged. Failed cases "
        "are counted apart; they are neither right nor robust.",
    ),
    Term(
        name="Intervals",
        text="95 %, for a share by Wilson's method at the effective number of independent cases: "
        "images of one group (patient or lesion) resemble each other, and count for less than as "
        "many images of different groups. For a difference by Newcombe's paired method, for the "
        "mean of the classes from the intervals of the classes (MOVER). Each estimate in "
        "summary.json names its method.",
    ),
    Term(
        name="Mean of the classes",
        text="Balanced accuracy: the plain mean of the shares recognised in each class, so that "
        "a rare class weighs as much as a common one. Classes without cases are left out.",
    ),
    Term(
        name="Goal reached",
        text="Over the cases in which the goal did not hold before (to be wrong: those decided "
        "rightly; to become a class: those not called so), the share in which it holds "
        "afterwards, within the threat. For noise, the same question about the same cases.",
    ),
    Term(
        name="p and Holm",
        text="McNemar's test, two-sided, of whether the same cases are decided rightly as often "
        "before as after; clustered by group (Obuchowski 1998), or, where every case is a group "
        "of its own, exact below 25 discordant cases and mid-p from there. Holm's correction is "
        "for the number of attacks; below .05 it errs at most once in twenty such reports.",
    ),
    Term(
        name="In a JPEG container",
        text="Before and after are compared in the same container, so that what compression "
        "alone does is not put down to the attack.",
    ),
)

TERMS = (
    Term(name="Attack", text="A search for a change that makes the model miss its task."),
    Term(name="Case", text="One image with its truth and its group."),
    Term(
        name="Control",
        text="Random noise of the same norm and radius on the same cases: what chance does.",
    ),
    Term(
        name="FGSM",
        text="The attack of a single step along the sign of the gradient (Goodfellow 2015).",
    ),
    Term(
        name="Goal",
        text="What an attack wants: that the decision be wrong, or that it become a given class.",
    ),
    Term(
        name="Group",
        text="What makes cases dependent: the patient, or the lesion.",
    ),
    Term(
        name="L∞, L2",
        text="Two ways to measure a change: its greatest absolute value in any pixel and "
        "channel; the square root of the sum of its squares over all of them.",
    ),
    Term(
        name="Level",
        text="The smallest step between two stored intensities: of an 8-bit image, one of 256.",
    ),
    Term(
        name="PGD",
        text="Projected gradient descent: many small steps along the gradient, each time "
        "brought back into the threat (Madry 2018).",
    ),
    Term(name="Radius", text="The greatest change a threat allows, in its norm."),
    Term(
        name="Threat",
        text="What an attack may do and see. Here: a norm, a radius, and the model's gradients.",
    ),
)
