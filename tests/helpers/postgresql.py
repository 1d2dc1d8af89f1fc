"""A PostgreSQL server of its own, for the time of some tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_FOLDERS = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
INITDB = shutil.which("initdb", path=os.pathsep.join([*_FOLDERS, os.environ.get("PATH", "")]))
_ACCOUNT = "postgres"


def _user() -> str | None:
    """PostgreSQL refuses root: Debian's package has an account of its own for it."""
    return _ACCOUNT if os.geteuid() == 0 else None


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Starts a server on a free port of this machine; gives the URL of its database."""
    assert INITDB is not None
    folder = Path(tempfile.mkdtemp(prefix="plexor-postgresql-"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    if _user():
        shutil.chown(folder, _ACCOUNT)
    programs = Path(INITDB).parent
    data = folder / "data"
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"

    def run(*command: str) -> None:
        subprocess.run(
            command,
            user=_user(),
            cwd=folder,
            check=True,
            timeout=120,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    control = str(programs / "pg_ctl")
    try:
        run(INITDB, "-D", str(data), "-U", "plexor", "-A", "trust", "--no-sync")
        run(control, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield f"postgresql+pg8000://plexor@127.0.0.1:{port}/postgres"
        finally:
            run(control, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
