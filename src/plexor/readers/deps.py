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
from plexor.readers.tables import ReaderRow, SessionRow, StudyRow
from plexor.readers.turn import RefusedError

_HOUR_MS = 3_600_000
_VISIT = (
    sa.select(SessionRow, ReaderRow, StudyRow)  # the study's row for ``the_study``
    .join(ReaderRow, ReaderRow.id == SessionRow.reader_id)
    .join(StudyRow, StudyRow.id == 1)
    .where(SessionRow.hash == sa.bindparam("hash"))
)
_VISIT_LOCKED = _VISIT.with_for_update(of=ReaderRow)  # SQLite has no locks, but one writer only


class NotSignedInError(RefusedError):
    """There is no valid session."""

    def __init__(self) -> None:
        super().__init__("signed-out", "open your personal link again")


class TooManyError(RefusedError):
    """Too many attempts."""

    def __init__(self) -> None:
        super().__init__("too-many", "too many attempts; wait a minute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of a signed-in reader, and its transaction.

    Attributes:
        session: the transaction.
        reader: who asks.
        browser: the signed-in browser.
    """

    session: Session
    reader: ReaderRow
    browser: SessionRow


async def site_of(request: Request) -> Site:
    """The site of a request; asynchronous, so that it needs no thread."""
    return cast("Site", request.app.state.site)


SiteDep = Annotated[Site, Depends(site_of)]


def cookie_name(site: Site, *, investigator: bool) -> str:
    """Name of a session's cookie; the prefix binds it to host and HTTPS (RFC 6265bis, 4.1.3)."""
    prefix = "__Host-" if site.settings.https else ""
    return f"{prefix}plexor-{'investigator' if investigator else 'reader'}"


class Door:
    """Where a reader's request comes in: one transaction for who asks and what is asked."""

    def __init__(self, request: Request, site: Site) -> None:
        self._site = site
        self._cookie = request.cookies.get(cookie_name(site, investigator=False), "")
        self._csrf = request.headers.get("x-csrf-token", "")

    @contextlib.contextmanager
    def reading(self) -> Iterator[Visit]:
        """For requests that change nothing.

        Raises:
            NotSignedInError: there is no valid session.
        """
        with self._site.store.reading() as session:
            yield self._visit(session, lock=False)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Visit]:
        """For requests that write; they must come from our own page.

        Writing requests of one reader wait for each other, so that what one reads is still true
        when it is written.

        Raises:
            RefusedError: there is no valid session, or the request lacks its token.
            TooManyError: the reader has sent too many of them.
        """
        with self._site.store.writing() as session:
            visit = self._visit(session, lock=True)
            check_csrf(self._csrf, visit.browser)
            # By reader: whoever signs in again and again may not send more.
            if not self._site.writes.allows(f"reader {visit.reader.id}"):
                raise TooManyError
            yield visit

    def _visit(self, session: Session, *, lock: bool) -> Visit:
        query = _VISIT_LOCKED if lock else _VISIT
        found = session.execute(query, {"hash": token_hash(self._cookie)}).one_or_none()
        if found is None or not _valid(found[0]):
            raise NotSignedInError
        return Visit(session=session, browser=found[0], reader=found[1])


async def door(request: Request, site: SiteDep) -> Door:
    """The door of a reader's request; asynchronous, so that it needs no thread."""
    return Door(request, site)


DoorDep = Annotated[Door, Depends(door)]


def investigator_row(session: Session, site: Site, request: Request) -> SessionRow:
    """The signed-in browser of the investigator.

    Raises:
        NotSignedInError: there is no valid session.
    """
    cookie = request.cookies.get(cookie_name(site, investigator=True), "")
    row = session.get(SessionRow, token_hash(cookie))
    if row is None or row.reader_id is not None or not _valid(row):
        raise NotSignedInError
    return row


def check_csrf(sent: str, browser: SessionRow) -> None:
    """Refuses a writing request that lacks the token of its session.

    Raises:
        RefusedError: so.
    """
    if not hmac.compare_digest(sent.encode(), browser.csrf.encode()):
        raise RefusedError("csrf", "reload the page")


def _valid(row: SessionRow) -> bool:
    return row.ended_at is None and row.expires_at > now_ms()


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


def sign_out(browser: SessionRow) -> None:
    """Ends a session."""
    browser.ended_at = now_ms()
