"""Settings of a server, and the state shared by its routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from plexor.readers.design import Design
from plexor.readers.security import RateLimit
from plexor.readers.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a server.

    Attributes:
        images: folder with the study's images.
        https: whether browsers connect by HTTPS; cookies then require it.
        session_hours: how long a browser stays signed in.
    """

    images: Path
    https: bool
    session_hours: float = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """State shared by the routes: the database, the design and rate limits.

    Attributes:
        store: the study's database.
        design: the study's design.
        settings: settings of the server.
        entries: limit on failed attempts to enter, per address.
        logins: limit on failed attempts with the investigator's password, per address.
        visits: limit on sign-ins, per reader.
        writes: limit on requests that write, per reader.
        images: limit on images fetched, per reader.
    """

    store: Store
    design: Design
    settings: Settings
    entries: RateLimit = field(default_factory=lambda: RateLimit(20, 60))
    logins: RateLimit = field(default_factory=lambda: RateLimit(5, 60))
    visits: RateLimit = field(default_factory=lambda: RateLimit(30, 60))
    writes: RateLimit = field(default_factory=lambda: RateLimit(240, 60))
    images: RateLimit = field(default_factory=lambda: RateLimit(6000, 60))
