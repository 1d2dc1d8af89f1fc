"""Agreement of readers with each other, and with themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from plexor.findings.reader_results import ALL
from plexor.readers.answer_table import groups_of
from plexor.readers.design import Study
from plexor.readers.question import Question
from plexor.readers.result import Result
from plexor.stats import cohens_kappa, fleiss_kappa, gwet_ac
from plexor.stats.kappa import AgreementWeights


def agreement(study: Study, question: Question, own: pd.DataFrame) -> list[Result]:
    """Kappa (Cohen's for two readers, Fleiss' for more) and Gwet's AC, over images read by several.

    Args:
        study: the study file.
        question: one of its questions; marks have no agreement here.
        own: its answers.
    """
    classes = _classes(question)
    if own["reader"].nunique() < 2 or not classes:
        return []
    keys = ["image", "image_right"]
    if question.type == "side":
        # Left and right are drawn for each reader, so agreement is about the chosen arm.
        own = own.assign(
            value=own["arm"].where(own["value"] == "left", own["arm_right"]),
            image=own["case"],
            image_right="",
        )
        classes = list(study.arms)
    wide = own.pivot_table(index=[*keys, "group"], columns="reader", values="value", aggfunc=_only)
    wide = wide[wide.notna().sum(axis=1) > 1]
    if wide.empty:
        return []
    groups = list(wide.index.get_level_values("group"))
    inside = None if len(set(groups)) == len(groups) else groups
    weights, level = _weights(question), study.analysis.level
    table = [[_plain(value, question) for value in row] for row in wide.to_numpy().tolist()]
    two = wide.shape[1] == 2
    if two:
        first, second = ([row[i] for row in table] for i in (0, 1))
        kappa = cohens_kappa(first, second, classes, inside, weights=weights, level=level)
    else:
        kappa = fleiss_kappa(table, classes, inside, weights=weights, level=level)
    ac = gwet_ac(table, classes, inside, weights=weights, level=level)
    return [
        Result(question=question.id, measure="kappa", who=ALL, found=kappa),
        Result(question=question.id, measure="Gwet's AC", who=ALL, found=ac),
    ]


def agreement_with_self(
    study: Study, question: Question, own: pd.DataFrame, again: pd.DataFrame
) -> list[Result]:
    """Kappa and Gwet's AC of each reader's first and repeated answers to an image."""
    classes = _classes(question)
    if again.empty or not classes or question.type == "side":
        return []
    return list(_with_self(study, question, own.merge(again, on=["reader", "image"]), classes))


def _with_self(
    study: Study, question: Question, both: pd.DataFrame, classes: list[Any]
) -> Iterator[Result]:
    weights, level = _weights(question), study.analysis.level
    for reader, rows in both.groupby("reader", sort=False):
        first = [_plain(value, question) for value in rows["value_x"]]
        second = [_plain(value, question) for value in rows["value_y"]]
        groups = groups_of(rows.rename(columns={"group_x": "group"}))
        kappa = cohens_kappa(first, second, classes, groups, weights=weights, level=level)
        ac = gwet_ac(
            list(zip(first, second, strict=True)), classes, groups, weights=weights, level=level
        )
        name = str(reader)
        yield Result(question=question.id, measure="kappa with self", who=name, found=kappa)
        yield Result(question=question.id, measure="Gwet's AC with self", who=name, found=ac)


def _classes(question: Question) -> list[Any]:
    match question.type:
        case "yes-no":
            return [False, True]
        case "rating":
            return list(range(1, question.points + 1))
        case "options":
            return [option.id for option in question.options]
        case "side":
            return ["left", "right"]
        case _:
            return []


def _weights(question: Question) -> AgreementWeights:
    return "quadratic" if question.type == "rating" else "identity"


def _plain(value: Any, question: Question) -> Any:
    """A value in the type of its classes; None if a reader did not read the image."""
    if value is None or value != value:  # noqa: PLR0124 (NaN differs from itself)
        return None
    if question.type == "yes-no":
        return bool(value)
    return int(value) if question.type == "rating" else value


def _only(values: pd.Series[Any]) -> Any:
    return values.iloc[0]
