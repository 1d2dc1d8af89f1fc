"""Tokens, passwords and rate limits."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from plexor.core.errors import PlanError

_TOKEN_BYTES = 32
_MOST_ADDRESSES = 50_000
SHORTEST_PASSWORD = 12


def new_token() -> str:
    """A random token of 256 bits, fit for a URL."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def new_id() -> str:
    """A random opaque id of 64 bits, 16 hexadecimal digits."""
    return secrets.token_hex(8)


def token_hash(token: str) -> str:
    """The stored hash of a token; with 256 random bits a plain SHA-256 cannot be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


def hash_password(password: str) -> str:
    """An argon2id hash.

    Raises:
        PlanError: fewer than 12 characters.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise PlanError(
            f"password: expected {SHORTEST_PASSWORD} characters or more, got {len(password)}"
        )
    return PasswordHasher().hash(password)


def password_fits(hashed: str | None, password: str) -> bool:
    """Whether the password is right; takes the same time if none is set."""
    try:
        PasswordHasher().verify(hashed or _NO_PASSWORD, password)
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


_NO_PASSWORD = (
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$"  # noqa: S105 (of no password)
    "R2H1n0SxLZ0sC0eZ3vXk8o0gGk3VvXQ7m4o8wC8l2fE"
)


class RateLimit:
    """Limit on attempts in a period for each key, e.g. an address; forgets the oldest keys."""

    def __init__(
        self, attempts: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._attempts, self._seconds, self._clock = attempts, seconds, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, key: str) -> bool:
        """Whether one more attempt is allowed now; counts it if so."""
        with self._lock:
            left = self._now_left(key)
            allowed = left >= 1
            self._keep(key, left - allowed)
            return allowed

    def exhausted(self, key: str) -> bool:
        """Whether no further attempt is allowed now; counts none."""
        with self._lock:
            return self._now_left(key) < 1

    def count(self, key: str) -> None:
        """Counts an attempt."""
        with self._lock:
            self._keep(key, max(0.0, self._now_left(key) - 1))

    def _now_left(self, key: str) -> float:
        now = self._clock()
        left, at = self._left.get(key, (float(self._attempts), now))
        return min(self._attempts, left + (now - at) * self._attempts / self._seconds)

    def _keep(self, key: str, left: float) -> None:
        self._left[key] = (left, self._clock())
        self._left.move_to_end(key)
        while len(self._left) > _MOST_ADDRESSES:
            self._left.popitem(last=False)
