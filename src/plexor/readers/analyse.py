"""Analysis of a closed study: the plan is frozen, the key is opened, the figures are computed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from plexor.core.errors import DataError, PlanError
from plexor.core.files import write_atomic
from plexor.core.ids import digest
from plexor.core.version import __version__
from plexor.findings.reader_results import AskedQuestion, ReadArm, ReaderResults
from plexor.findings.run import RunDirectory
from plexor.readers.agreement import agreement, agreement_with_self
from plexor.readers.beside import beside
from plexor.readers.design import Study
from plexor.readers.export import Unblinded, answers
from plexor.readers.performance import performance
from plexor.readers.question import Question
from plexor.readers.result import Result
from plexor.readers.store import Store, log, the_study
from plexor.readers.timing import timing

PLAN = "analysis-plan.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Results of a study.

    Attributes:
        study: the study file.
        frozen_at: when plan and answers were frozen, UTC.
        reads: the answers analysed, training and repeats left out.
        results: every figure, with its interval and method.
        notes: what was left out, and why.
        compared: whether model observer and model of an audit are among the results.
    """

    study: Study
    frozen_at: str
    reads: pd.DataFrame
    results: tuple[Result, ...]
    notes: tuple[str, ...]
    compared: bool

    def stored(self) -> ReaderResults:
        """The same as ``analysis.json`` holds it."""
        study, reads = self.study, self.reads
        language = study.languages[0]
        left = reads[["image", "case", "group", "arm"]]
        right = reads[["image_right", "case", "group", "arm_right"]].set_axis(left.columns, axis=1)
        shown = pd.concat([left, right[right["image"] != ""]]).drop_duplicates("image")
        return ReaderResults(
            study=study.name,
            title=study.text(study.title, language),
            plexor=__version__,
            frozen_at=self.frozen_at,
            readers=tuple(map(str, reads["reader"].unique())),
            n_images=len(shown),
            n_cases=shown["case"].nunique(),
            n_groups=shown["group"].nunique(),
            compared=self.compared,
            arms=tuple(
                ReadArm(
                    name=name, probe=arm.probe or "", n_images=int((shown["arm"] == name).sum())
                )
                for name, arm in study.arms.items()
            ),
            questions=tuple(_asked(study, question, language) for question in study.questions),
            figures=tuple(result.stored() for result in self.results),
            notes=self.notes,
        )


def _asked(study: Study, question: Question, language: str) -> AskedQuestion:
    positive = study.analysis.positive.get(question.id)
    return AskedQuestion(
        id=question.id,
        kind=question.type,
        ask=study.text(question.ask, language),
        positive_arm=(positive.arm or "") if positive else "",
        positive_truth=(positive.truth or "") if positive else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A closed study with its key.

    Attributes:
        key: the study file, and which image is which.
        frozen_at: when plan and answers were frozen, UTC.
        table: answers with the column "value", without those where the time was up.
    """

    key: Unblinded
    frozen_at: str
    table: pd.DataFrame

    @property
    def reads(self) -> pd.DataFrame:
        """The answers that are analysed: no training, no repeats."""
        return self.table[self.table["kind"] == "read"]


def analyse_study(
    store: Store, folder: Path, key: Path, run: RunDirectory | None = None
) -> Analysis:
    """Opens the key, see ``open_key``, and computes what the study file's ``analysis`` says.

    Args:
        store: the study's database.
        folder: the study's folder, where the plan is frozen.
        key: the key's folder.
        run: the audit that the images are of, to put its model observer and model beside the
            readers.

    Raises:
        PlanError: the study is open, or the run is not that of its images.
        DataError: see ``open_key``.
    """
    opened = open_key(store, folder, key)
    study, reads = opened.key.study, opened.reads
    results, notes = _computed(study, opened.table)
    if run is not None and not reads.empty:
        found = beside(study, opened.key, reads, results, run)
        results, notes = [*results, *found.results], [*notes, *found.notes]
    return Analysis(
        study=study,
        frozen_at=opened.frozen_at,
        reads=reads,
        results=tuple(results),
        notes=tuple(notes),
        compared=run is not None,
    )


def open_key(store: Store, folder: Path, key: Path) -> Opened:
    """Freezes the plan, logs the unblinding, and opens the key.

    The plan is ``analysis`` of the study file, whose digest is in the database since the study was
    created. Together with the digest of the blinded answers it is written to
    ``analysis-plan.json`` before the key is opened. A second opening requires both unchanged.

    Args:
        store: the study's database.
        folder: the study's folder, where the plan is frozen.
        key: the key's folder.

    Raises:
        PlanError: the study is open.
        DataError: the study file in the key is not the original one, or the answers have changed
            since the key was first opened.
    """
    with store.reading() as session:
        row = the_study(session)
        state, made_of = row.state, row.digest
    if state != "closed":
        raise PlanError("the study is open; close it before it is analysed: plexor readers close")
    blinded = answers(store)
    frozen_at = _freeze(folder / PLAN, study=made_of, data=digest(blinded.to_csv(index=False)))
    with store.writing() as session:
        log(session, "unblinded", study=made_of)
    opened = Unblinded.read(key)
    if digest(opened.study.model_dump(mode="json")) != made_of:
        raise DataError(
            f"{key / 'study.yaml'} differs from the study file of this study; its analysis "
            "was fixed at its creation, and cannot be changed after the answers"
        )
    return Opened(key=opened, frozen_at=frozen_at, table=_values(answers(store, opened)))


def _freeze(path: Path, *, study: str, data: str) -> str:
    if path.exists():
        frozen = json.loads(path.read_text())
        if (frozen["study"], frozen["answers"]) != (study, data):
            raise DataError(
                f"{path} was frozen for other answers or another plan; answers that were deleted "
                "since then change the results: keep that file with the old analysis, and remove "
                "it to begin another"
            )
        return str(frozen["frozen_at"])
    now = time.strftime("%FT%TZ", time.gmtime())
    frozen = {"study": study, "answers": data, "frozen_at": now}
    write_atomic(path, json.dumps(frozen, indent=1).encode())
    return now


def _values(table: pd.DataFrame) -> pd.DataFrame:
    """Answers with the column "value", without those that ran out of time."""
    table = table.assign(value=[json.loads(text) for text in table["answer"]])
    return table[[value is not None for value in table["value"]]]


def _computed(study: Study, table: pd.DataFrame) -> tuple[list[Result], list[str]]:
    notes = []
    if (n_late := int(table["late"].sum())) > 0:
        notes.append(f"{n_late} answers came after the time limit and are counted")
    reads = table[table["kind"] == "read"]
    if reads.empty:
        return [], [*notes, "no answers"]
    results: list[Result] = []
    for question in study.questions:
        own = reads[reads["question"] == question.id].reset_index(drop=True)
        results += performance(study, question, own)
        results += agreement(study, question, own)
        again = table[(table["question"] == question.id) & (table["kind"] == "repeat")]
        results += agreement_with_self(study, question, own, again)
    results += timing(reads, level=study.analysis.level)
    return results, notes


def rows_of(analysis: Analysis) -> Iterator[Sequence[str]]:
    """Rows for a terminal: question, measure, who, value with interval, n."""
    for result in analysis.results:
        yield (result.question, result.measure, result.who, result.worded(), str(result.n))
