"""The server of a reader study."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from plexor.readers.routes import investigator, pages, reader
from plexor.readers.routes.shapes import Refusal
from plexor.readers.service import the_design
from plexor.readers.settings import Settings, Site
from plexor.readers.store import Store
from plexor.readers.turn import RefusedError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Names and addresses of this machine, on which it listens without HTTPS."""
MOST_BYTES = 100_000
"""Maximum size of a request's body, in bytes."""
_THREADS = 8
"""Maximum number of requests processed at a time."""
_STATUS = {
    "unknown": 404,
    "signed-out": 401,
    "link": 401,
    "password": 401,
    "csrf": 403,
    "too-many": 429,
    "invalid": 422,
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]


@contextlib.asynccontextmanager
async def _few_threads(_app: FastAPI) -> AsyncIterator[None]:
    """Limits the number of threads, since threads of one interpreter compete for its lock.

    A transaction releases the lock at each statement, and then waits for every busy thread before
    it continues; with SQLite all other writers wait meanwhile.
    """
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    yield


def create_app(store: Store, settings: Settings) -> FastAPI:
    """Creates the server of a study. It has the study's database and images, never its key."""
    with store.reading() as session:
        design = the_design(session)
    app = FastAPI(
        title="Plexor reader study",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # redirects repeat the Host that was sent
        lifespan=_few_threads,
        responses={code: {"model": Refusal} for code in (400, 401, 403, 404, 409, 413, 422, 429)},
    )
    app.state.site = Site(store=store, design=design, settings=settings)
    app.include_router(reader.router)
    app.include_router(investigator.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _database)
    app.add_middleware(_Guard, https=settings.https)
    return app


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    code = error.code if isinstance(error, RefusedError) else "invalid"
    return _answer(_STATUS.get(code, 409), code, str(error))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    # the message does not repeat what was sent, which may contain a token
    places = []
    if isinstance(error, RequestValidationError):
        places = [".".join(str(part) for part in e["loc"])[:100] for e in error.errors()]
    return _answer(422, "invalid", f"the request does not fit: {', '.join(places[:5])}")


async def _http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return _answer(400, "invalid", "the request does not fit")
    response = _answer(error.status_code, "http", str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _database(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(503, "database", "the server cannot write now; the answer stays in the browser")


def _answer(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status_code=status)


class _Guard:
    """Middleware that sets headers, refuses requests of other sites' pages, and limits bodies.

    Nothing is cached, so that no response depends on what the browser has seen before; the pages'
    files are requested each time.
    """

    def __init__(self, app: Asgi, *, https: bool) -> None:
        self._app = app
        extra = [("strict-transport-security", "max-age=31536000")] if https else []
        self._local = not https
        self._headers = [(k.encode(), v.encode()) for k, v in [*_HEADERS, *extra]]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        static = str(scope["path"]).startswith("/static/")
        cache = (b"cache-control", b"no-cache" if static else b"no-store")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers, cache]
            await send(message)

        if _from_elsewhere(scope):
            await _refuse(guarded, 403, "csrf", "the request comes from another site")
            return
        if self._local and not _to_this_machine(scope):
            await _refuse(guarded, 403, "host", "the server is reached as 127.0.0.1 or localhost")
            return
        body = await _body(receive)
        if body is None:
            await _refuse(guarded, 413, "too-large", f"expected at most {MOST_BYTES} bytes")
            return
        sent = False

        async def replayed() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            return await receive()

        await self._app(scope, replayed, guarded)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if it is too large."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body"):
            return body


def _from_elsewhere(scope: Message) -> bool:
    """Whether a browser says that another site's page sends this, to change something.

    Old browsers and programs say nothing; the token of the session stands against these.
    """
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return False
    said = dict(scope["headers"]).get(b"sec-fetch-site", b"none")
    return said not in (b"same-origin", b"none")


def _to_this_machine(scope: Message) -> bool:
    """Whether a request names this machine as its host, or none.

    Another name that leads here is that of a site which had it changed to this machine's address,
    so that its pages may ask this server (DNS rebinding).
    """
    host = dict(scope["headers"]).get(b"host", b"localhost").decode("latin-1")
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    return name.strip("[]") in LOOPBACK


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"code": code, "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
