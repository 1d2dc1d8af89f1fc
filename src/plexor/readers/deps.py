"""Dependencies of routes, as types: the site and the caller."""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

import sqlalchemy as sa
from fastapi import Depends, Request, Response
from sqlalchemy.orm import Session

from plexor.readers.security import RateLimit, new_token, token_hash
from plexor.readers.settings import Site
from plexor.readers.store import now_ms
from plexor.readers.tables import ReaderRow, SessionRow
from plexor.readers.turn import RefusedError

_HOUR_MS = 3_600_000


class NotSignedInError(RefusedError):
    """There is no valid session."""

    def __init__(self) -> None:
        super().__init__("signed-out", "open your personal link again")


class TooManyError(RefusedError):
    """Too many attempts."""

    def __init__(self) -> None:
        super().__init__("too-many", "too many attempts; wait a minute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A signed-in browser.

    Attributes:
        session: hash of its cookie.
        csrf: token that its writing requests must carry.
        reader_id: id of the reader; None for the investigator.
    """

    session: str
    csrf: str
    reader_id: int | None


async def site_of(request: Request) -> Site:
    """The site of a request; asynchronous, so that it needs no thread."""
    return cast("Site", request.app.state.site)


SiteDep = Annotated[Site, Depends(site_of)]


def cookie_name(site: Site, *, investigator: bool) -> str:
    """Name of a session's cookie; the prefix binds it to host and HTTPS (RFC 6265bis, 4.1.3)."""
    prefix = "__Host-" if site.settings.https else ""
    return f"{prefix}plexor-{'investigator' if investigator else 'reader'}"


def _caller(request: Request, site: Site, *, investigator: bool) -> Caller:
    cookie = request.cookies.get(cookie_name(site, investigator=investigator), "")
    with site.store.reading() as session:
        row = session.get(SessionRow, token_hash(cookie))
    valid = row is not None and row.ended_at is None and row.expires_at > now_ms()
    if row is None or not valid or (row.reader_id is None) != investigator:
        raise NotSignedInError
    return Caller(session=row.hash, csrf=row.csrf, reader_id=row.reader_id)


def reading_caller(request: Request, site: SiteDep) -> Caller:
    """A signed-in reader, for requests that change nothing."""
    return _caller(request, site, investigator=False)


def writing_caller(request: Request, site: SiteDep) -> Caller:
    """A signed-in reader, for writing requests; they must come from our own page."""
    caller = _caller(request, site, investigator=False)
    _check_csrf(request, caller)
    # By reader: whoever signs in again and again may not send more.
    _check_rate(site.writes, f"reader {caller.reader_id}")
    return caller


def investigator(request: Request, site: SiteDep) -> Caller:
    """The signed-in investigator."""
    return _caller(request, site, investigator=True)


def investigator_writing(request: Request, site: SiteDep) -> Caller:
    """The signed-in investigator, for writing requests; they must come from our own page."""
    caller = _caller(request, site, investigator=True)
    _check_csrf(request, caller)
    return caller


ReaderDep = Annotated[Caller, Depends(reading_caller)]
WriterDep = Annotated[Caller, Depends(writing_caller)]
InvestigatorDep = Annotated[Caller, Depends(investigator)]
InvestigatorWriterDep = Annotated[Caller, Depends(investigator_writing)]


@contextlib.contextmanager
def attempt(limit: RateLimit, request: Request) -> Iterator[None]:
    """Refuses an address with too many failures; an exception in the block counts as a failure.

    Successes do not count: many readers may share one address.
    """
    address = network(request.client.host if request.client else "")
    if limit.exhausted(address):
        raise TooManyError
    try:
        yield
    except RefusedError:
        limit.count(address)
        raise


def network(address: str) -> str:
    """What one household or company has: an IPv4 address, or a /64 of IPv6 addresses.

    Example:
        >>> network("192.0.2.7"), network("2001:db8::1:2:3:4"), network("unix socket")
        ('192.0.2.7', '2001:db8::/64', 'unix socket')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found.packed, 64), strict=False))
    return str(found)


def _check_rate(limit: RateLimit, key: str) -> None:
    if not limit.allows(key):
        raise TooManyError


def _check_csrf(request: Request, caller: Caller) -> None:
    sent = request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(sent.encode(), caller.csrf.encode()):
        raise RefusedError("csrf", "reload the page")


def reader_row(session: Session, caller: Caller, *, lock: bool = False) -> ReaderRow:
    """The reader of a session.

    With ``lock``, other transactions that lock the same reader wait for this one, so that what a
    submission reads is still true when it is written. SQLite has a single writer anyway.
    """
    return session.get_one(ReaderRow, caller.reader_id, with_for_update=lock or None)


def sign_in(session: Session, site: Site, response: Response, reader_id: int | None) -> None:
    """Starts a session and sets its cookie."""
    token, hours = new_token(), site.settings.session_hours
    session.add(
        SessionRow(
            hash=token_hash(token),
            reader_id=reader_id,
            csrf=new_token(),
            expires_at=now_ms() + int(hours * _HOUR_MS),
            ended_at=None,
        )
    )
    response.set_cookie(
        cookie_name(site, investigator=reader_id is None),
        token,
        max_age=int(hours * 3600),
        httponly=True,
        secure=site.settings.https,
        samesite="strict",
    )


def sign_out(session: Session, caller: Caller) -> None:
    """Ends a session."""
    session.execute(
        sa.update(SessionRow).where(SessionRow.hash == caller.session).values(ended_at=now_ms())
    )
