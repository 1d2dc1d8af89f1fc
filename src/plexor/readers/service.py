"""Actions of a reader: consent, open a read, submit answers.

Every function is one step within a transaction. The database decides which answers count: a
submission names the revision known to its browser, and each revision of a read exists once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from plexor.core.errors import PlanError
from plexor.readers.design import Design
from plexor.readers.question import check_answers
from plexor.readers.store import log, now_ms, the_study
from plexor.readers.tables import (
    Json,
    OpeningRow,
    ReaderRow,
    ReadRow,
    StimulusRow,
    SubmissionRow,
)
from plexor.readers.turn import (
    Asked,
    RefusedError,
    asked_for,
    check_open,
    check_turn,
    may_follow,
    pause_until,
    reached,
    reads_from,
    stimuli_of,
)

State = Literal["consent", "reading", "pause", "done", "closed", "withdrawn"]
_GRACE_MS = 5_000
"""Tolerated delay after the time limit before an answer is marked late."""
_SENT = sa.select(SubmissionRow).where(
    SubmissionRow.reader_id == sa.bindparam("reader"),
    SubmissionRow.client_key == sa.bindparam("key"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadView:
    """A read as sent to a browser.

    Attributes:
        id: opaque.
        kind: "training", "read"; a repeat is shown as a read.
        block: 0 for training.
        revision: revision of the current answers; 0 without answers.
        answers: the current answers, if they may be corrected.
        stimuli: for each image its size, slices and default window.
        previous: the previous read, if it may be corrected.
    """

    id: str
    kind: str
    block: int
    revision: int
    answers: Json
    stimuli: list[Json]
    previous: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """The read after the one to show, whose images may be fetched meanwhile.

    Attributes:
        id: opaque.
        slices: number of slices of each image.
    """

    id: str
    slices: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """State of a reader.

    Attributes:
        state: the next action.
        done: number of reads answered, without training.
        total: number of reads, without training.
        read: the read to show, in the state "reading".
        following: the read after that, if its images may be fetched already.
        until: end of a pause between blocks, milliseconds since 1970.
    """

    state: State
    done: int
    total: int
    read: ReadView | None = None
    following: Following | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Outcome of a submission.

    Attributes:
        counted: whether these are, or were, current answers.
        revision: revision of these answers, or of the current ones.
        late: whether the answers came after the time limit.
        feedback: for a training case, the right answers by question.
    """

    counted: bool
    revision: int
    late: bool
    feedback: Json = field(default_factory=dict)


def the_design(session: Session) -> Design:
    """The study's design as the server knows it."""
    return Design.model_validate(the_study(session).design)


def consent(session: Session, reader: ReaderRow, *, language: str, profile: Json) -> None:
    """Records a reader's consent, with role and years of experience."""
    check_open(session, reader)
    if reader.consented_at is None:
        reader.consented_at = now_ms()
        reader.profile = profile
    reader.language = language


def standing(session: Session, study: Design, reader: ReaderRow) -> Standing:
    """The state of a reader, the same on any device."""
    now = reached(session, reader.id)
    done, total = now.done, now.total
    if reader.withdrawn_at is not None:
        return Standing(state="withdrawn", done=done, total=total)
    if the_study(session).state != "open":
        return Standing(state="closed", done=done, total=total)
    if reader.consented_at is None:
        return Standing(state="consent", done=done, total=total)
    if now.position is None:
        return Standing(state="done", done=done, total=total)
    row, *after = reads_from(session, reader.id, now.position)
    until = pause_until(session, study, row)
    if until is not None:
        return Standing(state="pause", done=done, total=total, until=until)
    stimuli = stimuli_of(session, row, *after)
    return Standing(
        state="reading",
        done=done,
        total=total,
        read=_view(session, study, Asked(row=row, revision=0, first=now.position), stimuli),
        following=_following(row, after, stimuli),
    )


def view_read(session: Session, study: Design, reader: ReaderRow, read_id: str) -> ReadView:
    """A read to be shown again for a correction, or the current one.

    Raises:
        RefusedError: the read is not this reader's, or not available now.
    """
    asked = asked_for(session, reader, read_id)
    _check_shown(session, study, reader, asked)
    return _view(session, study, asked, stimuli_of(session, asked.row))


def open_read(
    session: Session, study: Design, reader: ReaderRow, read_id: str, display: Json
) -> None:
    """Records that a read was shown, with the browser's screen.

    Raises:
        RefusedError: as for ``view_read``.
    """
    asked = asked_for(session, reader, read_id)
    _check_shown(session, study, reader, asked)
    session.add(OpeningRow(read_id=asked.row.id, display=display, opened_at=now_ms()))


def stimulus_of(session: Session, study: Design, reader: ReaderRow, read_id: str, slot: int) -> str:
    """The id of the image in a place of a read, for a reader who may fetch it now.

    Raises:
        RefusedError: as for ``view_read``, but the read after the next may be fetched, too; or
            there is no such place.
    """
    asked = asked_for(session, reader, read_id)
    if asked.first is not None and asked.row.position == asked.first + 1:
        _check_following(session, study, reader, asked)
    else:
        _check_shown(session, study, reader, asked)
    if not 0 <= slot < len(asked.row.stimuli):
        raise RefusedError("unknown", "there is no such image")
    return asked.row.stimuli[slot]


def submit(
    session: Session,
    study: Design,
    reader: ReaderRow,
    read_id: str,
    *,
    client_key: str,
    revises: int,
    answers: Json,
    elapsed_ms: int,
    display: Json,
) -> Receipt:
    """Records the answers to one read; a repeated ``client_key`` is the same submission.

    Args:
        session: a transaction that may write.
        study: the design.
        reader: the reader.
        read_id: id of one of this reader's reads.
        client_key: drawn by the browser for these answers, and sent with each attempt.
        revises: the revision known to the browser; 0 for first answers.
        answers: one to each question; None if the time ran out.
        elapsed_ms: time since the images were visible, by the browser's clock.
        display: the browser's screen.

    Raises:
        RefusedError: the read is not this reader's or not the current one, the study is closed, an
            answer is invalid, or the key was used for other answers.
    """
    asked = asked_for(session, reader, read_id)
    row = asked.row
    known = session.scalar(_SENT, {"reader": reader.id, "key": client_key})
    if known is not None:
        if known.read_id != row.id or known.answers != answers:
            raise RefusedError("key", "this key was used for other answers")
        return _receipt(session, study, asked, known)
    the_study(session, shared=True)
    check_open(session, reader)
    if reader.consented_at is None:
        raise RefusedError("consent", "the reader has not consented yet")
    check_values(session, study, row.stimuli, answers)
    current = asked.revision
    if current == 0:
        check_turn(session, study, asked)
    may_count = current == 0 or (study.corrections and row.kind != "training")
    counts = revises == current and may_count
    new = SubmissionRow(
        reader_id=reader.id,
        read_id=row.id,
        client_key=client_key,
        revision=current + 1 if counts else None,
        answers=answers,
        elapsed_ms=elapsed_ms,
        late=_late(study, elapsed_ms),
        display=display,
        received_at=now_ms(),
    )
    session.add(new)
    session.flush()
    return _receipt(session, study, asked, new)


def withdraw(session: Session, reader: ReaderRow) -> None:
    """Withdraws a reader; answers stay until the investigator deletes them."""
    if reader.withdrawn_at is None:
        reader.withdrawn_at = now_ms()
        log(session, "withdrawn", reader=reader.id)


def _late(study: Design, elapsed_ms: int) -> bool:
    limit = study.time_limit_s
    return limit is not None and elapsed_ms > limit * 1000 + _GRACE_MS


def check_values(session: Session, study: Design, stimuli: Sequence[str], answers: Json) -> None:
    """Refuses answers that do not fit the questions or the images.

    Raises:
        RefusedError: an answer too many or too few, a wrong value, a mark outside of the image.
    """
    try:
        check_answers(study.questions, answers)
    except PlanError as error:
        raise RefusedError("invalid", str(error)) from error
    if study.time_limit_s is None and None in answers.values():
        raise RefusedError("invalid", "answers: expected one to each question, but one is missing")
    for question in study.questions:
        marks = answers[question.id]
        if question.type == "marks" and marks:
            view = session.get_one(StimulusRow, stimuli[0]).view
            ends = {"x": view["width"], "y": view["height"], "slice": view["slices"]}
            if any(mark[name] >= end for mark in marks for name, end in ends.items()):
                raise RefusedError("invalid", f"{question.id}: a mark lies outside of the image")


def _check_reads(session: Session, reader: ReaderRow) -> None:
    check_open(session, reader)
    if reader.consented_at is None:
        raise RefusedError("consent", "the reader has not consented yet")


def _check_shown(session: Session, study: Design, reader: ReaderRow, asked: Asked) -> None:
    _check_reads(session, reader)
    if asked.revision == 0:
        check_turn(session, study, asked)
    elif not study.corrections or asked.row.kind == "training":
        raise RefusedError("order", "this case has been answered")


def _check_following(session: Session, study: Design, reader: ReaderRow, asked: Asked) -> None:
    _check_reads(session, reader)
    row, following = reads_from(session, reader.id, asked.row.position - 1)
    if not may_follow(row, following, stimuli_of(session, row, following)):
        raise RefusedError("order", "another case comes first")
    if pause_until(session, study, row) is not None:
        raise RefusedError("pause", "the pause between two blocks is not over")


def _following(
    row: ReadRow, after: Sequence[ReadRow], stimuli: Sequence[StimulusRow]
) -> Following | None:
    if not after or not may_follow(row, after[0], stimuli):
        return None
    slices = [one.view["slices"] for one in stimuli[len(row.stimuli) :]]
    return Following(id=after[0].id, slices=slices)


def _view(
    session: Session, study: Design, asked: Asked, stimuli: Sequence[StimulusRow]
) -> ReadView:
    row, revision = asked.row, asked.revision
    answers: Json = {}
    if revision:
        answers = session.scalars(
            sa.select(SubmissionRow.answers).where(
                SubmissionRow.read_id == row.id, SubmissionRow.revision == revision
            )
        ).one()
    previous = None
    if study.corrections:
        previous = session.scalar(
            sa.select(ReadRow.id)
            .where(
                ReadRow.reader_id == row.reader_id,
                ReadRow.position < row.position,
                ReadRow.kind != "training",
            )
            .order_by(ReadRow.position.desc())
            .limit(1)
        )
    return ReadView(
        id=row.id,
        kind="training" if row.kind == "training" else "read",
        block=row.block,
        revision=revision,
        answers=answers,
        stimuli=[one.view for one in stimuli[: len(row.stimuli)]],
        previous=previous,
    )


def _receipt(session: Session, study: Design, asked: Asked, new: SubmissionRow) -> Receipt:
    row = asked.row
    feedback: Json = {}
    if row.kind == "training" and study.training.feedback:
        feedback = _right_answers(session, study, row)
    return Receipt(
        counted=new.revision is not None,
        revision=new.revision or asked.revision,
        late=new.late,
        feedback=feedback,
    )


def _right_answers(session: Session, study: Design, row: ReadRow) -> Json:
    stimuli = stimuli_of(session, row)
    if study.show == "one":
        return dict(stimuli[0].answer)
    right: Json = {}
    for question in study.questions:
        for side, stimulus in zip(("left", "right"), stimuli, strict=True):
            if question.type == "side" and stimulus.answer.get(question.id) is True:
                right[question.id] = side
    return right
