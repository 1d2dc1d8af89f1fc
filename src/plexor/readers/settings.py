"""How a study is served, and what the routes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from plexor.readers.design import Design
from plexor.readers.security import RateLimit
from plexor.readers.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a study is served.

    Attributes:
        images: folder with the study's images.
        https: whether browsers come by HTTPS; cookies are then refused without.
        session_hours: how long a browser stays signed in.
    """

    images: Path
    https: bool
    session_hours: float = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the routes share: the database, the design, and how often somebody may try.

    Attributes:
        store: the study's database.
        design: the study's design.
        settings: how it is served.
        entries: failed attempts to enter, of one address.
        logins: failed attempts with the investigator's password, of one address.
        visits: how often one reader may sign in.
        writes: what one reader may send.
        images: what one reader may fetch.
    """

    store: Store
    design: Design
    settings: Settings
    entries: RateLimit = field(default_factory=lambda: RateLimit(20, 60))
    logins: RateLimit = field(default_factory=lambda: RateLimit(5, 60))
    visits: RateLimit = field(default_factory=lambda: RateLimit(30, 60))
    writes: RateLimit = field(default_factory=lambda: RateLimit(240, 60))
    images: RateLimit = field(default_factory=lambda: RateLimit(6000, 60))
