"""Posts to one server: at a limited rate, again after a failure, never to another host."""

from __future__ import annotations

import http.client
import os
import random
import threading
from collections import deque
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any
from urllib.parse import urljoin, urlsplit

from plexor.core.errors import OutageError, PlanError, brief
from plexor.models.sources.endpoint_settings import Request

MOST_BYTES = 1 << 26
"""Length of an answer, at most: 64 MiB."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
_MOST_REDIRECTS = 3
_TOO_MANY = 429


@dataclass(slots=True)
class Failure:
    """A failed attempt: what happened, and how long the server asks to wait."""

    what: str
    wait_s: float | None = None


class Client:
    """Posts bodies to one address over connections that are kept open, one for each thread.

    Args:
        url: "http://..." or "https://...".
        request: rate, timeout and retries.

    Raises:
        PlanError: no such address, or one with a password in it.
    """

    def __init__(self, url: str, request: Request) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise PlanError(f"model: `url` is no address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PlanError(f"model: `url` must start with http:// or https://, got {url!r}")
        if parts.username or parts.password:
            raise PlanError(
                "model: `url` holds a name or password; send it as a header from the environment, "
                "e.g. `request: {headers: {Authorization: Bearer ${TOKEN}}}`"
            )
        self.url, self._host, self._port = url, parts.hostname, port
        self._secure = parts.scheme == "https"
        self._request = request
        self._next = 0.0
        self._make_shared()

    def _make_shared(self) -> None:
        """What is not pickled: the turn to send, room on the way, connections in no use."""
        self._turn, self._idle = threading.Lock(), deque[http.client.HTTPConnection]()
        self._room = threading.BoundedSemaphore(self._request.most_in_flight)

    def post(self, body: bytes, kind: str) -> bytes:
        """The server's answer to a body of a content type.

        Raises:
            OutageError: no answer after all retries, or a status that more attempts do not change.
        """
        headers = {
            "Content-Type": kind,
            "Accept": "application/json",
            **self._request.headers_with(os.environ),
        }
        failure = Failure("")
        for attempt in range(self._request.retries + 1):
            if attempt:
                self._pause(attempt, failure)
            with self._room:
                self._keep_rate()
                found = self._attempt(body, headers)
            if isinstance(found, bytes):
                return found
            failure = found
        raise OutageError(
            f"{self.url} {failure.what}, {self._request.retries + 1} times; what was answered is "
            "kept: run the same command again to go on"
        )

    def _attempt(self, body: bytes, headers: dict[str, str]) -> bytes | Failure:
        target = self.url
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                status, answered, data = self._once(target, body, headers)
            except TimeoutError:
                return Failure(f"did not answer within {self._request.timeout_s:g} s")
            except (OSError, http.client.HTTPException) as error:
                return Failure(f"cannot be reached ({brief(error)})")
            if status in (307, 308):
                target = self._same_host(urljoin(target, answered.get("Location", "")))
                continue
            if 200 <= status < 300:
                return data
            if status == _TOO_MANY or status >= 500:
                return Failure(f"answered with status {status}", _seconds(answered))
            said = brief(ValueError(data.decode("utf-8", "replace"))) if data.strip() else ""
            raise OutageError(
                f"{self.url} answered with status {status}{f': {said}' if said else ''}; check "
                "`url`, `request` and the headers"
            )
        raise OutageError(f"{self.url} redirects in a circle")

    def _once(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any, bytes]:
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = self._opened()
        whole = False
        try:
            connection.request("POST", path, body=body, headers=headers)
            answer = connection.getresponse()
            data = answer.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise OutageError(f"{self.url} answered with more than {MOST_BYTES:,} bytes")
            whole = True
        finally:
            if whole:
                self._idle.append(connection)
            else:
                connection.close()
        return answer.status, answer.headers, data

    def _same_host(self, url: str) -> str:
        parts = urlsplit(url)
        here = urlsplit(self.url)
        if (parts.scheme, parts.hostname, parts.port) != (here.scheme, here.hostname, here.port):
            raise OutageError(
                f"{self.url} redirects to {parts.scheme}://{parts.netloc}, another host; images "
                "are not sent there"
            )
        return url

    def _opened(self) -> http.client.HTTPConnection:
        try:
            return self._idle.pop()
        except IndexError:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            return kind(self._host, self._port, timeout=self._request.timeout_s)

    def close(self) -> None:
        """Closes the connections that no thread uses; the next post opens another."""
        while self._idle:
            self._idle.pop().close()

    def _keep_rate(self) -> None:
        if self._request.per_second is None:
            return
        with self._turn:  # held while it sleeps, so that threads send one after another
            now = monotonic()
            if now < self._next:
                sleep(self._next - now)
            self._next = max(now, self._next) + 1 / self._request.per_second

    @staticmethod
    def _pause(attempt: int, failure: Failure) -> None:
        if failure.wait_s is not None:
            sleep(min(failure.wait_s, _LONGEST_PAUSE_S))
            return
        longest = min(_FIRST_PAUSE_S * 2 ** (attempt - 1), _LONGEST_PAUSE_S)
        sleep(longest * (0.5 + random.random() / 2))  # noqa: S311 (spreads workers in time)

    def __del__(self) -> None:
        if hasattr(self, "_idle"):
            self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {k: one for k, one in self.__dict__.items() if k not in ("_turn", "_idle", "_room")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_shared()


def _seconds(headers: Any) -> float | None:
    """What ``Retry-After`` asks for; None where it is absent or a date."""
    said = headers.get("Retry-After", "")
    return float(said) if said.strip().isdigit() else None
