"""The files of a DICOM export: those of a folder, or those that a DICOMDIR lists."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plexor.cases.formats.magic import format_of
from plexor.cases.sources.folder import ARCHIVES
from plexor.core.errors import DataError

_HEAD = 132
"""Bytes of the preamble and the mark DICM."""
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
"""The SOP class of a DICOMDIR."""


def export_files(source: Path) -> tuple[Path, list[Path], dict[str, list[str]]]:
    """The files of an export.

    Args:
        source: a folder, whose files are all looked at, or a DICOMDIR file, whose list is used.

    Returns:
        The export's folder, its DICOM files in order, and what is left out: reason → paths.

    Raises:
        DataError: there is no such folder or file, or the file is no DICOMDIR.
    """
    if source.is_dir():
        return source, *_of_folder(source)
    if not source.is_file():
        raise DataError(f"{source}: expected a folder of DICOM files, or a DICOMDIR; found neither")
    return source.parent, *_of_directory(source)


def files_once(folder: Path) -> Iterator[Path]:
    """Files below a folder in order, without hidden ones.

    Links to folders are followed, each folder once, so that links in a circle end.
    """
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place).stat()
        if (here.st_dev, here.st_ino) in seen:
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(place) / name


def _of_folder(folder: Path) -> tuple[list[Path], dict[str, list[str]]]:
    found: list[Path] = []
    other: list[str] = []
    for path in files_once(folder):
        if is_dicom(path):
            found.append(path)
        else:
            other.append(path.relative_to(folder).as_posix())
    return found, {"no DICOM file": other}


def is_dicom(path: Path) -> bool:
    """Whether a file has DICOM's preamble and mark."""
    try:
        with path.open("rb") as file:
            return format_of(file.read(_HEAD)) == "dicom"
    except OSError:
        return False


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without pydicom's remarks on unusual values; what matters is in the manifest's notes."""
    from pydicom.config import logger  # whose level is set when it is first imported

    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _of_directory(path: Path) -> tuple[list[Path], dict[str, list[str]]]:
    """The files that a DICOMDIR lists; those it lists elsewhere are not opened."""
    from pydicom import dcmread

    try:
        with quiet():
            records: Any = dcmread(path).DirectoryRecordSequence
            names = [
                [str(part) for part in ([value] if isinstance(value, str) else list(value))]
                for record in records
                if (value := record.get("ReferencedFileID"))
            ]
    except Exception as error:  # pydicom raises errors of many kinds
        if path.name.lower().endswith(ARCHIVES):
            raise DataError(f"{path} is an archive; unpack it, and give the folder") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: expected a folder or a DICOMDIR ({reason})") from error
    folder = path.parent.resolve()
    found: list[Path] = []
    outside: list[str] = []
    missing: list[str] = []
    for parts in names:
        file = (folder / Path(*parts)).resolve()
        name = "/".join(parts)
        if not file.is_relative_to(folder):
            outside.append(name)
        elif not is_dicom(file):
            missing.append(name)
        else:
            found.append(file)
    return found, {
        "listed in the DICOMDIR, and outside of its folder": outside,
        "listed in the DICOMDIR, and no such DICOM file": missing,
    }
