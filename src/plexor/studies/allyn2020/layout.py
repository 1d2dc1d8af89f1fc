"""The layout of HAM10000 as distributed: a table of metadata, and images in one or two folders."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from plexor.cases.manifest import Manifest, read_manifest
from plexor.core.errors import DataError, unknown

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
NAEVUS = "nv"
TABLES = ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata")
_COLUMNS = ("lesion_id", "image_id", "dx")
_ENDINGS = (".jpg", ".jpeg", ".png")
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One image of HAM10000.

    Attributes:
        image_id: its name, e.g. "ISIC_0027419".
        lesion_id: the lesion it shows; several images may show one.
        dx: its class.
        path: its file.
    """

    image_id: str
    lesion_id: str
    dx: str
    path: Path


def read_layout(folder: Path) -> tuple[Photo, ...]:
    """Reads every image's metadata, sorted by name.

    The table is ``HAM10000_metadata.csv`` (or ``.tab``, or without ending) and has the columns
    lesion_id, image_id and dx. Images, of any size, lie beside it or in ``images``,
    ``HAM10000_images_part_1`` and ``HAM10000_images_part_2``, however these are capitalised, and
    are called by their image_id.

    Raises:
        DataError: there is no table or a column is missing; or, listed together: images without
            metadata, metadata without images, duplicate images or rows, unknown dx, empty cells, no
            image of a naevus.
    """
    table = _table(folder)
    rows = [{name: str(row.cells.get(name) or "") for name in _COLUMNS} for row in table.rows]
    files = _files(folder)
    problems = [
        *_row_problems(rows),
        *_file_problems(files, {row["image_id"] for row in rows}),
    ]
    if problems:
        lines = [f"  {problem}" for problem in problems[:_MOST_SHOWN]]
        more = len(problems) - len(lines)
        lines += [f"  and {more} more"] if more else []
        noun = "problem" if len(problems) == 1 else "problems"
        raise DataError("\n".join([f"{folder}: {len(problems)} {noun}", *lines]))
    photos = (Photo(**row, path=files[row["image_id"]][0]) for row in rows)
    return tuple(sorted(photos, key=lambda photo: photo.image_id))


def _table(folder: Path) -> Manifest:
    """The metadata, its columns checked."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give the folder with {TABLES[0]} as --data")
    found = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    if found is None:
        raise DataError(
            f"{folder} has no metadata: expected {TABLES[0]}, with images beside it or in images, "
            "HAM10000_images_part_1 and HAM10000_images_part_2"
        )
    table = read_manifest(found)
    for name in _COLUMNS:
        if name not in table.columns:
            raise DataError(f"{found}: {unknown('column', name, table.columns)}")
    return table


def _files(folder: Path) -> Mapping[str, list[Path]]:
    """Name of an image → its files."""
    inside = [
        entry
        for entry in folder.iterdir()
        if entry.is_dir()
        and (entry.name == "images" or entry.name.lower().startswith("ham10000_images"))
    ]
    files: dict[str, list[Path]] = defaultdict(list)
    for place in (folder, *sorted(inside)):
        for path in sorted(place.iterdir()):
            if path.suffix.lower() in _ENDINGS:
                files[path.stem].append(path)
    return files


def _row_problems(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Problems of the metadata."""
    rows = list(rows)
    for row in rows:
        name = row["image_id"] or f"a row of lesion {row['lesion_id'] or '?'}"
        for column in _COLUMNS:
            if not row[column]:
                yield f"{name}: {column} is empty"
        if row["dx"] and row["dx"] not in CLASSES:
            yield f"{name}: {unknown('dx', row['dx'], CLASSES)}"
    for name, times in Counter(row["image_id"] for row in rows).items():
        if name and times > 1:
            yield f"{name}: {times} rows of metadata, expected one"
    if not any(row["dx"] == NAEVUS for row in rows):
        yield f"no image of class {NAEVUS}, the attacks' target"


def _file_problems(files: Mapping[str, list[Path]], named: set[str]) -> Iterator[str]:
    """Mismatches of metadata and images."""
    for name in sorted(named - files.keys() - {""}):
        yield f"{name}: metadata without an image"
    for name in sorted(files.keys() - named):
        yield f"{name}: an image without metadata, {files[name][0]}"
    for name, paths in sorted(files.items()):
        if len(paths) > 1:
            yield f"{name}: {len(paths)} files, {' and '.join(map(str, paths))}; keep one"
