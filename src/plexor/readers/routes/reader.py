"""Routes for a reader's browser."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response

from plexor.readers import service
from plexor.readers.deps import (
    Caller,
    ReaderDep,
    SiteDep,
    TooManyError,
    WriterDep,
    attempt,
    reader_row,
    sign_in,
    sign_out,
)
from plexor.readers.personal import personal_data
from plexor.readers.routes.shapes import Consent, Enter, Place, ReadId, Screen, Submission
from plexor.readers.security import token_hash
from plexor.readers.settings import Site
from plexor.readers.store import now_ms
from plexor.readers.tables import ReaderRow, TokenRow
from plexor.readers.turn import RefusedError
from plexor.readers.wording import study_texts

router = APIRouter(prefix="/api")


@router.post("/enter")
def enter(body: Enter, request: Request, response: Response, site: SiteDep) -> dict[str, str]:
    """Signs a browser in with the token of a personal link."""
    with attempt(site.entries, request), site.store.writing() as session:
        token = session.get(TokenRow, token_hash(body.token))
        valid = token is not None and token.revoked_at is None and token.expires_at > now_ms()
        if token is None or not valid:
            raise RefusedError("link", "the link is not valid, or no longer")
        if session.get_one(ReaderRow, token.reader_id).withdrawn_at is not None:
            raise RefusedError("link", "the link is not valid, or no longer")
        if not site.visits.allows(f"reader {token.reader_id}"):
            raise TooManyError
        sign_in(session, site, response, token.reader_id)
    return {"next": "/study"}


@router.get("/state")
def state(site: SiteDep, caller: ReaderDep) -> dict[str, Any]:
    """The reader's state, with everything the page needs to continue."""
    with site.store.reading() as session:
        reader = reader_row(session, caller)
        now = service.standing(session, site.design, reader)
        return {
            **asdict(now),
            "reader": reader.name,
            "csrf": caller.csrf,
            "study": study_texts(site.design, reader.language),
        }


@router.post("/consent")
def consent(body: Consent, site: SiteDep, caller: WriterDep) -> dict[str, Any]:
    """Records the reader's consent."""
    if body.language not in site.design.languages:
        raise RefusedError("invalid", f"the study is not in the language {body.language}")
    profile = {"role": body.role, "years": body.years}
    with site.store.writing() as session:
        reader = reader_row(session, caller)
        service.consent(session, reader, language=body.language, profile=profile)
    return _standing(site, caller)


@router.get("/reads/{read_id}")
def read(read_id: ReadId, site: SiteDep, caller: ReaderDep) -> dict[str, Any]:
    """A read for correction."""
    with site.store.reading() as session:
        reader = reader_row(session, caller)
        return asdict(service.view_read(session, site.design, reader, read_id))


@router.post("/reads/{read_id}/open", status_code=204)
def open_read(read_id: ReadId, body: Screen, site: SiteDep, caller: WriterDep) -> None:
    """Records that a read was shown, with the screen."""
    with site.store.writing() as session:
        reader = reader_row(session, caller)
        service.open_read(session, site.design, reader, read_id, body.model_dump())


@router.post("/reads/{read_id}/submissions")
def submit(read_id: ReadId, body: Submission, site: SiteDep, caller: WriterDep) -> dict[str, Any]:
    """Records the answers to a read; after status 200 they are on disk."""
    receipt = _submit(site, caller, read_id, body)
    return {**asdict(receipt), "standing": _standing(site, caller)}


@router.get("/reads/{read_id}/images/{slot}/{piece}", response_class=Response)
def image(read_id: ReadId, slot: Place, piece: Place, site: SiteDep, caller: ReaderDep) -> Response:
    """One slice of an image of the reader's current read."""
    if not site.images.allows(f"reader {caller.reader_id}"):
        raise TooManyError
    with site.store.reading() as session:
        reader = reader_row(session, caller)
        stimulus = service.stimulus_of(
            session, site.design, reader, read_id, slot=slot, piece=piece
        )
    data = (site.settings.images / stimulus / f"{piece}.png").read_bytes()
    return Response(data, media_type="image/png")


@router.get("/mine")
def mine(site: SiteDep, caller: ReaderDep) -> dict[str, Any]:
    """Everything stored about the reader."""
    with site.store.reading() as session:
        return personal_data(session, reader_row(session, caller))


@router.post("/withdraw")
def withdraw(site: SiteDep, caller: WriterDep) -> dict[str, Any]:
    """The reader leaves the study."""
    with site.store.writing() as session:
        service.withdraw(session, reader_row(session, caller))
        session.execute(
            sa.update(TokenRow)
            .where(TokenRow.reader_id == caller.reader_id)
            .values(revoked_at=now_ms())
        )
    return _standing(site, caller)


@router.post("/leave", status_code=204)
def leave(site: SiteDep, caller: WriterDep) -> None:
    """Signs this browser out."""
    with site.store.writing() as session:
        sign_out(session, caller)


def _submit(site: Site, caller: Caller, read_id: str, body: Submission) -> service.Receipt:
    with site.store.writing() as session:
        return service.submit(
            session,
            site.design,
            reader_row(session, caller, lock=True),
            read_id,
            client_key=body.client_key,
            revises=body.revises,
            answers=body.answers,
            elapsed_ms=body.elapsed_ms,
            display=body.display.model_dump(),
        )


def _standing(site: Site, caller: Caller) -> dict[str, Any]:
    with site.store.reading() as session:
        return asdict(service.standing(session, site.design, reader_row(session, caller)))
