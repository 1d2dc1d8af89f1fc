"""Routes for a reader's browser."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response

from plexor.readers import service
from plexor.readers.deps import (
    DoorDep,
    SiteDep,
    TooManyError,
    Visit,
    attempt,
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
def state(site: SiteDep, door: DoorDep) -> dict[str, Any]:
    """The reader's state, with everything the page needs to continue."""
    with door.reading() as visit:
        return {
            **_standing(site, visit),
            "reader": visit.reader.name,
            "csrf": visit.browser.csrf,
            "study": study_texts(site.design, visit.reader.language),
        }


@router.post("/consent")
def consent(body: Consent, site: SiteDep, door: DoorDep) -> dict[str, Any]:
    """Records the reader's consent."""
    if body.language not in site.design.languages:
        raise RefusedError("invalid", f"the study is not in the language {body.language}")
    profile = {"role": body.role, "years": body.years}
    with door.writing() as visit:
        service.consent(visit.session, visit.reader, language=body.language, profile=profile)
        return _standing(site, visit)


@router.get("/reads/{read_id}")
def read(read_id: ReadId, site: SiteDep, door: DoorDep) -> dict[str, Any]:
    """A read for correction."""
    with door.reading() as visit:
        return asdict(service.view_read(visit.session, site.design, visit.reader, read_id))


@router.post("/reads/{read_id}/open", status_code=204)
def open_read(read_id: ReadId, body: Screen, site: SiteDep, door: DoorDep) -> None:
    """Records that a read was shown, with the screen."""
    with door.writing() as visit:
        service.open_read(visit.session, site.design, visit.reader, read_id, body.model_dump())


@router.post("/reads/{read_id}/submissions")
def submit(read_id: ReadId, body: Submission, site: SiteDep, door: DoorDep) -> dict[str, Any]:
    """Records the answers to a read; after status 200 they are on disk."""
    with door.writing() as visit:
        receipt = service.submit(
            visit.session,
            site.design,
            visit.reader,
            read_id,
            client_key=body.client_key,
            revises=body.revises,
            answers=body.answers,
            elapsed_ms=body.elapsed_ms,
            display=body.display.model_dump(),
        )
        return {**asdict(receipt), "standing": _standing(site, visit)}


@router.get("/reads/{read_id}/images/{slot}/{piece}", response_class=Response)
def image(read_id: ReadId, slot: Place, piece: Place, site: SiteDep, door: DoorDep) -> Response:
    """One slice of an image of the reader's current read, or of the one after it."""
    with door.reading() as visit:
        if not site.images.allows(f"reader {visit.reader.id}"):
            raise TooManyError
        stimulus = service.stimulus_of(visit.session, site.design, visit.reader, read_id, slot)
    try:
        data = (site.settings.images / stimulus / f"{piece}.png").read_bytes()
    except FileNotFoundError as error:
        raise RefusedError("unknown", "there is no such slice") from error
    return Response(data, media_type="image/png")


@router.get("/mine")
def mine(door: DoorDep) -> dict[str, Any]:
    """Everything stored about the reader."""
    with door.reading() as visit:
        return personal_data(visit.session, visit.reader)


@router.post("/withdraw")
def withdraw(site: SiteDep, door: DoorDep) -> dict[str, Any]:
    """The reader leaves the study."""
    with door.writing() as visit:
        service.withdraw(visit.session, visit.reader)
        visit.session.execute(
            sa.update(TokenRow)
            .where(TokenRow.reader_id == visit.reader.id)
            .values(revoked_at=now_ms())
        )
        return _standing(site, visit)


@router.post("/leave", status_code=204)
def leave(door: DoorDep) -> None:
    """Signs this browser out."""
    with door.writing() as visit:
        sign_out(visit.browser)


def _standing(site: Site, visit: Visit) -> dict[str, Any]:
    return asdict(service.standing(visit.session, site.design, visit.reader))
