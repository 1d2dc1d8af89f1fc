"""A list of DICOM files, or frames of files, that make one image: what a manifest's path names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plexor.core.errors import DataError
from plexor.core.ids import digest, digest_bytes

MARK = b'{"plexor_slices"'
_MOST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One DICOM file, or one frame of it.

    Attributes:
        file: path, from the folder of the list.
        sha256: of the file's bytes.
        frame: counted from 1; 0 for a file of one frame.
    """

    file: str
    sha256: str
    frame: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceList:
    """The slices of a volume in the order of their positions, or the only one of an image.

    Attributes:
        slices: one or more.

    Example:
        >>> written = SliceList(slices=(Slice(file="IM1", sha256="0" * 64),)).text()
        >>> SliceList.read(written).slices[0].file
        'IM1'
    """

    slices: tuple[Slice, ...]

    @classmethod
    def read(cls, data: bytes) -> SliceList:
        """A list as written by ``text``.

        Raises:
            DataError: damaged.
        """
        try:
            found: Any = json.loads(data)
            slices = tuple(_slice(one) for one in found["plexor_slices"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError("the list of slices is damaged; make the manifest again") from error
        if not 1 <= len(slices) <= _MOST:
            raise DataError(f"the list names {len(slices)} slices, expected 1 to {_MOST:,}")
        return cls(slices=slices)

    def text(self) -> bytes:
        """The list as a small text file (JSON)."""
        lines = [
            json.dumps({"file": one.file, "sha256": one.sha256, "frame": one.frame})
            for one in self.slices
        ]
        return MARK + b": [\n" + ",\n".join(lines).encode() + b"\n]}\n"

    def digest(self) -> str:
        """SHA-256 of what the slices hold, wherever their files lie."""
        return digest([[one.sha256, one.frame] for one in self.slices])

    def gather(self, folder: Path, read: Callable[[Path], bytes]) -> bytes:
        """The image as the bytes of one file: a DICOM file, or an archive of several.

        Args:
            folder: of the list.
            read: gives the bytes of a path.

        Raises:
            DataError: a file is missing, or is not what it was when the list was made.
        """
        from plexor.cases.formats.dicom_frame import frame_file
        from plexor.cases.formats.dicom_series import pack

        files = []
        for one in self.slices:
            path = Path(os.path.normpath(folder / one.file))
            try:
                data = read(path)
            except DataError as error:
                raise DataError(f"its slice {path}: {error}") from error
            if digest_bytes(data) != one.sha256:
                raise DataError(
                    f"its slice {path} has changed since the list was made; make the manifest again"
                )
            files.append(frame_file(data, one.frame) if one.frame else data)
        return files[0] if len(files) == 1 else pack(files)


def listed(folder: Path, files: Sequence[tuple[Path, str, int]]) -> SliceList:
    """A list that will lie in a folder.

    Args:
        folder: where it will lie.
        files: path, SHA-256 and frame of each slice.
    """
    return SliceList(
        slices=tuple(
            Slice(file=os.path.relpath(path, folder).replace(os.sep, "/"), sha256=sha, frame=frame)
            for path, sha, frame in files
        )
    )


def _slice(written: Any) -> Slice:
    one = Slice(file=written["file"], sha256=written["sha256"], frame=written["frame"])
    if not (isinstance(one.file, str) and isinstance(one.sha256, str)):
        raise TypeError("a file's name and its SHA-256 are texts")
    if not isinstance(one.frame, int) or one.frame < 0:
        raise TypeError("a frame is a whole number")
    return one
