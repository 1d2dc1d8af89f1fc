"""Files of a data set: which are there, and paths of tables that may not leave its folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from plexor.core.errors import DataError


def files_below(folder: Path, endings: tuple[str, ...]) -> Iterator[str]:
    """Paths of the files below a folder, from it, in order; hidden ones are left out.

    Links to folders are followed: trees of datalad and git-annex are made of links.

    Args:
        folder: where to look.
        endings: in small letters, as ".png"; any case of theirs counts.
    """
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = os.path.relpath(place, folder).replace(os.sep, "/")
        before = "" if inside == "." else f"{inside}/"
        for name in sorted(names):
            if name.lower().endswith(endings) and not name.startswith("."):
                yield before + name


def path_inside(written: str, *, table: Path) -> str:
    r"""A path that a table names, with forward slashes and without a leading ``./``.

    Args:
        written: as in the table.
        table: for the message.

    Raises:
        DataError: it is absolute, or leaves the folder by ``..``.

    Example:
        >>> path_inside(r".\train\a.png", table=Path("train.csv"))
        'train/a.png'
    """
    path = PurePosixPath(written.replace("\\", "/"))
    drive = path.parts[0].endswith(":") if path.parts else False
    if path.is_absolute() or drive or ".." in path.parts or "\0" in written:
        raise DataError(
            f"{table}: the path {written!r} leaves the folder of the data, expected one inside; "
            "the table is not taken"
        )
    return path.as_posix()


def data_root(folder: Path, name: str, holds: str, *, expected: str) -> Path:
    """The folder itself, or its only sub-folder, that holds a file or folder.

    Args:
        folder: what the user gave: the data set, or the folder above it.
        name: of the source, for the message.
        holds: what must be in it; a pattern as for ``Path.glob``.
        expected: what the layout looks like, for the message.

    Raises:
        DataError: neither holds it, or several sub-folders do.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give the folder that holds the data")
    if next(folder.glob(holds), None) is not None:
        return folder
    found = sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and next(path.glob(holds), None) is not None
    )
    if len(found) > 1:
        names = " and ".join(path.name for path in found[:3])
        raise DataError(f"{folder}: {names} are both in the layout of {name}; give one of them")
    if not found:
        raise DataError(f"{folder} is not in the layout of {name}: expected {expected}")
    return found[0]
