"""Connection to Ray, started on this machine or running on another."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import secrets
import socket
from collections.abc import Iterator
from typing import Any

from plexor.core.errors import PlanError, require

_SECONDS_TO_ANSWER = 10.0
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # What a lost machine costs is said by a warning of ours; Ray prints its whole state as well.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "Raylet is terminated|has been marked dead",
}
"""Ray's settings unless the user made others: no usage reports, no lines of its inner state."""


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
    """Our settings of Ray, and a token that keeps other users out of our own Ray.

    Without this token Ray would write one to the home folder. Ray reads it once per process.
    """
    before = os.environ.copy()
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if local and not any(name.startswith("RAY_AUTH_") for name in before):
        os.environ["RAY_AUTH_TOKEN"] = _token()
    try:
        yield
    finally:
        for name in (*_SETTINGS, "RAY_AUTH_TOKEN", "RAY_AUTH_MODE"):
            if name not in before:
                os.environ.pop(name, None)


@functools.cache
def _token() -> str:
    return secrets.token_hex(32)


def _check_answers(address: str) -> None:
    """Checks that HOST:PORT accepts connections; Ray itself would retry for many minutes.

    Raises:
        OSError: nothing listens there.
        PlanError: it wants a token that this process does not have. ``ray.init`` would say that it
            could not connect, after twenty seconds.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not (host and port.isdigit()):
        return
    socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()
    import ray

    inner = importlib.import_module("ray._raylet")  # Ray has nothing public that names the reason
    try:
        inner.GcsClient(address=f"{host}:{port}")
    except ray.exceptions.AuthenticationError as error:
        raise PlanError(
            f"the Ray cluster at {address} wants a token, and did not get the right one; set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to what the cluster was started with"
        ) from error
