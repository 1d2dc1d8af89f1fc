"""Routes of the investigator's page: progress by reader, no answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response

from plexor.readers.deps import (
    SiteDep,
    attempt,
    check_csrf,
    investigator_row,
    sign_in,
    sign_out,
)
from plexor.readers.enrol import progress
from plexor.readers.routes.shapes import Login
from plexor.readers.security import password_fits
from plexor.readers.store import log, the_study
from plexor.readers.turn import RefusedError

router = APIRouter(prefix="/api/investigator")


@router.post("/login")
def login(body: Login, request: Request, response: Response, site: SiteDep) -> dict[str, str]:
    """Signs the investigator in."""
    with site.store.reading() as session:
        hashed = the_study(session).password
    with attempt(site.logins, request):
        if not password_fits(hashed, body.password):
            raise RefusedError("password", "the password is wrong, or none is set")
    with site.store.writing() as session:
        sign_in(session, site, response, None)
        log(session, "investigator signed in")
    return {"next": "/investigator"}


@router.get("/progress")
def show_progress(request: Request, site: SiteDep) -> dict[str, Any]:
    """Progress of each reader."""
    with site.store.reading() as session:
        csrf = investigator_row(session, site, request).csrf
        study = the_study(session)
        told = {"name": study.name, "state": study.state, "csrf": csrf}
    return {**told, "readers": [asdict(p) for p in progress(site.store)]}


@router.post("/leave", status_code=204)
def leave(request: Request, site: SiteDep) -> None:
    """Signs the investigator out."""
    with site.store.writing() as session:
        browser = investigator_row(session, site, request)
        check_csrf(request.headers.get("x-csrf-token", ""), browser)
        sign_out(browser)
