"""What a reader study found, as ``analysis.json`` and a run directory's ``readers/`` hold it.

Written by ``plexor readers analyse``; read by the report, which knows no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plexor.core.errors import RunDirectoryError
from plexor.core.files import write_atomic
from plexor.findings.json_format import JsonFormat
from plexor.findings.run import RunDirectory
from plexor.findings.summary.counts import Count
from plexor.findings.summary.estimate import StoredEstimate, StoredTest

ALL = "all readers"
OBSERVER = "model observer"
MODEL = "model"
AT_SPECIFICITY = "sensitivity at the readers' specificity"
"""Of the model observer, with the threshold at which its specificity is that of the readers."""
QuestionKind = Literal["yes-no", "rating", "options", "side", "marks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadArm:
    """One way in which images were shown.

    Attributes:
        name: as in the study file.
        probe: of the audit; "" for the original, or where no audit made the images.
        n_images: images of this arm with an answer, training and repeats left out.
    """

    name: str
    probe: str
    n_images: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedQuestion:
    """A question of the study.

    Attributes:
        id: as in the study file.
        kind: its type.
        ask: its text, in the study's first language.
        positive_arm: the arm that "yes", a high rating or the chosen side is right for; else "".
        positive_truth: the class that "yes" or a high rating is right for; else "".
    """

    id: str
    kind: QuestionKind
    ask: str
    positive_arm: str
    positive_truth: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderFigure:
    """One figure.

    Attributes:
        question: id of the question; "" where it is about none.
        measure: e.g. "sensitivity", "AUC", "kappa".
        who: a reader, "all readers", "model observer", "model", or what is compared.
        estimate: with its interval; None for a test.
        test: None for an estimate.
    """

    question: str
    measure: str
    who: str
    estimate: StoredEstimate | None
    test: StoredTest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderResults:
    """Everything that a reader study found.

    Attributes:
        format: of this document.
        study: name in the study file.
        title: what the readers saw at the top, in the study's first language.
        plexor: version that computed it.
        frozen_at: when plan and answers were frozen, before the key was opened; UTC.
        readers: pseudonyms with an answer, in order of invitation.
        n_images: images with an answer, training left out.
        n_cases: their cases.
        n_groups: their groups (patients or lesions).
        compared: whether model observer and model of an audit stand beside the readers.
        arms: how images were shown.
        questions: what was asked.
        figures: every figure with its interval and method.
        notes: what was left out, and why.
    """

    format: Literal["plexor-reader-analysis/2"] = "plexor-reader-analysis/2"
    study: str
    title: str
    plexor: str
    frozen_at: str
    readers: tuple[str, ...]
    n_images: Count
    n_cases: Count
    n_groups: Count
    compared: bool
    arms: tuple[ReadArm, ...]
    questions: tuple[AskedQuestion, ...]
    figures: tuple[ReaderFigure, ...]
    notes: tuple[str, ...]


_FORMAT = JsonFormat(ReaderResults)


def dump_results(results: ReaderResults) -> bytes:
    """The JSON document."""
    return _FORMAT.dump(results)


def load_results(path: Path) -> ReaderResults:
    """Reads the document.

    Raises:
        RunDirectoryError: it cannot be read, or is not such a document; the message names it.
    """
    try:
        return _FORMAT.load(path.read_bytes())
    except (OSError, RunDirectoryError) as error:
        raise RunDirectoryError(
            f"{path} is not the analysis of a reader study: {error}; run: plexor readers analyse"
        ) from error


def keep_results(run: RunDirectory, results: ReaderResults) -> Path:
    """Keeps them in a run directory, where the report finds them; returns the file.

    A study of the same name is replaced.
    """
    path = run.path / "readers" / f"{results.study}.json"
    write_atomic(path, dump_results(results))
    return path


def reader_studies(run: RunDirectory) -> tuple[ReaderResults, ...]:
    """The reader studies that a run directory keeps, by name.

    Raises:
        RunDirectoryError: a file is damaged.
    """
    return tuple(load_results(path) for path in sorted((run.path / "readers").glob("*.json")))
