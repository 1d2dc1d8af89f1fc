"""An HTTP session that only gets, stays with one host, and tells every failure in one line."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from plexor.cases.formats.limits import Limits
from plexor.core.errors import DataError, OutageError

TOKEN, USER, PASSWORD = (
    "PLEXOR_DICOMWEB_TOKEN",
    "PLEXOR_DICOMWEB_USER",
    "PLEXOR_DICOMWEB_PASSWORD",
)
_ATTEMPTS = 5
_LATER = (429, 502, 503, 504)
"""Answers after which the same question is asked again."""
_CHUNK_BYTES = 1 << 20
_LONGEST_PAUSE = 60.0
"""Seconds between two attempts, at most, whatever the server asks for."""
_PORTS = {"http": 80, "https": 443}


class NotServedError(DataError):
    """The server has not, or does not give, this one thing."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials(AuthBase):
    """A token, or a user with a password, or none; never shown.

    Attributes:
        token: sent as ``Bearer``.
        user: for HTTP Basic.
        password: likewise.
    """

    token: str = ""
    user: str = ""
    password: str = ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Adds the header of this request."""
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        elif self.user:
            HTTPBasicAuth(self.user, self.password)(request)
        return request

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self.token or self.user)


class GetOnly(requests.Session):
    """Sends GET to one host, and nothing else.

    A server that is busy (429, 502, 503, 504) is asked again, after the pause it wishes, up to five
    times. ``.netrc`` is not read; proxies of the environment are used.

    Args:
        url: of the service.
        credentials: for it.
        timeout: seconds without any byte after which a request has failed.
        pause: seconds before the second attempt; doubled before each further one.
    """

    def __init__(
        self, url: str, credentials: Credentials, *, timeout: float, pause: float = 1.0
    ) -> None:
        super().__init__()
        self._place = _place(urlsplit(url))
        self._timeout, self._pause = timeout, pause
        self.auth = credentials  # also keeps requests from reading .netrc

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """Asks until there is an answer, and reads it whole.

        Raises:
            DataError: the credentials are refused, the answer is too large, or it sends elsewhere.
            NotServedError: the server does not give what was asked for.
            OutageError: no answer, or one that says that the server is not well.
        """
        if method != "GET":
            raise ValueError(f"only GET is sent, not {method!r}")
        options |= {"stream": True, "timeout": (min(self._timeout, 10), self._timeout)}
        for attempt in range(_ATTEMPTS):
            try:
                response = super().request(method, url, **options)
                status = response.status_code
                with response:  # closed, whatever it says
                    if status not in _LATER:
                        _check(response, self.auth)
                        _read(response)
                        return response
            except requests.RequestException as error:
                raise OutageError(
                    f"{_where(str(url))}: {_said(error)}; run the same command again, and it goes "
                    "on where it was"
                ) from None  # whose message may hold the query
            if attempt + 1 < _ATTEMPTS:
                time.sleep(self._wait(response, attempt))
        raise OutageError(
            f"{_where(str(url))}: the server answers {status} after {_ATTEMPTS} attempts; run the "
            "same command again later, and it goes on where it was"
        )

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where an answer sends on to, on the same host.

        Raises:
            DataError: it sends to another host, or to a place without encryption.
        """
        found: str | None = super().get_redirect_target(resp)
        if found is None:
            return None
        target = urlsplit(urljoin(resp.url, found))
        host, port, scheme = _place(target)
        upgraded = (self._place[0], 443, "https") == (host, port, scheme)
        if (host, port, scheme) != self._place and not (upgraded and self._place[1] == 80):
            raise DataError(
                f"{_where(resp.url)}: the server sends on to another host, {scheme}://{host}:"
                f"{port}, which is not followed; if it is right, give its URL"
            )
        return found

    def _wait(self, response: requests.Response, attempt: int) -> float:
        """Seconds before the next attempt: what the server asks for, else twice the last."""
        asked = response.headers.get("Retry-After", "")
        wished = float(asked) if asked.isdigit() else self._pause * 2**attempt
        return min(wished, _LONGEST_PAUSE)


def _place(url: SplitResult) -> tuple[str, int, str]:
    return url.hostname or "", url.port or _PORTS.get(url.scheme, 0), url.scheme


def _check(response: requests.Response, credentials: Any) -> None:
    where, status = _where(response.url), response.status_code
    if status in (401, 403):
        known = "the credentials of the environment are refused"
        if not credentials.any:
            known = "the server wants credentials"
        raise DataError(f"{where}: {known} ({status}); set {TOKEN}, or {USER} and {PASSWORD}")
    if 500 <= status < 600:
        raise OutageError(
            f"{where}: the server failed ({status}); run the same command again later, and it goes "
            "on where it was"
        )
    if status != 204 and not 200 <= status < 300:
        said = "not found" if status == 404 else "refused"
        raise NotServedError(f"{where}: {said} ({status})")


def _read(response: requests.Response) -> None:
    """Reads an answer whole, up to the limit on files."""
    limit = Limits.of_environment()
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        limit.check_file(len(body))
    response._content = bytes(body)


def _where(url: str) -> str:
    """A URL without what was asked for, which may name a patient."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _said(error: requests.RequestException) -> str:
    """What happened, without the URL that requests puts into its messages."""
    if "timed out" in str(error):
        return "no answer in time"
    known: dict[type[requests.RequestException], str] = {
        requests.exceptions.SSLError: (
            "its certificate is not trusted (REQUESTS_CA_BUNDLE names other authorities)"
        ),
        requests.exceptions.ChunkedEncodingError: "the answer broke off",
        requests.TooManyRedirects: "it sends on in a circle",
        requests.ConnectionError: "no connection",
    }
    other = f"the request failed ({type(error).__name__})"
    return next((said for kind, said in known.items() if isinstance(error, kind)), other)
