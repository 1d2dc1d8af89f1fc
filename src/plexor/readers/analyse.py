"""Analysis of a closed study: the plan is frozen, the key is opened, the figures are computed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from plexor.core.errors import DataError, PlanError
from plexor.core.files import write_atomic
from plexor.core.ids import digest
from plexor.readers.agreement import agreement, agreement_with_self
from plexor.readers.design import Study
from plexor.readers.export import Unblinded, answers
from plexor.readers.performance import performance
from plexor.readers.result import Result
from plexor.readers.store import Store, log, the_study
from plexor.readers.timing import timing

PLAN = "analysis-plan.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Results of a study.

    Attributes:
        name: name of the study.
        n_readers: readers with an answer.
        results: every figure, with its interval and method.
        notes: exclusions, with reasons.
    """

    name: str
    n_readers: int
    results: tuple[Result, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {
            "format": "plexor-reader-analysis/1",
            "study": self.name,
            "n_readers": self.n_readers,
            "notes": list(self.notes),
            "results": [result.to_dict() for result in self.results],
        }


def analyse_study(store: Store, folder: Path, key: Path) -> Analysis:
    """Freezes the plan, logs the unblinding, opens the key and computes.

    The plan is ``analysis`` of the study file, whose digest is in the database since the study was
    created. Together with the digest of the blinded answers it is written to
    ``analysis-plan.json`` before the key is opened. A second analysis requires both unchanged.

    Args:
        store: the study's database.
        folder: the study's folder, where the plan is frozen.
        key: the key's folder.

    Raises:
        PlanError: the study is open.
        DataError: the study file in the key is not the original one, or the answers have changed
            since the first analysis.
    """
    with store.reading() as session:
        row = the_study(session)
        state, made_of, name = row.state, row.digest, row.name
    if state != "closed":
        raise PlanError("the study is open; close it before it is analysed: plexor readers close")
    blinded = answers(store)
    _freeze(folder / PLAN, study=made_of, data=digest(blinded.to_csv(index=False)))
    with store.writing() as session:
        log(session, "unblinded", study=made_of)
    opened = Unblinded.read(key)
    if digest(opened.study.model_dump(mode="json")) != made_of:
        raise DataError(
            f"{key / 'study.yaml'} differs from the study file of this study; its analysis "
            "was fixed at its creation, and cannot be changed after the answers"
        )
    table = _values(answers(store, opened))
    results, notes = _computed(opened.study, table)
    return Analysis(name=name, n_readers=table["reader"].nunique(), results=results, notes=notes)


def _freeze(path: Path, *, study: str, data: str) -> None:
    if path.exists():
        frozen = json.loads(path.read_text())
        if (frozen["study"], frozen["answers"]) != (study, data):
            raise DataError(
                f"{path} was frozen for other answers or another plan; answers that were deleted "
                "since then change the results: keep that file with the old analysis, and remove "
                "it to begin another"
            )
        return
    frozen = {"study": study, "answers": data, "frozen_at": time.strftime("%FT%TZ", time.gmtime())}
    write_atomic(path, json.dumps(frozen, indent=1).encode())


def _values(table: pd.DataFrame) -> pd.DataFrame:
    """Answers with the column "value", without those that ran out of time."""
    table = table.assign(value=[json.loads(text) for text in table["answer"]])
    return table[[value is not None for value in table["value"]]]


def _computed(study: Study, table: pd.DataFrame) -> tuple[tuple[Result, ...], tuple[str, ...]]:
    notes = []
    if (n_late := int(table["late"].sum())) > 0:
        notes.append(f"{n_late} answers came after the time limit and are counted")
    reads = table[table["kind"] == "read"]
    if reads.empty:
        return (), (*notes, "no answers")
    results: list[Result] = []
    for question in study.questions:
        own = reads[reads["question"] == question.id].reset_index(drop=True)
        results += performance(study, question, own)
        results += agreement(study, question, own)
        again = table[(table["question"] == question.id) & (table["kind"] == "repeat")]
        results += agreement_with_self(study, question, own, again)
    results += timing(reads, level=study.analysis.level)
    return tuple(results), tuple(notes)


def rows_of(analysis: Analysis) -> Iterator[Sequence[str]]:
    """Rows for a terminal: question, measure, who, value with interval, n."""
    for result in analysis.results:
        yield (result.question, result.measure, result.who, result.worded(), str(result.n))


def read_analysis(path: Path) -> dict[str, Any]:
    """A saved analysis as plain data."""
    return dict(json.loads(path.read_text()))
