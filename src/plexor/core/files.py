"""Atomic writing of files, and directories with a single writer."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plexor.core.errors import RunDirectoryError

_PARTIAL = ".plexor-partial"
"""Suffix of a file that is still being written; no other program uses it."""
_LOCK = ".lock"
_MOST_UP = 3
"""Folders up that a relative path may go; further away it is absolute."""


def write_atomic(path: Path, data: bytes) -> None:
    """Writes a file atomically: after a crash it is either complete or absent.

    The file is written beside ``path``, then renamed. A process that is killed before that leaves a
    hidden file ending in ``.plexor-partial``, which ``sole_writer`` removes.

    Raises:
        RunDirectoryError: the disk is full, or the directory is missing or read-only. An earlier
            file at ``path`` is kept.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_atomic(folder / "unit.txt", b"whole")
        >>> [file.name for file in folder.iterdir()]
        ['unit.txt']
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            prefix=f".{path.name}.", suffix=_PARTIAL, dir=path.parent
        )
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


def path_from(folder: Path, path: Path) -> str:
    """A path relative to a folder, with forward slashes; absolute if it goes up by more than three.

    Example:
        >>> path_from(Path("/data/audit"), Path("/data/films/a.png"))
        '../films/a.png'
        >>> path_from(Path("/home/me/a/b/c/d"), Path("/data/a.png"))
        '/data/a.png'
    """
    relative = Path(os.path.relpath(path.resolve(), folder.resolve()))
    if relative.parts.count("..") > _MOST_UP:
        return path.resolve().as_posix()
    return relative.as_posix()


@contextlib.contextmanager
def sole_writer(directory: Path) -> Iterator[None]:
    """Holds a directory's lock, and removes unfinished files of killed processes.

    The operating system releases the lock when the process ends, even if it is killed.

    Raises:
        RunDirectoryError: another process holds the lock, or the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / _LOCK).open("a")
    except OSError as error:
        reason = "it is a file" if directory.is_file() else error.strerror
        raise RunDirectoryError(
            f"cannot write in {directory}: {reason}; choose another directory"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunDirectoryError(
                f"{directory} is in use by another process; wait for it, or use another directory"
            ) from error
        _clear_partial(directory)
        yield


def _clear_partial(directory: Path) -> None:
    """Removes unfinished files, except in folders that have a lock of their own."""
    for folder, subfolders, files in os.walk(directory):
        here = Path(folder)
        subfolders[:] = [name for name in subfolders if not (here / name / _LOCK).exists()]
        for name in files:
            if name.startswith(".") and name.endswith(_PARTIAL):
                with contextlib.suppress(OSError):
                    (here / name).unlink()
