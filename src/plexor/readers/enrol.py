"""Enrolment: readers are invited, renewed, forgotten; the study is closed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.orm import Session

from plexor.core.errors import PlanError
from plexor.readers.order import Stimulus, reads_for
from plexor.readers.security import new_id, new_token, token_hash
from plexor.readers.service import the_design
from plexor.readers.store import Store, log, now_ms, the_study
from plexor.readers.tables import (
    OpeningRow,
    ReaderRow,
    ReadRow,
    SessionRow,
    StimulusRow,
    StudyRow,
    SubmissionRow,
    TokenRow,
)

_DAY_MS = 86_400_000
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A personal link, the only place that holds the token.

    Attributes:
        reader: the reader's pseudonym.
        token: the secret.
    """

    reader: str
    token: str

    def link(self, base: str) -> str:
        """The link. The part after # is never sent to a server, so it is in no log."""
        return f"{base.rstrip('/')}/enter#{quote(self.token)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a reader.

    Attributes:
        reader: the pseudonym.
        pilot: whether the answers are kept separate.
        consented: whether the reader has agreed.
        withdrawn: whether the reader has left.
        done: reads answered, training not counted.
        total: reads in all.
        last_ms: time of the last answer, milliseconds since 1970; None without answers.
    """

    reader: str
    pilot: bool
    consented: bool
    withdrawn: bool
    done: int
    total: int
    last_ms: int | None


def invite(
    store: Store,
    names: Sequence[str],
    *,
    days: float = 90,
    pilot: bool = False,
    renew: bool = False,
) -> list[Invitation]:
    """Creates a personal link for each reader, and draws their images and order.

    Args:
        store: the study's database.
        names: pseudonyms.
        days: until a link expires.
        pilot: keep the answers separate; such readers are in no export and no analysis.
        renew: issue new links to enrolled readers; their old links end.

    Raises:
        PlanError: a reader is enrolled already, set the truth, or is unknown with ``renew``; the
            study is closed; or no order satisfies the design. Then nobody is invited.
    """
    if twice := sorted({name for name in names if list(names).count(name) > 1}):
        raise PlanError(f"{', '.join(twice)} is named twice; name each reader once")
    with store.writing() as session:
        # Two at once would take the same turn in the balanced order.
        if the_study(session, exclusive=True).state != "open":
            raise PlanError("the study is closed, and nobody can be invited")
        tokens = []
        for name in names:
            reader = _renewed(session, name) if renew else _new(session, name, pilot=pilot)
            token = new_token()
            expires = now_ms() + int(days * _DAY_MS)
            session.add(TokenRow(hash=token_hash(token), reader_id=reader.id, expires_at=expires))
            tokens.append(Invitation(reader=name, token=token))
            log(session, "renewed" if renew else "invited", reader=reader.id, pilot=pilot)
    return tokens


def progress(store: Store) -> list[Progress]:
    """Progress of each reader, in the order of invitation, without answers."""
    counted = sa.and_(SubmissionRow.read_id == ReadRow.id, SubmissionRow.revision == 1)
    query = (
        sa.select(
            ReaderRow,
            sa.func.count(ReadRow.id),
            sa.func.count(SubmissionRow.id),
            sa.func.max(SubmissionRow.received_at),
        )
        .outerjoin(ReadRow, sa.and_(ReadRow.reader_id == ReaderRow.id, ReadRow.kind != "training"))
        .outerjoin(SubmissionRow, counted)
        .group_by(ReaderRow.id)
        .order_by(ReaderRow.id)
    )
    with store.reading() as session:
        return [
            Progress(
                reader=reader.name,
                pilot=reader.pilot,
                consented=reader.consented_at is not None,
                withdrawn=reader.withdrawn_at is not None,
                done=done,
                total=total,
                last_ms=last,
            )
            for reader, total, done, last in session.execute(query)
        ]


def close(store: Store, *, with_open_reads: bool = False) -> None:
    """Closes the study for good: no more answers are accepted, and it can be analysed.

    Raises:
        PlanError: it is closed already, or a reader has reads left.
    """
    with store.reading() as session:
        _check_not_closed(the_study(session))
    unfinished = [
        f"{p.reader} ({p.total - p.done} left)"
        for p in progress(store)
        if p.done < p.total and not p.pilot and not p.withdrawn
    ]
    if unfinished and not with_open_reads:
        raise PlanError(
            f"readers have not finished: {', '.join(unfinished)}; wait, or close with "
            "--with-open-reads"
        )
    with store.writing() as session:
        study = the_study(session, exclusive=True)
        _check_not_closed(study)
        study.state, study.closed_at = "closed", now_ms()
        log(session, "closed", unfinished=len(unfinished))


def _check_not_closed(study: StudyRow) -> None:
    if study.state == "closed":
        raise PlanError("the study is closed already")


def forget(store: Store, name: str) -> int:
    """Deletes a reader with all links, reads and answers; returns the number of submissions.

    Raises:
        PlanError: the reader is unknown.
    """
    with store.writing() as session:
        reader = _known(session, name)
        own_reads = sa.select(ReadRow.id).where(ReadRow.reader_id == reader.id)
        n = session.scalar(
            sa.select(sa.func.count())
            .select_from(SubmissionRow)
            .where(SubmissionRow.reader_id == reader.id)
        )
        session.execute(sa.delete(OpeningRow).where(OpeningRow.read_id.in_(own_reads)))
        for table in (SubmissionRow, ReadRow, SessionRow, TokenRow):
            session.execute(sa.delete(table).where(table.reader_id == reader.id))
        log(session, "forgotten", reader=reader.id, submissions=n)
        session.delete(reader)
    return n or 0


def check_name(session: Session, name: str) -> None:
    """Refuses a pseudonym that cannot be a further reader of the study.

    Raises:
        PlanError: unprintable, too long, taken, or of somebody who set the truth.
    """
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise PlanError(
            f"reader: expected a pseudonym of 1 to {_LONGEST_NAME} characters, got {name!r}"
        )
    if name in the_design(session).truth_set_by:
        raise PlanError(f"{name} set the truth of this study, and cannot read it")
    if session.scalar(sa.select(ReaderRow).where(ReaderRow.name == name)):
        raise PlanError(f"{name} has been invited already; give --renew for a new link")


def _new(session: Session, name: str, *, pilot: bool) -> ReaderRow:
    design = the_design(session)
    check_name(session, name)
    ordinal = session.scalar(
        sa.select(sa.func.coalesce(sa.func.max(ReaderRow.ordinal), -1) + 1).where(
            ReaderRow.pilot == pilot
        )
    )
    reader = ReaderRow(
        name=name,
        ordinal=ordinal,
        pilot=pilot,
        language=design.languages[0],
        profile={},
        created_at=now_ms(),
    )
    session.add(reader)
    session.flush()
    stimuli = [
        Stimulus(
            id=row.id,
            case=row.case_token,
            group=row.group_token,
            arm=row.arm_token,
            case_set=row.case_set,
            training=row.training,
        )
        for row in session.scalars(sa.select(StimulusRow))
    ]
    seed = secrets.randbits(62)
    reads = reads_for(design, stimuli, ordinal=reader.ordinal, seed=seed)
    session.add_all(
        ReadRow(
            id=new_id(),
            reader_id=reader.id,
            position=position,
            block=read.block,
            kind=read.kind,
            stimuli=list(read.stimuli),
        )
        for position, read in enumerate(reads)
    )
    return reader


def _renewed(session: Session, name: str) -> ReaderRow:
    reader = _known(session, name)
    now = now_ms()
    session.execute(
        sa.update(TokenRow)
        .where(TokenRow.reader_id == reader.id, TokenRow.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    session.execute(
        sa.update(SessionRow)
        .where(SessionRow.reader_id == reader.id, SessionRow.ended_at.is_(None))
        .values(ended_at=now)
    )
    return reader


def _known(session: Session, name: str) -> ReaderRow:
    reader = session.scalar(sa.select(ReaderRow).where(ReaderRow.name == name))
    if reader is None:
        raise PlanError(f"nobody called {name!r} has been invited")
    return reader
