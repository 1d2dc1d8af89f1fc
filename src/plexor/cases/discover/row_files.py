"""Which image file each row of a table means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from plexor.cases.discover.image_files import looks_like_mask, stem

_SEPARATORS = "-_. "


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFiles:
    """Rows matched with files.

    Attributes:
        column: the column that names them.
        by_row: number of the row → file, for the rows whose file is there.
    """

    column: str
    by_row: Mapping[int, str]


def row_files(
    columns: Sequence[str], rows: Sequence[Mapping[str, str]], files: Sequence[str]
) -> RowFiles | None:
    """Finds the column that names the most files: by path, by name, or by the start of the name.

    Where a cell names several files, e.g. an image and its mask, the one whose path does not say
    "mask" and whose name is the shortest is meant.

    Args:
        columns: names.
        rows: cells as text.
        files: paths of the image files.

    Returns:
        None if no column names any file.
    """
    index = _Index.of(files)
    best: RowFiles | None = None
    for column in columns:
        cells = [row[column] for row in rows]
        found = {n: file for n, cell in enumerate(cells) if cell and (file := index.find(cell))}
        # a column of few different values, such as the sex, may start the name of some file
        if len(set(found.values())) < len(found):
            continue
        if found and (best is None or len(found) > len(best.by_row)):
            best = RowFiles(column=column, by_row=found)
    return best


@dataclass(frozen=True, slots=True)
class _Index:
    paths: frozenset[str]
    by_name: Mapping[str, list[str]]
    by_start: Mapping[str, list[str]]

    @classmethod
    def of(cls, files: Sequence[str]) -> _Index:
        by_name: dict[str, list[str]] = defaultdict(list)
        by_start: dict[str, list[str]] = defaultdict(list)
        for file in files:
            by_name[PurePosixPath(file).name].append(file)
            by_name[stem(file)].append(file)
            name = stem(file)
            for place, letter in enumerate(name):
                if letter in _SEPARATORS:
                    by_start[name[:place]].append(file)
        return cls(frozenset(files), by_name, by_start)

    def find(self, cell: str) -> str | None:
        """The file that a cell names."""
        written = cell.replace("\\", "/").removeprefix("./")
        if written in self.paths:
            return written
        name = PurePosixPath(written).name
        found = self.by_name.get(name) or (self.by_start.get(name) if name == written else None)
        return min(found, key=_likeliest) if found else None


def _likeliest(file: str) -> tuple[bool, int, str]:
    return looks_like_mask(file), len(stem(file)), file
