"""Ratings and marks in the forms of iMRMC and RJafroc, with a codebook."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from plexor.core.csv_text import csv_text
from plexor.core.errors import PlanError
from plexor.readers.answer_table import is_positive
from plexor.readers.design import Study
from plexor.readers.localisation import froc_cases
from plexor.readers.question import Question
from plexor.readers.spreadsheet import Cell, workbook
from plexor.stats import FrocCase

Codebook = list[tuple[str, str, str]]
"""Rows: what is coded, its code in the file, what it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coded:
    """Answers to one question, coded by numbers from 1.

    ``table`` has the columns reader, modality, case (numbers), positive and scored.
    """

    table: pd.DataFrame
    codebook: Codebook


def imrmc(study: Study, table: pd.DataFrame) -> tuple[bytes, Codebook, int]:
    """CSV for iMRMC (github.com/DIDSR/iMRMC): truth first, 1 is positive; the first rating.

    Args:
        study: the study file.
        table: unblinded answers, with columns as in ``plexor.readers.export``.

    Returns:
        The file, its codebook, and its number of rows.

    Raises:
        PlanError: no rating with `analysis.positive`, or no answer to it.
    """
    question = _first(
        study, ("rating",), "the format imrmc needs a rating with `analysis.positive`"
    )
    own = _answers(study, question, table)
    by_arm = study.analysis.positive[question.id].arm is not None
    truth = own[["case_id", "positive"]].drop_duplicates("case_id")
    head = pd.DataFrame(
        {"readerID": "-1", "caseID": truth["case_id"], "modalityID": "0",
         "score": truth["positive"].astype(int)}
    )  # fmt: skip
    reads = pd.DataFrame(
        {
            "readerID": own["reader"],
            "caseID": own["case_id"],
            "modalityID": "all" if by_arm else own["arm"],
            "score": own["value"].astype(float),
        }
    )
    whole = pd.concat([head, reads], ignore_index=True)
    book = [
        ("readerID", "-1", "the truth: score 1 is positive, 0 negative"),
        ("readerID", "", "pseudonym of the reader"),
        ("caseID", "", "case/arm" if by_arm else "case id, as in the source of the images"),
        ("modalityID", "all", "images of every arm") if by_arm else ("modalityID", "", "arm"),
        ("score", "", f"answer to the question {question.id}; greater is more positive"),
    ]
    return csv_text(list(whole.columns), whole.itertuples(index=False)).encode(), book, len(whole)


def rjafroc(study: Study, table: pd.DataFrame) -> tuple[bytes, Codebook, int]:
    """An Excel file for RJafroc (its format of 2019 on): sheets Truth, NL and LL.

    A rating becomes a ROC study (one lesion in each positive case); marks become an FROC study,
    scored against the lesions with the plan's acceptance radius. Readers, modalities and cases are
    whole numbers there; the codebook says which.

    Args:
        study: the study file.
        table: unblinded answers, with columns as in ``plexor.readers.export``.

    Returns:
        The file, its codebook, and its number of ratings.

    Raises:
        PlanError: neither a rating with `analysis.positive` nor marks, or no answers.
    """
    needed = "the format rjafroc needs marks, or a rating with `analysis.positive`"
    question = _first(study, ("marks", "rating"), needed)
    own = _answers(study, question, table)
    froc = question.type == "marks"
    scored = (
        froc_cases(own, study.analysis.acceptance_radius).tolist()
        if froc
        else [
            _roc_case(bool(p), float(v)) for p, v in zip(own["positive"], own["value"], strict=True)
        ]
    )
    coded = _coded(study, question, own.assign(scored=pd.Series(scored, index=own.index)))
    lesions: list[Sequence[Cell]] = [("ReaderID", "ModalityID", "CaseID", "LesionID", "LL_Rating")]
    others: list[Sequence[Cell]] = [("ReaderID", "ModalityID", "CaseID", "NL_Rating")]
    for reader, modality, case, _, marks in coded.table.itertuples(index=False):
        place = (int(reader), int(modality), int(case))
        lesions += [(*place, i, r) for i, r in enumerate(marks.lesions, 1) if math.isfinite(r)]
        others += [(*place, rating) for rating in marks.others]
    sheets = {"Truth": _truth(coded.table, "FROC" if froc else "ROC"), "NL": others, "LL": lesions}
    return workbook(sheets), coded.codebook, len(lesions) + len(others) - 2


def _truth(table: pd.DataFrame, paradigm: str) -> list[Sequence[Cell]]:
    """A row for each lesion and each case without: who read it, in which modalities."""
    rows: list[Sequence[Cell]] = [
        ("CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm")
    ]
    cells = [paradigm, "FCTRL"]
    for case, own in table.groupby("case"):
        readers = ", ".join(str(n) for n in sorted(own["reader"].unique()))
        modalities = ", ".join(str(n) for n in sorted(own["modality"].unique()))
        n_lesions = len(own["scored"].iloc[0].lesions)
        for lesion in range(1, n_lesions + 1) if n_lesions else (0,):
            weight = 1 / n_lesions if n_lesions else 0
            said = cells.pop(0) if cells else ""
            rows.append((int(str(case)), lesion, weight, readers, modalities, said))
    return rows


def _roc_case(positive: bool, rating: float) -> FrocCase:
    return FrocCase(lesions=(rating,)) if positive else FrocCase(others=(rating,))


def _coded(study: Study, question: Question, own: pd.DataFrame) -> _Coded:
    positive = study.analysis.positive.get(question.id)
    by_arm = positive is not None and positive.arm is not None
    modality = own["arm"].map(lambda _: "all") if by_arm else own["arm"]
    columns = {"reader": own["reader"], "modality": modality, "case": own["case_id"]}
    table, book = pd.DataFrame(index=own.index), []
    for name, column in columns.items():
        numbers = {value: i for i, value in enumerate(dict.fromkeys(column.sort_values()), 1)}
        table[name] = column.map(numbers)
        book += [(name, str(i), str(value)) for value, i in numbers.items()]
    table = table.assign(positive=own["positive"], scored=own["scored"])
    return _Coded(table=table, codebook=book)


def _first(study: Study, kinds: Sequence[str], needed: str) -> Question:
    for kind in kinds:
        for question in study.questions:
            if question.type == kind and (
                kind == "marks" or question.id in study.analysis.positive
            ):
                return question
    raise PlanError(needed)


def _answers(study: Study, question: Question, table: pd.DataFrame) -> pd.DataFrame:
    """Reads with the columns value, case_id (with the arm, where an arm is positive), positive."""
    own = table[(table["question"] == question.id) & (table["kind"] == "read")]
    own = own[own["answer"] != "null"].reset_index(drop=True)
    if own.empty:
        raise PlanError(f"the question {question.id} has no answers to be exported")
    positive = study.analysis.positive.get(question.id)
    by_arm = positive is not None and positive.arm is not None
    return own.assign(
        value=[json.loads(text) for text in own["answer"]],
        case_id=own["case"] + ("/" + own["arm"] if by_arm else ""),
        positive=False if positive is None else is_positive(positive, own),
    )
