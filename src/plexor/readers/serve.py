"""Serving of a study by uvicorn, in this process."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
import uvicorn

from plexor.core.errors import DataError, PlanError
from plexor.readers.app import LOOPBACK, create_app
from plexor.readers.security import hash_password, password_fits
from plexor.readers.settings import Settings
from plexor.readers.store import Store, log, now_ms, the_study
from plexor.readers.tables import SessionRow

_START_SECONDS = 30
_IDLE_SECONDS = 75
"""Seconds for which an idle connection stays open while a reader looks at a case."""


def serve(
    store: Store,
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8750,
    https: bool = False,
    proxy: str | None = None,
) -> None:
    """Serves a study until it is interrupted.

    Args:
        store: the study's database.
        folder: the study's folder.
        host: address to listen on.
        port: port to listen on.
        https: whether readers connect by HTTPS, through a proxy.
        proxy: address of that proxy, which is trusted to forward readers' addresses.

    Raises:
        PlanError: the address can be reached by others, without HTTPS.
        DataError: no images, or a port in use.
    """
    if host not in LOOPBACK and not https:
        raise PlanError(
            f"--host {host} can be reached by others, and answers and links would be sent in the "
            "clear; put a proxy with HTTPS before it and give --https"
        )
    try:
        listening = socket.create_server((host, port), backlog=512)
    except OSError as error:
        raise DataError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    with listening:
        _server(store, folder, https=https, proxy=proxy).run(sockets=[listening])


@contextlib.contextmanager
def served(
    store: Store, folder: Path, *, https: bool = False, proxy: str | None = None
) -> Iterator[str]:
    """Serves a study on a free port of this machine during the block; yields the address."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        server = _server(store, folder, https=https, proxy=proxy)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        end = time.monotonic() + _START_SECONDS
        while not server.started:
            if time.monotonic() > end or not thread.is_alive():
                raise DataError("the server did not start")
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def set_password(store: Store, password: str) -> None:
    """Sets the investigator's password; another one than before ends open sessions.

    Raises:
        PlanError: it is too short.
    """
    hashed = hash_password(password)
    with store.writing() as session:
        study = the_study(session)
        if password_fits(study.password, password):
            return
        study.password = hashed
        session.execute(
            sa.update(SessionRow)
            .where(SessionRow.reader_id.is_(None), SessionRow.ended_at.is_(None))
            .values(ended_at=now_ms())
        )
        log(session, "password set")


def _server(store: Store, folder: Path, *, https: bool, proxy: str | None) -> uvicorn.Server:
    images = folder / "images"
    if not images.is_dir():
        raise DataError(f"{images} is absent; a study is made by: plexor readers create")
    config = uvicorn.Config(
        create_app(store, Settings(images=images, https=https)),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=5,
        ws="none",
        lifespan="on",
    )
    return uvicorn.Server(config)
