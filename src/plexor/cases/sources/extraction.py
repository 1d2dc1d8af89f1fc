"""Image files taken out of a container, once: a folder named after the container's content."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from plexor.core.errors import DataError, RunDirectoryError
from plexor.core.ids import CHUNK_BYTES

_DIGITS = 12
"""Hexadecimal digits of the SHA-256 that a folder's name has."""


class Extraction:
    """Writes files into a folder that is there in whole or not at all.

    The folder is written under a hidden name and renamed at the end. Where it is there already, the
    same container was extracted before, and nothing is written again.

    Args:
        folder: the folder; its name should have the container's hash.

    Raises:
        RunDirectoryError: the folder cannot be written.

    Example:
        >>> place = Path(tempfile.mkdtemp()) / "set-0123456789ab"
        >>> with Extraction(place) as files:
        ...     files.put("train/train_000001.png", b"first")
        >>> with Extraction(place) as files:
        ...     files.put("train/train_000001.png", b"is not written again")
        >>> (place / "train/train_000001.png").read_bytes()
        b'first'
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partial: Path | None = None
        if folder.is_dir():
            return
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._partial = Path(
                tempfile.mkdtemp(
                    prefix=f".{folder.name}.", suffix=".plexor-partial", dir=folder.parent
                )
            )
            self._partial.chmod(0o755)
        except OSError as error:
            raise self._unwritten(error) from error

    @property
    def is_needed(self) -> bool:
        """Whether files are still to be written."""
        return self._partial is not None

    def put(self, name: str, data: bytes) -> None:
        """Writes a file, unless the folder was there already.

        Args:
            name: path from the folder, made by the source itself.
            data: content.

        Raises:
            RunDirectoryError: it cannot be written, e.g. since the disk is full.
        """
        if self._partial is None:
            return
        file = self._partial / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        except OSError as error:
            raise self._unwritten(error) from error

    def __enter__(self) -> Self:
        """Begins."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Renames the folder; removes what was written after an error."""
        if self._partial is None:
            return
        if error is None:
            try:
                self._partial.rename(self._folder)
            except OSError as failed:
                raise self._unwritten(failed) from failed
        else:
            shutil.rmtree(self._partial, ignore_errors=True)

    def _unwritten(self, error: OSError) -> RunDirectoryError:
        return RunDirectoryError(
            f"cannot write images to {self._folder}: {error.strerror or error}; free space or "
            "choose another place with --out"
        )


def content_name(stem: str, files: Iterable[Path], *settings: object) -> str:
    """A folder's name with the hash of the files it is extracted from.

    Args:
        stem: what it begins with.
        files: the containers, in order.
        settings: what else decides how files are named or written.

    Raises:
        DataError: a file cannot be read.
    """
    found = hashlib.sha256(repr(settings).encode())
    for path in files:
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    found.update(chunk)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return f"{stem}-{found.hexdigest()[:_DIGITS]}"
