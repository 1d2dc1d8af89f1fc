"""Files that are either whole or absent, and a directory that has one writer."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plexor.core.errors import RunDirectoryError


def write_atomic(path: Path, data: bytes) -> None:
    """Writes a file so that a reader, or a crash at any moment, sees all of it or none.

    Raises:
        RunDirectoryError: the disk is full, or the directory is missing or read-only. Whatever
            stood at ``path`` before is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunDirectoryError(
            f"cannot write {path}: {reason}; nothing already written is lost, free space or "
            "choose another directory and run the same command again"
        ) from error


@contextlib.contextmanager
def sole_writer(directory: Path) -> Iterator[None]:
    """Holds a directory's lock; the system lets go of it when the process ends, however it ends.

    Raises:
        RunDirectoryError: another process holds the lock, or the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / ".lock").open("a")
    except OSError as error:
        raise RunDirectoryError(f"cannot write in {directory}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunDirectoryError(
                f"{directory} is in use by another process; wait for it, or use another directory"
            ) from error
        yield
