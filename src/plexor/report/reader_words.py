"""What readers saw, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from plexor.core import wording
from plexor.findings.reader_results import (
    ALL,
    AT_SPECIFICITY,
    MODEL,
    OBSERVER,
    AskedQuestion,
    ReaderResults,
)
from plexor.findings.summary.estimate import StoredEstimate
from plexor.report import rounding


def found(
    results: ReaderResults, question: str, measure: str, who: str = ALL
) -> StoredEstimate | None:
    """An estimate with a value; None where there is none."""
    for figure in results.figures:
        if (figure.question, figure.measure, figure.who) == (question, measure, who):
            one = figure.estimate
            return None if one is None or one.value is None else one
    return None


def answer(results: ReaderResults) -> str:
    """The study in one sentence: did readers see it, and what did it do to the model?"""
    for question in results.questions:
        seen = _seen(results, question)
        if seen:
            return f"{seen}{_beside_model(results, question)}."
    readers = wording.counted(len(results.readers), "reader")
    return f"{readers} read {wording.counted(results.n_images, 'image')}."


def sentences(results: ReaderResults, question: AskedQuestion) -> Iterator[str]:
    """What the answers to one question say, and what model observer and model do."""
    if question.positive_arm:
        yield from _detection(results, question)
    if question.kind == "options":
        yield from _diagnosis(results, question)
    yield from _observer(results, question)


def model_sentence(results: ReaderResults) -> str:
    """The model on the same images; "" where it was not compared."""
    parts = []
    for arm in results.arms:
        right = found(results, "", f"correct in {arm.name}", MODEL)
        if right is not None:
            parts.append(f"{_share(right)} of the images in “{arm.name}”")
    if not parts:
        return ""
    text = f"The model decides correctly in {_listed(parts)}"
    for arm in results.arms:
        changed = found(results, "", f"decision changed in {arm.name}", MODEL)
        if changed is not None:
            text += f"; in “{arm.name}” its decision changed in {_share(changed)}"
    return f"{text}. These are the images that the readers saw."


def _seen(results: ReaderResults, question: AskedQuestion) -> str:
    """Whether readers distinguished the arms, without a full stop; "" if that was not asked."""
    if not question.positive_arm:
        return ""
    measure, chance = _MAIN.get(question.kind, ("", 0.0))
    one = found(results, question.id, measure)
    if one is None or one.low is None or one.high is None:
        return ""
    if one.low > chance:
        return "Readers tell changed images from others better than by guessing"
    if one.high < chance:
        return "Readers call changed images changed less often than others"
    return "It was not shown that readers can tell changed images from others"


_MAIN = {"yes-no": ("d'", 0.0), "rating": ("AUC", 0.5), "side": ("correct", 0.5)}


def _beside_model(results: ReaderResults, question: AskedQuestion) -> str:
    changed = found(results, "", f"decision changed in {question.positive_arm}", MODEL)
    if changed is None:
        return ""
    return f"; the model's decision changes in {_share(changed)} of these changed images"


def _detection(results: ReaderResults, question: AskedQuestion) -> Iterator[str]:
    arm, n = question.positive_arm, len(results.readers)
    who = "The reader" if n == 1 else f"The {n} readers"
    if question.kind == "yes-no":
        hit = found(results, question.id, "sensitivity")
        kept = found(results, question.id, "specificity")
        if hit is not None and kept is not None:
            yield (
                f"{who} recognised {_share(hit)} of the images in “{arm}” and rightly cleared "
                f"{_share(kept)} of the others. Whoever guesses has two shares that add up to "
                f"100{wording.SPACE}%."
            )
        distance = found(results, question.id, "d'")
        if distance is not None:
            yield _distance(distance)
    elif question.kind == "rating":
        area = found(results, question.id, "AUC")
        if area is not None:
            yield (
                f"The area under the ROC curve is {_area(area)} over all readers; guessing gives "
                f"0.50. {_open(area, 0.5, rounding.area)}".strip()
            )
    elif question.kind == "side":
        right = found(results, question.id, "correct")
        if right is not None:
            yield (
                f"{who} picked the image of “{arm}” in {_share(right)} of the pairs; guessing "
                f"gives 50{wording.SPACE}%. {_open(right, 0.5, wording.share)}".strip()
            )


def _distance(found: StoredEstimate) -> str:
    text = f"Their d' is {rounding.amount(found.value)} {rounding.amount_bounds(found)}; guessing "
    return f"{text}gives 0. {_open(found, 0.0, rounding.amount)}".strip()


def _open(found: StoredEstimate, chance: float, words: Callable[[float | None], str]) -> str:
    """What an interval that holds chance leaves open."""
    if found.low is None or found.high is None or not found.low <= chance <= found.high:
        return ""
    return f"The interval holds guessing, and leaves open up to {words(found.high)}."


def _diagnosis(results: ReaderResults, question: AskedQuestion) -> Iterator[str]:
    for who, name in ((ALL, "Readers are"), (MODEL, "The model is")):
        parts = []
        for arm in results.arms:
            right = found(results, question.id, f"correct in {arm.name}", who)
            if right is not None:
                parts.append(f"{_share(right)} of the images in “{arm.name}”")
        if parts:
            yield f"{name} right in {_listed(parts)}."


def _observer(results: ReaderResults, question: AskedQuestion) -> Iterator[str]:
    intro = "The model observer, a statistical detector that knows this change and was trained on "
    area = found(results, question.id, "AUC", OBSERVER)
    right = found(results, question.id, "correct", OBSERVER)
    at = found(results, question.id, AT_SPECIFICITY, OBSERVER)
    if area is not None:
        text = f"{intro}other patients' images, has a ROC area of {_area(area)} on these images"
        if at is not None:
            text += f"; with the readers' specificity it recognises {_share(at)}"
        yield f"{text}."
    elif right is not None:
        yield f"{intro}other patients' images, picks {_share(right)} of the same pairs correctly."


def _share(found: StoredEstimate) -> str:
    return rounding.share_with_bounds(found)


def _area(found: StoredEstimate) -> str:
    return f"{rounding.area(found.value)} {rounding.area_bounds(found)}".strip()


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
