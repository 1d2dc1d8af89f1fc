"""Order of a reader's reads: the next read, and refusal of steps out of order."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from plexor.core.errors import PlanError
from plexor.readers.design import Design
from plexor.readers.store import now_ms, the_study
from plexor.readers.tables import ReaderRow, ReadRow, SubmissionRow

_DAY_MS = 86_400_000


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


def check_turn(session: Session, study: Design, reader: ReaderRow, row: ReadRow) -> None:
    """Refuses a read that is not the next, or whose block has not begun.

    Raises:
        RefusedError: either is so.
    """
    following = next_read(session, reader.id)
    if following is None or following.id != row.id:
        raise RefusedError("order", "another case comes first")
    if pause_until(session, study, row) is not None:
        raise RefusedError("pause", "the pause between two blocks is not over")


def own_read(session: Session, reader: ReaderRow, read_id: str) -> ReadRow:
    """The read of that id.

    Raises:
        RefusedError: it does not exist, or is another reader's.
    """
    row = session.get(ReadRow, read_id)
    if row is None or row.reader_id != reader.id:
        raise RefusedError("unknown", "there is no such case")
    return row


def current_revision(session: Session, read_id: str) -> int:
    """The revision of the current answers; 0 without answers."""
    return (
        session.scalar(
            sa.select(sa.func.max(SubmissionRow.revision)).where(SubmissionRow.read_id == read_id)
        )
        or 0
    )


def _answered() -> sa.Exists:
    return (
        sa.select(SubmissionRow.id)
        .where(SubmissionRow.read_id == ReadRow.id, SubmissionRow.revision == 1)
        .exists()
    )


def next_read(session: Session, reader_id: int) -> ReadRow | None:
    """The first read without answers; None if all reads have answers."""
    return session.scalar(
        sa.select(ReadRow)
        .where(ReadRow.reader_id == reader_id, ~_answered())
        .order_by(ReadRow.position)
        .limit(1)
    )


def progress(session: Session, reader_id: int) -> tuple[int, int]:
    """Number of reads answered, and of all reads, without training."""
    own = sa.and_(ReadRow.reader_id == reader_id, ReadRow.kind != "training")
    total = session.scalar(sa.select(sa.func.count()).select_from(ReadRow).where(own)) or 0
    done = (
        session.scalar(sa.select(sa.func.count()).select_from(ReadRow).where(own, _answered())) or 0
    )
    return done, total


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
