"""Order of a reader's reads: the next read, and refusal of steps out of order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from plexor.core.errors import PlanError
from plexor.readers.design import Design
from plexor.readers.store import now_ms, the_study
from plexor.readers.tables import ReaderRow, ReadRow, StimulusRow, SubmissionRow

_DAY_MS = 86_400_000
# Statements that each request sends are built once: building one takes longer than SQLite's answer.
_OWN, _ANSWERED = aliased(ReadRow), aliased(SubmissionRow)
_ASKED = sa.select(
    ReadRow,
    sa.select(sa.func.max(SubmissionRow.revision))
    .where(SubmissionRow.read_id == ReadRow.id)
    .scalar_subquery(),
    sa.select(sa.func.min(_OWN.position))
    .where(
        _OWN.reader_id == sa.bindparam("reader"),
        ~sa.exists().where(_ANSWERED.read_id == _OWN.id, _ANSWERED.revision == 1),
    )
    .scalar_subquery(),
).where(ReadRow.id == sa.bindparam("read"), ReadRow.reader_id == sa.bindparam("reader"))
_TRAINING = ReadRow.kind == "training"
_REACHED = (
    sa.select(
        sa.func.count(ReadRow.id).filter(~_TRAINING),
        sa.func.count(SubmissionRow.id).filter(~_TRAINING),
        sa.func.min(ReadRow.position).filter(SubmissionRow.id.is_(None)),
    )
    .outerjoin(
        SubmissionRow, sa.and_(SubmissionRow.read_id == ReadRow.id, SubmissionRow.revision == 1)
    )
    .where(ReadRow.reader_id == sa.bindparam("reader"))
)
_READS = (
    sa.select(ReadRow)
    .where(
        ReadRow.reader_id == sa.bindparam("reader"),
        ReadRow.position.in_(sa.bindparam("positions", expanding=True)),
    )
    .order_by(ReadRow.position)
)
_STIMULI = sa.select(StimulusRow).where(StimulusRow.id.in_(sa.bindparam("names", expanding=True)))


class RefusedError(PlanError):
    """A step that is not allowed now, with a ``code`` for the browser.

    Attributes:
        code: "unknown", "closed", "consent", "order", "key", "invalid", "withdrawn", "pause".
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check_open(session: Session, reader: ReaderRow) -> None:
    """Refuses a reader who has left, or a study that is closed.

    Raises:
        RefusedError: either is so.
    """
    if reader.withdrawn_at is not None:
        raise RefusedError("withdrawn", "this reader has left the study")
    if the_study(session).state != "open":
        raise RefusedError("closed", "the study is closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A read that a browser asks for.

    Attributes:
        row: the read.
        revision: revision of its current answers; 0 without answers.
        first: position of the reader's first read without answers; None if all have answers.
    """

    row: ReadRow
    revision: int
    first: int | None


def asked_for(session: Session, reader: ReaderRow, read_id: str) -> Asked:
    """The read of that id.

    Raises:
        RefusedError: it does not exist, or is another reader's.
    """
    found = session.execute(_ASKED, {"read": read_id, "reader": reader.id}).one_or_none()
    if found is None:
        raise RefusedError("unknown", "there is no such case")
    return Asked(row=found[0], revision=found[1] or 0, first=found[2])


def check_turn(session: Session, study: Design, asked: Asked) -> None:
    """Refuses a read that is not the next, or whose block has not begun.

    Raises:
        RefusedError: either is so.
    """
    if asked.row.position != asked.first:
        raise RefusedError("order", "another case comes first")
    if pause_until(session, study, asked.row) is not None:
        raise RefusedError("pause", "the pause between two blocks is not over")


def stimuli_of(session: Session, *rows: ReadRow) -> list[StimulusRow]:
    """The images of reads, in order."""
    names = [name for row in rows for name in row.stimuli]
    by_name = {one.id: one for one in session.scalars(_STIMULI, {"names": names})}
    return [by_name[name] for name in names]


def may_follow(row: ReadRow, following: ReadRow, stimuli: Sequence[StimulusRow]) -> bool:
    """Whether the images of the read after next may be fetched before the next is answered.

    Not those of another block, which may begin later, and not those of a case that is being read.

    Args:
        row: the next read.
        following: the read after it.
        stimuli: the images of both.
    """
    cases = {one.id: one.case_token for one in stimuli}
    now = {cases[name] for name in row.stimuli}
    return row.block == following.block and not any(cases[n] in now for n in following.stimuli)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a reader is.

    Attributes:
        done: number of reads answered, without training.
        total: number of reads, without training.
        position: position of the first read without answers; None if all have answers.
    """

    done: int
    total: int
    position: int | None


def reached(session: Session, reader_id: int) -> Reached:
    """How far a reader is."""
    total, done, position = session.execute(_REACHED, {"reader": reader_id}).one()
    return Reached(done=done, total=total, position=position)


def reads_from(session: Session, reader_id: int, position: int) -> list[ReadRow]:
    """A reader's read at a position, and the one after it, if there is one."""
    wanted = {"reader": reader_id, "positions": [position, position + 1]}
    return list(session.scalars(_READS, wanted))


def pause_until(session: Session, study: Design, row: ReadRow) -> int | None:
    """Time at which the block of a read may begin; None if it may begin now."""
    if row.block <= 1 or not study.blocks.washout_days:
        return None
    last = session.scalar(
        sa.select(sa.func.max(SubmissionRow.received_at))
        .join(ReadRow, ReadRow.id == SubmissionRow.read_id)
        .where(
            ReadRow.reader_id == row.reader_id,
            ReadRow.block == row.block - 1,
            SubmissionRow.revision == 1,
        )
    )
    until = (last or 0) + int(study.blocks.washout_days * _DAY_MS)
    return until if until > now_ms() else None
