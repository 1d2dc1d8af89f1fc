"""Reads that were made elsewhere, from a CSV file into a study.

The file has the form that ``plexor readers export`` writes: one row for each answer. Needed are
``reader``, ``question``, ``answer`` (JSON, as there), and the image: ``image`` (its token, and
``image_right`` with pairs), or ``case`` and ``arm`` (and ``arm_right``), which takes the key.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from plexor.core.errors import DataError, PlanError, unknown
from plexor.readers.enrol import check_name
from plexor.readers.export import CODEBOOK, Unblinded
from plexor.readers.security import new_id
from plexor.readers.service import check_values, the_design
from plexor.readers.store import Store, log, now_ms, the_study
from plexor.readers.tables import Json, ReaderRow, ReadRow, StimulusRow, SubmissionRow
from plexor.readers.turn import RefusedError

_KINDS = ("read", "repeat")
_UNKNOWN_TIME = -1
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came in.

    Attributes:
        readers: pseudonyms.
        n_reads: cases read, repeats too.
    """

    readers: tuple[str, ...]
    n_reads: int


@dataclass(slots=True, kw_only=True)
class _Read:
    """One read of one reader, put together from its rows."""

    reader: str
    stimuli: tuple[str, ...]
    kind: str
    row: Row
    line: int
    answers: Json


def import_reads(store: Store, path: Path, key: Unblinded | None = None) -> Imported:
    """Adds readers with their answers to a study that is open; all rows or none.

    They are analysed like the others. Nothing is known of their screens, and of their times what
    the file has in ``elapsed_ms``.

    Args:
        store: the study's database.
        path: the CSV file.
        key: for files that name case and arm.

    Raises:
        DataError: the file cannot be read, lacks a column, or has an unknown one; a row with an
            image, question or answer that is none of the study's, or a read that is there twice or
            lacks an answer. The message names the line.
        PlanError: a closed study, or a reader who is in the study already.
    """
    rows = _rows(path)
    with store.writing() as session:
        if the_study(session, exclusive=True).state != "open":
            raise PlanError("the study is closed, and no reads can be added")
        known = {row.id for row in session.scalars(sa.select(StimulusRow)) if not row.training}
        reads = list(_reads(path, rows, _Images(known=known, key=key)))
        design = the_design(session)
        for read in reads:
            try:
                check_values(session, design, read.stimuli, read.answers)
            except RefusedError as error:
                raise DataError(f"{path}, line {read.line}: {error}") from error
        names = tuple(dict.fromkeys(read.reader for read in reads))
        for name in names:
            check_name(session, name)
            _add(session, name, [read for read in reads if read.reader == name])
        log(session, "imported", readers=len(names), reads=len(reads))
    return Imported(readers=names, n_reads=len(reads))


def _rows(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows: list[Row] = [
                {k: v or "" for k, v in row.items() if k is not None} for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    for name in ("reader", "question", "answer"):
        if name not in columns:
            raise DataError(f"{path} lacks the column {name}")
    if "image" not in columns and not {"case", "arm"} <= set(columns):
        raise DataError(f"{path} lacks the column image, or the columns case and arm")
    for name in columns:
        if name not in CODEBOOK:
            raise DataError(f"{path}: {unknown('column', name, CODEBOOK)}")
    if not rows:
        raise DataError(f"{path} has no rows")
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Images:
    """The study's images: by token, or with the key by case and arm."""

    known: set[str]
    key: Unblinded | None

    def of(self, row: Row) -> tuple[str, ...]:
        """Tokens of the image, or of both, that a row is about.

        Raises:
            DataError: there is none.
        """
        if row.get("image"):
            tokens = [row["image"], *filter(None, [row.get("image_right", "")])]
        elif self.key is None:
            raise DataError("an image named by case and arm needs the key; give --key")
        else:
            arms = [row.get("arm", ""), *filter(None, [row.get("arm_right", "")])]
            tokens = [self._token(row.get("case", ""), arm) for arm in arms]
        for token in tokens:
            if token not in self.known:
                raise DataError(f"{token!r} is not an image that is read in this study")
        return tuple(tokens)

    def _token(self, case: str, arm: str) -> str:
        rows = {} if self.key is None else self.key.rows
        for token, row in rows.items():
            if (row.case, row.arm, row.training) == (case, arm, False):
                return token
        raise DataError(f"the study shows no case {case!r} in an arm {arm!r}")


def _reads(path: Path, rows: list[Row], images: _Images) -> Iterator[_Read]:
    """Rows of one reader, image and kind are one read."""
    found: dict[tuple[str, tuple[str, ...], str], _Read] = {}
    for line, row in enumerate(rows, 2):
        try:
            stimuli, kind = images.of(row), row.get("kind") or "read"
            if kind not in _KINDS:
                raise DataError(f"kind: expected read or repeat, got {kind!r}")
            at = (row["reader"], stimuli, kind)
            read = found.setdefault(
                at,
                _Read(
                    reader=row["reader"],
                    stimuli=stimuli,
                    kind=kind,
                    row=row,
                    line=line,
                    answers={},
                ),
            )
            if row["question"] in read.answers:
                raise DataError(f"{row['reader']} answers {row['question']} of this image twice")
            read.answers[row["question"]] = json.loads(row["answer"])
        except (DataError, ValueError) as error:
            why = error if isinstance(error, DataError) else "`answer` is not JSON"
            raise DataError(f"{path}, line {line}: {why}") from error
    yield from found.values()


def _add(session: Session, name: str, reads: list[_Read]) -> None:
    profile = {"role": reads[0].row.get("role", ""), "imported": True}
    reader = ReaderRow(
        name=name,
        ordinal=-1,  # takes no turn in the balanced order of those who are invited
        pilot=False,
        language=the_design(session).languages[0],
        profile=profile,
        created_at=now_ms(),
    )
    session.add(reader)
    session.flush()
    made = [
        ReadRow(
            id=new_id(),
            reader_id=reader.id,
            position=position,
            block=1,
            kind=read.kind,
            stimuli=list(read.stimuli),
        )
        for position, read in enumerate(reads)
    ]
    session.add_all(made)
    session.flush()
    session.add_all(
        SubmissionRow(
            reader_id=reader.id,
            read_id=row.id,
            client_key=f"imported-{row.position}",
            revision=1,
            answers=read.answers,
            elapsed_ms=_elapsed(read),
            late=False,
            display={},
            received_at=now_ms(),
        )
        for row, read in zip(made, reads, strict=True)
    )


def _elapsed(read: _Read) -> int:
    text = read.row.get("elapsed_ms", "")
    try:
        value = int(float(text)) if text else _UNKNOWN_TIME
    except (ValueError, OverflowError):
        value = -2
    if value < _UNKNOWN_TIME or value > 2**53:
        raise DataError(f"line {read.line}: `elapsed_ms` is {text!r}, expected milliseconds")
    return value
