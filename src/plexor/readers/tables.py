"""The tables of a study's database.

Reads are created when a reader is invited and never change. Openings, submissions and the log are
append-only: a correction is a further row. Times are milliseconds since 1970, UTC. Arms, cases and
groups are opaque tokens; their meaning is in the key, which the server never opens.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Json = dict[str, Any]


class Base(DeclarativeBase):
    """Base of the tables: how Python's types are stored."""

    type_annotation_map = {Json: JSON, list[str]: JSON}  # noqa: RUF012 (SQLAlchemy's own form)


class StudyRow(Base):
    """The study; one row, with id 1.

    Attributes:
        design: the study file without arms and analysis.
        digest: SHA-256 of the whole study file, with arms and analysis.
        state: "open" or "closed".
        password: argon2 hash of the investigator's password; none until one is set.
    """

    __tablename__ = "studies"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    design: Mapped[Json] = mapped_column(deferred=True)  # long, and needed once
    digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    password: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[int] = mapped_column(BigInteger)
    closed_at: Mapped[int | None] = mapped_column(BigInteger)


class StimulusRow(Base):
    """An image or a volume, with its display; ``answer`` is for training cases only."""

    __tablename__ = "stimuli"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    case_token: Mapped[str] = mapped_column(String(32))
    group_token: Mapped[str] = mapped_column(String(32))
    arm_token: Mapped[str] = mapped_column(String(32))
    case_set: Mapped[int]
    training: Mapped[bool]
    view: Mapped[Json]
    answer: Mapped[Json]


class ReaderRow(Base):
    """A reader under a pseudonym."""

    __tablename__ = "readers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    ordinal: Mapped[int]
    pilot: Mapped[bool]
    language: Mapped[str] = mapped_column(String(5))
    profile: Mapped[Json]
    created_at: Mapped[int] = mapped_column(BigInteger)
    consented_at: Mapped[int | None] = mapped_column(BigInteger)
    withdrawn_at: Mapped[int | None] = mapped_column(BigInteger)


class TokenRow(Base):
    """A personal link, as the SHA-256 of its token."""

    __tablename__ = "tokens"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id"))
    expires_at: Mapped[int] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)


class SessionRow(Base):
    """A signed-in browser, as the SHA-256 of its cookie; without a reader, the investigator's."""

    __tablename__ = "sessions"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    reader_id: Mapped[int | None] = mapped_column(ForeignKey("readers.id"))
    csrf: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class ReadRow(Base):
    """One reading task of one reader."""

    __tablename__ = "reads"
    __table_args__ = (UniqueConstraint("reader_id", "position"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id"))
    position: Mapped[int]
    block: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    stimuli: Mapped[list[str]]


class OpeningRow(Base):
    """A showing of a read, with time and screen."""

    __tablename__ = "openings"
    __table_args__ = (Index("openings_by_read", "read_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    read_id: Mapped[str] = mapped_column(ForeignKey("reads.id"))
    display: Mapped[Json]
    opened_at: Mapped[int] = mapped_column(BigInteger)


class SubmissionRow(Base):
    """The answers to one read, as sent once.

    ``revision`` is 1 for the first answers, 2 for their correction, …; none if the submission does
    not count because others came before. The current answers of a read are those of its greatest
    revision. The database refuses a second submission of one revision, and a second row for one key
    of a browser.
    """

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("reader_id", "client_key"),
        UniqueConstraint("read_id", "revision"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id"))
    read_id: Mapped[str] = mapped_column(ForeignKey("reads.id"))
    client_key: Mapped[str] = mapped_column(String(64))
    revision: Mapped[int | None]
    answers: Mapped[Json]
    elapsed_ms: Mapped[int] = mapped_column(BigInteger)
    late: Mapped[bool]
    display: Mapped[Json]
    received_at: Mapped[int] = mapped_column(BigInteger)


class LogRow(Base):
    """An event of the study: created, invited, closed, exported, unblinded."""

    __tablename__ = "log"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    what: Mapped[str] = mapped_column(String(40))
    detail: Mapped[Json]
