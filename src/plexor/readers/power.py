"""How many readers and cases the next study needs, planned from one that was analysed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from plexor.core.errors import PlanError
from plexor.readers.answer_table import groups_of, is_positive
from plexor.readers.design import Study
from plexor.readers.localisation import froc_cases, jafroc_of
from plexor.readers.question import Question
from plexor.stats import (
    ReaderStudy,
    reader_mean_cases,
    reader_mean_power,
    reader_study_auc,
    reader_study_cases,
    reader_study_power,
    reader_study_proportion,
)

READERS = (3, 4, 5, 6, 8, 10, 15, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """A measure that a further study can be planned for.

    Attributes:
        question: id of the question.
        measure: what is measured.
        effect: what the difference is between, e.g. "altered against original".
        study: the measure of each reader, and how it varies over readers and cases.
    """

    question: str
    measure: str
    effect: str
    study: ReaderStudy

    @property
    def compares(self) -> bool:
        """Whether two arms are compared; otherwise one mean is compared with guessing."""
        return len(self.study.values) > 1

    def cases(self, difference: float, n_readers: int, power: float) -> int | None:
        """Cases for a power; None where no number is enough with this many readers.

        Raises:
            PlanError: no difference, or a power outside 0 … 1.
        """
        if not 0 < power < 1:
            raise PlanError(f"power: expected a chance within 0 to 1, got {power:g}")
        self.power(difference, n_readers, self.study.n)
        find = reader_study_cases if self.compares else reader_mean_cases
        try:
            return find(self.study, difference, n_readers, power=power)
        except PlanError:
            return None

    def power(self, difference: float, n_readers: int, n_cases: int) -> float:
        """Power of a study of that size."""
        find = reader_study_power if self.compares else reader_mean_power
        return find(self.study, difference, n_readers, n_cases)


def pilots(study: Study, reads: pd.DataFrame) -> list[Pilot]:
    """The measures of a study that a further one can be planned from.

    Args:
        study: the study file.
        reads: answers with the column "value", as ``plexor.readers.analyse`` has them.

    Raises:
        PlanError: none: fewer than two readers, or readers who did not read the same cases.
    """
    found, reasons = [], []
    for question in study.questions:
        own = reads[reads["question"] == question.id]
        try:
            found += list(_of_question(study, question, own))
        except PlanError as error:
            reasons.append(f"{question.id}: {error}")
    if not found:
        if reads.empty:
            raise PlanError("nothing to plan from in this study: no answers")
        why = "; ".join(reasons) or "no question has an `analysis.positive`, options or marks"
        raise PlanError(f"nothing to plan from in this study: {why}")
    return found


def _of_question(study: Study, question: Question, own: pd.DataFrame) -> Iterator[Pilot]:
    positive = study.analysis.positive.get(question.id)
    arms = [arm for arm in study.arms if (own["arm"] == arm).any()]
    two = len(arms) == 2 and study.shown == "crossed"
    against = f"{arms[1]} against {arms[0]}" if two else ""
    if question.type in ("yes-no", "rating") and positive is not None:
        own = own.assign(positive=is_positive(positive, own), score=own["value"].astype(float))
        what = "ROC area" if question.type == "rating" else "mean of sensitivity and specificity"
        if positive.arm is not None:
            shaped = _crossed(own, [""], "image")
            yield _pilot(question, what, "guessing (0.5)", _areas(shaped, own, "image"))
        elif two:
            shaped = _crossed(own, arms, "case")
            yield _pilot(question, what, against, _areas(shaped, own, "case"))
    elif question.type == "side" and positive is not None:
        chosen = own["arm"].where(own["value"] == "left", own["arm_right"])
        own = own.assign(score=(chosen == positive.arm).astype(float))
        shaped = _crossed(own, [""], "case")
        share = reader_study_proportion(shaped, _groups(own, "case"))
        yield _pilot(question, "share correct", "guessing (0.5)", share)
    elif question.type == "options" and two:
        own = own[own["truth"].isin({option.id for option in question.options})]
        own = own.assign(score=(own["value"] == own["truth"]).astype(float))
        share = reader_study_proportion(_crossed(own, arms, "case"), _groups(own, "case"))
        yield _pilot(question, "share correct", against, share)
    elif question.type == "marks" and two:
        scored = own.assign(scored=froc_cases(own, study.analysis.acceptance_radius))
        yield _pilot(question, "JAFROC figure of merit", against, jafroc_of(scored, arms))


def _pilot(question: Question, measure: str, effect: str, study: ReaderStudy) -> Pilot:
    return Pilot(question=question.id, measure=measure, effect=effect, study=study)


def _crossed(
    own: pd.DataFrame, arms: Sequence[str], by: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Scores (arms, readers, cases or images) that every reader gave; "" stands for all arms."""
    readers = sorted(own["reader"].unique())
    if len(readers) < 2:
        raise PlanError(f"expected two readers or more, got {len(readers)}")
    names = sorted(own[by].unique())
    shaped = np.stack(
        [
            (own if not arm else own[own["arm"] == arm])
            .pivot_table(index="reader", columns=by, values="score", aggfunc="first")
            .reindex(index=readers, columns=names)
            .to_numpy(np.float64)
            for arm in arms
        ]
    )
    if np.isnan(shaped).any():
        raise PlanError("not every reader read every case, and a pilot must be fully crossed")
    return shaped


def _areas(
    shaped: np.ndarray[tuple[int, ...], np.dtype[np.float64]], own: pd.DataFrame, by: str
) -> ReaderStudy:
    truth = own.drop_duplicates(by).sort_values(by)["positive"].to_numpy(np.bool_)
    return reader_study_auc(truth, shaped, _groups(own, by))


def _groups(own: pd.DataFrame, by: str) -> list[str] | None:
    each = own.drop_duplicates(by).sort_values(by)
    return None if groups_of(each.assign(image=each[by])) is None else each["group"].tolist()
