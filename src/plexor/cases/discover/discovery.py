"""The cases that a folder or a table holds, as rows of a manifest, and how they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from plexor.cases.cells import text_of
from plexor.cases.discover.image_files import image_files, looks_like_mask, without_masks
from plexor.cases.discover.named_groups import named_groups
from plexor.cases.discover.row_files import RowFiles, row_files
from plexor.cases.discover.table_roles import SPLIT_NAMES, Roles, roles_of, truth_kind_of
from plexor.cases.manifest import read_manifest
from plexor.cases.rows import TruthKind
from plexor.core.csv_text import csv_text
from plexor.core.errors import DataError, unknown

_TABLES = (".csv", ".tsv", ".parquet")
_MOST_TABLES = 50
_OURS = ("id", "path", "label", "group", "split")
Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Cases found, as rows of a manifest.

    Attributes:
        name: of the folder or table.
        root: folder that the paths start from.
        columns: of the manifest: ``path``, ``label``, ``group`` and ``split`` if known, and others.
        rows: cells as text; a label is "" where none was found.
        truth: how labels are to be read.
        label_name: column or place that the labels come from; "" if there are none.
        notes: what was found and guessed, each a sentence for the user.
    """

    name: str
    root: Path
    columns: tuple[str, ...]
    rows: Rows
    truth: TruthKind
    label_name: str
    notes: tuple[str, ...]

    @property
    def labels(self) -> list[str]:
        """The label of each row."""
        return [row["label"] for row in self.rows]

    @property
    def files(self) -> list[Path]:
        """The image of each row."""
        return [self.root / row["path"] for row in self.rows]

    def manifest(self) -> str:
        """The manifest as CSV."""
        return csv_text(self.columns, ([row[name] for name in self.columns] for row in self.rows))


def discover(source: Path, columns: Mapping[str, str] | None = None) -> Discovery:
    """Looks for cases in a folder or behind a table.

    In a folder, a table (CSV or Parquet) that names images and has labels comes first; then
    sub-folders, one for each class, also below ``train``, ``val`` and ``test``; then images
    without labels. Images are PNG, JPEG, TIFF, DICOM and NIfTI, told by content.

    Args:
        source: the folder or the table.
        columns: what a table calls its label, group and split, where a guess is not wanted.

    Raises:
        DataError: there is no image, or a table names none, or a named column is not there.
    """
    if not source.is_dir():
        root = source.parent
        if files := _by_path(source):
            columns = {"path": "path", **(columns or {})}
        return _from_tables(
            [source], files or image_files(root), root, columns or {}, name=source.stem
        )
    files = image_files(source)
    if not files:
        raise DataError(
            f"{source}: expected PNG, JPEG, TIFF, DICOM or NIfTI files in the folder or below it, "
            "found none"
        )
    tables = [path for path in sorted(source.rglob("*")) if path.suffix.lower() in _TABLES]
    try:
        return _from_tables(tables[:_MOST_TABLES], files, source, columns or {}, name=source.name)
    except DataError:
        if columns:
            raise
    unused = ", ".join(table.name for table in tables[:3])
    return _from_folders(source, without_masks(files), unused)


def _by_path(source: Path) -> list[str]:
    """Files that a table names in its column ``path``, wherever they lie; none without one."""
    cells = (text_of(row.cells.get("path")) for row in read_manifest(source).rows)
    return [cell for cell in cells if cell and (source.parent / cell).is_file()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    path: Path
    columns: tuple[str, ...]
    rows: Rows
    found: RowFiles
    roles: Roles

    @property
    def score(self) -> tuple[int, int, float, int]:
        """The table with labels comes first, then with most images, then with fewest other rows."""
        named = len(self.found.by_row)
        certain = -1 if self.roles.label is None else self.roles.certain
        return certain, named, named / len(self.rows), -len(self.path.parts)


def _from_tables(
    paths: Sequence[Path],
    files: Sequence[str],
    root: Path,
    columns: Mapping[str, str],
    *,
    name: str,
) -> Discovery:
    found = [table for path in paths if (table := _table(path, files, columns))]
    if not found:
        names = ", ".join(path.name for path in paths) or "no table"
        raise DataError(
            f"{root}: no column of {names} names image files below this folder; write the paths or "
            "the names of the files into a column"
        )
    table = max(found, key=lambda one: one.score)
    roles, named = table.roles, table.found
    by_path = any(table.rows[n][named.column] == file for n, file in named.by_row.items())
    rest = [
        name
        for name in table.columns
        if name not in (named.column, roles.label, roles.group, roles.split, *_OURS)
    ]
    rows = [
        {
            **({} if by_path else {"id": table.rows[n][named.column]}),
            "path": file,
            "label": table.rows[n][roles.label] if roles.label else "",
            **({"group": table.rows[n][roles.group]} if roles.group else {}),
            **({"split": _split(table.rows[n][roles.split])} if roles.split else {}),
            **{name: table.rows[n][name] for name in rest},
        }
        for n, file in named.by_row.items()
    ]
    notes = [f"{table.path.name}: {len(rows)} images, named by the column {named.column}"]
    if missing := len(table.rows) - len(rows):
        notes.append(f"{missing} rows of {table.path.name} have no image here and are left out")
    if masks := sum(looks_like_mask(file) for file in set(files) - set(named.by_row.values())):
        notes.append(f"{masks} files look like masks and are left out; see docs/how-to/regions.md")
    if roles.label:
        others = f"; it could also be {', '.join(roles.others[:4])}" if roles.others else ""
        notes.append(f"label: the column {roles.label}{others}")
    return _discovery(name, root, rows, notes, roles.label or "")


def _table(path: Path, files: Sequence[str], given: Mapping[str, str]) -> _Table | None:
    """A table with its roles; None if it names no image, or cannot be read."""
    try:
        read = read_manifest(path)
    except DataError:
        if given:
            raise
        return None
    rows = [
        {name: text_of(cell) for name, cell in row.cells.items()}
        for row in read.rows
        if row.n_cells == len(read.columns)
    ]
    for name in given.values():
        if name not in read.columns:
            raise DataError(f"{path}: {unknown('column', name, read.columns)}")
    named_by = [given["path"]] if "path" in given else read.columns
    found = row_files(named_by, rows, files) if rows else None
    if found is None:
        return None
    guessed = roles_of(read.columns, rows, paths=[found.column])
    label = given.get("label", guessed.label)
    return _Table(
        path=path,
        columns=read.columns,
        rows=rows,
        found=found,
        roles=Roles(
            label=label,
            certain=2 if "label" in given else guessed.certain,
            group=given.get("group", guessed.group),
            split=given.get("split", guessed.split),
            others=() if "label" in given else guessed.others,
        ),
    )


def _from_folders(root: Path, files: Sequence[str], unused: str) -> Discovery:
    """Labels and splits from the names of sub-folders; ``unused`` tables name no image."""
    parts = [PurePosixPath(file).parts[:-1] for file in files]
    first = {one[0].lower() for one in parts if one}
    split_first = bool(first) and all(parts) and first <= SPLIT_NAMES.keys()
    at = 1 if split_first else 0
    labels = [one[at] if len(one) > at else "" for one in parts]
    rows: list[dict[str, str]] = []
    for file, label, one in zip(files, labels, parts, strict=True):
        split = {"split": _split(one[0])} if split_first else {}
        rows.append({"path": file, "label": label, **split})
    said = [f"no column of {unused} names an image, so tables are not used"] if unused else []
    n_classes = len(set(labels))
    if n_classes < 2 or "" in labels:
        rows = [row | {"label": ""} for row in rows]
        notes = [*said, f"{len(rows)} images, without a table or one sub-folder for each class"]
        return _discovery(root.name, root, rows, notes, "")
    notes = [*said, f"{len(rows)} images in {n_classes} sub-folders, whose names are the labels"]
    if split_first:
        notes.append("split: the folders " + ", ".join(sorted(first)))
    return _discovery(root.name, root, rows, notes, "sub-folder")


def _discovery(
    name: str, root: Path, rows: list[dict[str, str]], notes: list[str], label_name: str
) -> Discovery:
    """Adds groups where no column has them, and says what is missing."""
    if "group" in rows[0]:
        n_groups = len({row["group"] for row in rows})
        notes.append(f"group: {n_groups} groups, from the table")
    else:
        groups, how = named_groups(root, [row["path"] for row in rows])
        if groups:
            rows = [_with_group(row, groups[row["path"]]) for row in rows]
            notes.append(f"group: {len(set(groups.values()))} groups, {how}; check it")
        else:
            notes.append(
                "group: not found, so each image counts as a patient of its own; if a patient or "
                "a lesion has several images, add a column `group`, or intervals are too narrow"
            )
    if not label_name:
        notes.append("label: not found; fill in the column `label` of the manifest first")
    labels = [row["label"] for row in rows]
    kind = truth_kind_of(labels, are_files=_all_files(root, labels))
    return Discovery(
        name=name, root=root, columns=tuple(rows[0]), rows=rows, truth=kind,
        label_name=label_name, notes=tuple(notes),
    )  # fmt: skip


def _with_group(row: Mapping[str, str], group: str) -> dict[str, str]:
    """The row with its group after the label."""
    first = {name: row[name] for name in ("id", "path", "label") if name in row}
    return first | {"group": group} | dict(row)


def _all_files(root: Path, labels: Sequence[str]) -> bool:
    return all(labels) and all("." in label and (root / label).is_file() for label in labels)


def _split(written: str) -> str:
    return SPLIT_NAMES.get(written.strip().lower(), written)
