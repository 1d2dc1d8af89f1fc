"""Connection to Ray, started on this machine or running on another."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import socket
from collections.abc import Iterator
from typing import Any

from plexor.core.errors import PlanError, require

_SECONDS_TO_ANSWER = 10.0


@contextlib.contextmanager
def connected(address: str | None, *, n_cpus: int) -> Iterator[None]:
    """Connects to Ray for the block, and disconnects at its end unless it was connected before.

    Args:
        address: address of a cluster, "HOST:PORT" or "auto"; None starts Ray on this machine.
        n_cpus: number of processors of a Ray started on this machine.

    Raises:
        MissingExtraError: Ray is not installed.
        PlanError: no cluster answers, or Ray cannot be started.
    """
    with _environment(local=address is None):
        require("ray")
        import ray

        if ray.is_initialized():
            yield
            return
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            if address is None:
                ray.init(address="local", num_cpus=n_cpus, include_dashboard=False, **quiet)
            else:
                _check_answers(address)
                ray.init(address=address, **quiet)
        except (OSError, ValueError, RuntimeError) as error:
            raise PlanError(
                f"cannot use Ray at {address or 'this machine'}: {error}; give the HOST:PORT that "
                "`ray start --head` names, or --workers N for workers on this machine"
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _environment(*, local: bool) -> Iterator[None]:
    """Ray's settings: no usage reports, and a token that keeps other users out of our own Ray.

    Without this token Ray would write one to the home folder. Ray reads it once per process.
    """
    before = os.environ.copy()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if local and not any(name.startswith("RAY_AUTH_") for name in before):
        os.environ["RAY_AUTH_TOKEN"] = _token()
    try:
        yield
    finally:
        for name in ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_TOKEN", "RAY_AUTH_MODE"):
            if name not in before:
                os.environ.pop(name, None)


@functools.cache
def _token() -> str:
    return secrets.token_hex(32)


def _check_answers(address: str) -> None:
    """Checks that HOST:PORT accepts connections; Ray itself would retry for many minutes.

    Raises:
        OSError: nothing listens there.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()
