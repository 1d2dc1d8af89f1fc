"""Files of a data set: which are there, and paths of tables that may not leave its folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from plexor.core.errors import DataError

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
"""Endings of archives, which are not read: they must be unpacked first."""


def files_below(folder: Path, endings: tuple[str, ...]) -> list[str]:
    """Paths of the files below a folder, from it, in order; hidden files and folders are left out.

    Links are followed, since trees of datalad and git-annex are made of them, except for links to
    a folder that they lie in. A link to nothing is no file.

    Args:
        folder: where to look.
        endings: in small letters, as ".png"; in a file's name either case counts.

    Raises:
        DataError: a folder cannot be read.
    """
    found: list[str] = []
    waiting = [(str(folder), "")]
    while waiting:
        place, before = waiting.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith("."):
                        continue
                    if name.lower().endswith(endings) and entry.is_file():
                        found.append(before + name)
                    elif entry.is_dir() and not (entry.is_symlink() and _is_loop(entry.path)):
                        waiting.append((entry.path, f"{before}{name}/"))
        except OSError as error:
            raise DataError(f"{place}: cannot be read: {error.strerror or error}") from error
    return sorted(found)


def _is_loop(link: str) -> bool:
    inside = os.path.realpath(os.path.dirname(link))  # noqa: PTH120 (quicker by far)
    return f"{inside}/".startswith(f"{os.path.realpath(link)}/")


class FilesNamed:
    """Files of a folder by a name that tables give them, and which of them a table has named.

    Args:
        files: paths from the folder.
        n_parts: a name is the last so many parts of a path; parts of a table's path before that
            are ignored.
        stems: whether names have no ending.

    Raises:
        DataError: two files have the same name.

    Example:
        >>> files = FilesNamed(["images_001/a.png", "images_002/b.png"], n_parts=1)
        >>> files.take("b.png", table=Path("t.csv")), files.take("c.png", table=Path("t.csv"))
        ('images_002/b.png', None)
        >>> files.unnamed
        ['images_001/a.png']
    """

    def __init__(self, files: Iterable[str], *, n_parts: int, stems: bool = False) -> None:
        self._n_parts = n_parts
        self._by_name: dict[str, str] = {}
        self._taken: set[str] = set()
        for file in files:
            name = self._name(file.rpartition(".")[0] if stems else file)
            other = self._by_name.setdefault(name, file)
            if other != file:
                raise DataError(
                    f"two files are called {name}: {other} and {file}; keep one of them, or give "
                    "the folder of one version"
                )

    def _name(self, path: str) -> str:
        if self._n_parts == 1:
            return path[path.rfind("/") + 1 :]
        return "/".join(path.split("/")[-self._n_parts :])

    def take(self, written: str, *, table: Path) -> str | None:
        """The file that a cell names; None where there is none.

        Args:
            written: the cell.
            table: for the message.

        Raises:
            DataError: the cell is a path that leaves the folder.
        """
        file = self._by_name.get(self._name(path_inside(written, table=table)))
        if file is not None:
            self._taken.add(file)
        return file

    @property
    def unnamed(self) -> list[str]:
        """Files that no cell has named yet, in order."""
        return [file for file in self._by_name.values() if file not in self._taken]


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
    path = written.replace("\\", "/").removeprefix("./")
    leaves = ".." in path and ".." in path.split("/")
    if leaves or path.startswith("/") or path[1:2] == ":" or "\0" in path:
        raise DataError(
            f"{table}: the path {written!r} leaves the folder of the data; expected a path inside, "
            "repair the table or take it from its publisher"
        )
    return path


def data_root(folder: Path, name: str, holds: Sequence[str], *, expected: str) -> Path:
    """The folder itself, or its only sub-folder, that holds a file or folder.

    Args:
        folder: what the user gave: the data set, or the folder above it.
        name: of the source, for the message.
        holds: patterns as for ``Path.glob``; the first of which it holds something counts.
        expected: what the layout looks like, for the message.

    Raises:
        DataError: neither holds it, or several sub-folders do.
    """
    if folder.name.lower().endswith(ARCHIVES) and folder.is_file():
        raise DataError(f"{folder} is an archive; unpack it, and give the folder")
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give the folder that holds the data")
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    for pattern in holds:
        if _holds(folder, pattern):
            return folder
        found = [path for path in inside if _holds(path, pattern)]
        if len(found) > 1:
            names = " and ".join(path.name for path in found[:3])
            raise DataError(f"{folder}: {names} are in the layout of {name}; give one of them")
        if found:
            return found[0]
    raise DataError(f"{folder} is not in the layout of {name}: expected {expected}")


def _holds(folder: Path, pattern: str) -> bool:
    return next(folder.glob(pattern), None) is not None
