"""Performance of readers: by reader, pooled over readers, and between two arms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from plexor.core.errors import PlanError
from plexor.findings.reader_results import ALL
from plexor.readers.answer_table import groups_of, is_positive
from plexor.readers.design import Positive, Study
from plexor.readers.localisation import localisation
from plexor.readers.question import Question
from plexor.readers.result import Result
from plexor.stats import (
    auc,
    clustered_mcnemar,
    clustered_proportion,
    detection,
    forced_choice,
    one_shot_auc,
    one_shot_difference,
    paired_difference,
    proportion_by_reader,
    proportion_of_reads,
    reader_study_auc,
)


def performance(study: Study, question: Question, own: pd.DataFrame) -> list[Result]:
    """Every figure of one question.

    Args:
        study: the study file.
        question: one of its questions.
        own: its answers by "read" reads, with columns as in ``plexor.readers.export`` and "value".

    Returns:
        The figures; none for a question without known right answers.
    """
    if own.empty:
        return []
    positive = study.analysis.positive.get(question.id)
    found: Iterator[Result] = iter(())
    if question.type == "yes-no" and positive is not None:
        found = _yes_no(study, own, positive)
    elif question.type == "rating" and positive is not None:
        found = _rating(study, own, positive)
    elif question.type == "side" and positive is not None and positive.arm is not None:
        chosen = np.where(own["value"] == "left", own["arm"], own["arm_right"])
        found = _forced_choice(own, chosen == positive.arm, study.analysis.level)
    elif question.type == "options":
        found = _options(study, own, {option.id for option in question.options})
    elif question.type == "marks":
        found = localisation(study, own)
    return [
        Result(question=question.id, measure=r.measure, who=r.who, found=r.found) for r in found
    ]


def _result(measure: str, who: str, found: Any) -> Result:
    return Result(question="", measure=measure, who=who, found=found)


def _by_arm(study: Study, own: pd.DataFrame, positive: Positive) -> dict[str, pd.DataFrame]:
    """What a measure's name ends in, with its answers: all, or by arm where a class is positive."""
    if positive.arm:
        return {"": own}
    parts = {f" in {arm}": own[own["arm"] == arm] for arm in study.arms}
    return {label: part for label, part in parts.items() if not part.empty}


def _yes_no(study: Study, own: pd.DataFrame, positive: Positive) -> Iterator[Result]:
    for label, part in _by_arm(study, own, positive).items():
        yield from _detected(label, part, is_positive(positive, part), study.analysis.level)


def _detected(
    label: str, own: pd.DataFrame, positive: pd.Series[bool], level: float
) -> Iterator[Result]:
    said = own["value"].astype(bool)
    for measure, part, right in (
        (f"sensitivity{label}", own[positive], said[positive]),
        (f"specificity{label}", own[~positive], ~said[~positive]),
    ):
        yield from _shares(measure, part, right.to_numpy(), level)
    for who, rows in [*own.groupby("reader", sort=False), (ALL, own)]:
        here = positive[rows.index]
        yes = said[rows.index]
        counts = (int((yes & here).sum()), int(here.sum()))
        false = (int((yes & ~here).sum()), int((~here).sum()))
        found = detection(*counts, *false, level=level)
        yield _result(f"d'{label}", str(who), found.d_prime)
        yield _result(f"criterion c{label}", str(who), found.criterion)


def _shares(
    measure: str, part: pd.DataFrame, right: np.ndarray[Any, np.dtype[np.bool_]], level: float
) -> Iterator[Result]:
    """A share of reads, by reader and pooled."""
    if part.empty:
        return
    readers = part["reader"].tolist()
    groups = groups_of(part)
    for reader, found in proportion_by_reader(right, readers, groups, level=level).items():
        yield _result(measure, str(reader), found)
    cases = groups or part["image"].tolist()
    pooled = (
        proportion_of_reads(right, cases, readers, level=level)
        if len(set(readers)) > 1
        else clustered_proportion(right, groups, level=level)
    )
    yield _result(measure, ALL, pooled)


def _rating(study: Study, own: pd.DataFrame, positive: Positive) -> Iterator[Result]:
    level = study.analysis.level
    tables: dict[str, pd.DataFrame] = {}
    for label, part in _by_arm(study, own, positive).items():
        truth = is_positive(positive, part).to_numpy()
        scores = part["value"].astype(float).to_numpy()
        groups = groups_of(part)
        for reader in part["reader"].unique():
            rows = (part["reader"] == reader).to_numpy()
            inside = None if groups is None else list(np.array(groups)[rows])
            yield _result(
                f"AUC{label}", reader, auc(truth[rows], scores[rows], inside, level=level)
            )
        arm = label.removeprefix(" in ")
        tables[arm] = part.assign(positive=truth)
        cases, ratings = _crossed(tables[arm], "image" if positive.arm else "case")
        if len(ratings) > 1:
            pooled = one_shot_auc(cases["positive"].to_numpy(), ratings, level=level)
            yield _result(f"AUC{label}", ALL, pooled)
    if len(tables) == 2:
        yield from _difference(tables, level)


def _crossed(part: pd.DataFrame, by: str) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """One row for each case, and ratings (readers, cases), NaN if not read."""
    cases = part.drop_duplicates(by).sort_values(by).set_index(by)
    wide = part.assign(score=part["value"].astype(float)).pivot_table(
        index="reader", columns=by, values="score", aggfunc="first", dropna=False
    )
    return cases, wide.reindex(columns=cases.index).to_numpy(np.float64)


def _difference(tables: Mapping[str, pd.DataFrame], level: float) -> Iterator[Result]:
    """Difference between two arms: Obuchowski-Rockette if the design allows it."""
    (first, one), (second, two) = tables.items()
    both = pd.concat([one, two])
    cases = both.drop_duplicates("case").sort_values("case").set_index("case")
    readers = sorted(both["reader"].unique())
    ratings = np.stack(
        [
            part.assign(score=part["value"].astype(float))
            .pivot_table(index="reader", columns="case", values="score", aggfunc="first")
            .reindex(index=readers, columns=cases.index)
            .to_numpy(np.float64)
            for part in (one, two)
        ]
    )
    truth = cases["positive"].to_numpy(np.bool_)
    who = f"{second} - {first}"
    try:
        groups = None if cases["group"].is_unique else cases["group"].tolist()
        crossed = reader_study_auc(truth, ratings, groups)
        yield _result("AUC difference", who, crossed.difference(1, 0, level=level))
        yield _result("AUC difference, test", who, crossed.test())
    except PlanError:
        found = one_shot_difference(truth, ratings[1], ratings[0], level=level)
        yield _result("AUC difference", who, found)


def _forced_choice(own: pd.DataFrame, right: Any, level: float) -> Iterator[Result]:
    yield from _shares("correct", own, np.asarray(right, np.bool_), level)
    for reader in own["reader"].unique():
        rows = (own["reader"] == reader).to_numpy()
        _, distance = forced_choice(int(right[rows].sum()), int(rows.sum()), level=level)
        yield _result("d'", reader, distance)


def _options(study: Study, own: pd.DataFrame, options: set[str]) -> Iterator[Result]:
    known = own[own["truth"].isin(options)]
    level = study.analysis.level
    for arm in study.arms:
        part = known[known["arm"] == arm]
        right = (part["value"] == part["truth"]).to_numpy(np.bool_)
        yield from _shares(f"correct in {arm}", part, right, level)
    if study.shown != "crossed" or len(study.arms) != 2:
        return
    first, second = study.arms
    yield from _change(known, first, second, level)


def _change(known: pd.DataFrame, first: str, second: str, level: float) -> Iterator[Result]:
    """Change between two arms for the same reader and case: right before, right after."""
    wide = (
        known.assign(right=known["value"] == known["truth"])
        .pivot_table(
            index=["reader", "case", "group"], columns="arm", values="right", aggfunc="first"
        )
        .reindex(columns=[first, second])
        .dropna()
        .astype(bool)
        .reset_index()
    )
    who = f"{second} - {first}"
    for reader, rows in wide.groupby("reader", sort=False):
        groups = None if rows["group"].is_unique else rows["group"].tolist()
        found = paired_difference(rows[first], rows[second], groups, level=level)
        yield _result("change of correct", f"{reader}, {who}", found)
    if not wide.empty:
        test = clustered_mcnemar(wide[first], wide[second], wide["group"].tolist())
        yield _result("change of correct, test", f"{ALL}, {who}", test)
