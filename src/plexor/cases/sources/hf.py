"""Data sets of the Hugging Face hub as Parquet files on disk, with images in a column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from plexor.cases.case import join_labels
from plexor.cases.discover.table_roles import SPLIT_NAMES
from plexor.cases.formats.magic import format_of
from plexor.cases.rows import TruthKind
from plexor.cases.sources.extraction import Extraction, content_name
from plexor.cases.sources.folder import files_below
from plexor.cases.sources.gathered import Gathered
from plexor.cases.sources.source import Cell, MadeManifest, Request
from plexor.core.errors import DataError, PlanError, unknown

if TYPE_CHECKING:
    import pyarrow as pa

_ENDINGS = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif", "dicom": ".dcm", "nifti": ".nii",
            "gzip": ".nii.gz"}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+")
_OURS = ("id", "path", "label", "group", "split")
_AT_ONCE = 16
"""Rows in memory together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HuggingFace:
    """``data/train-00000-of-00002.parquet`` with a column of images and one of labels.

    The bytes of each image are written into a file once, exactly as they are stored.

    Attributes:
        image: column of images; the only one there is, if not given.
        label: column of labels: names, class numbers, numbers, or lists of them.
        group: column that names the patient.
    """

    reads: ClassVar[str] = "Hugging Face data sets on disk: Parquet files with images inside"
    licence: ClassVar[str] = "that of the data set: `license` at the head of its README.md"
    obtain: ClassVar[str] = "hf download --repo-type dataset NAME --local-dir DIR, or git clone"
    traps: ClassVar[tuple[str, ...]] = (
        "Many copies of a data set were resized or made JPEG: compare with the original.",
        "The patient is often lost: name its column with `group`, or look for it elsewhere.",
        "Clones without git-lfs hold pointers of some hundred bytes in place of the files.",
    )

    image: str = ""
    label: str = "label"
    group: str = ""

    def make(self, request: Request) -> MadeManifest:
        """Reads the Parquet files and writes their images.

        Raises:
            DataError: there is no such file, or it is damaged, or has no column of images.
            PlanError: a column that was named is not there.
            RunDirectoryError: the images cannot be written.
        """
        folder = request.folder
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder; give the folder that holds the data")
        paths = [folder / name for name in files_below(folder, (".parquet",))]
        if not paths:
            raise DataError(f"{folder} holds no .parquet file; was it cloned without git-lfs?")
        place = request.extracted / content_name(folder.name, paths, self.image)
        found, kinds = Gathered(), set[TruthKind]()
        total = sum(_opened(path).metadata.num_rows for path in paths)
        n_seen = 0
        with Extraction(place) as files:
            for path in paths:
                table = _opened(path)
                columns = _Columns.of(path, table.schema_arrow, self)
                kinds.add(columns.truth)
                inside = path.relative_to(folder)
                for number, row in enumerate(_rows(path, table, columns.read)):
                    name = f"{inside.with_suffix('').as_posix()}/{inside.stem}_{number:06d}"
                    taken = _taken(name, row, columns)
                    if isinstance(taken, str):
                        found.leave_out(taken, name)
                    else:
                        file, data, cells = taken
                        files.put(file, data)
                        found.rows.append({"path": file, **cells, "split": _split(inside)})
                    n_seen += 1
                    request.advance(n_seen, total, name)
        if len(kinds) > 1:
            raise DataError(f"{folder}: labels are {' and '.join(sorted(kinds))} in its files")
        note = f"images are unpacked into {place.parent.name}/{place.name}, byte for byte"
        return MadeManifest(
            root=place,
            rows=found.rows,
            truth=kinds.pop(),
            left_out=found.left_out,
            notes=(note,),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Columns of a Parquet file by their role.

    Attributes:
        image: of images: bytes, or records of bytes and a path.
        label: of the truth.
        group: of the patient; "" where there is none.
        others: of texts and numbers.
        names: of classes, in the order of their numbers; empty where labels are names already.
        truth: what labels are.
    """

    image: str
    label: str
    group: str
    others: tuple[str, ...]
    names: tuple[str, ...]
    truth: TruthKind

    @classmethod
    def of(cls, path: Path, schema: pa.Schema, options: HuggingFace) -> _Columns:
        import pyarrow as pa

        images = [field.name for field in schema if _holds_images(field.type)]
        if not images:
            raise DataError(
                f"{path}: no column of images (bytes, or a record with bytes) among "
                f"{', '.join(schema.names)}"
            )
        if len(images) > 1 and not options.image:
            raise PlanError(f"hf: {path.name} has several columns of images, {', '.join(images)}; "
                            "name one with the option `image`")  # fmt: skip
        image = options.image or images[0]
        for kind, name, known in (
            ("column of images", image, images),
            ("column of labels", options.label, schema.names),
            ("column of groups", options.group or image, schema.names),
        ):
            if name not in known:
                raise PlanError(f"hf: {path.name}: {unknown(kind, name, known)}")
        kind = schema.field(options.label).type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        used = (image, options.label, options.group, *_OURS)
        plain = [field.name for field in schema if _is_plain(field.type)]
        return cls(
            image=image,
            label=options.label,
            group=options.group,
            others=tuple(name for name in plain if name not in used),
            names=_class_names(schema, options.label),
            truth="findings" if is_list else "number" if pa.types.is_floating(kind) else "class",
        )

    @property
    def read(self) -> list[str]:
        """The columns to read."""
        return [name for name in (self.image, self.label, self.group, *self.others) if name]


def _holds_images(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _holds_images(field.type) for field in kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_plain(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _class_names(schema: pa.Schema, label: str) -> tuple[str, ...]:
    """Names of classes that the library wrote into the schema; none where it wrote none."""
    try:
        written = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        feature = written["info"]["features"][label]
        while isinstance(feature, list) or "feature" in feature:
            feature = feature[0] if isinstance(feature, list) else feature["feature"]
        return tuple(str(name) for name in feature.get("names", ()))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return ()


def _opened(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path}: not a readable Parquet file: {error}; a file of some hundred bytes is a "
            "pointer of git-lfs: run git lfs pull"
        ) from error


def _rows(path: Path, table: Any, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa

    try:
        for batch in table.iter_batches(batch_size=_AT_ONCE, columns=list(columns)):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged: {error}; fetch it anew") from error


def _taken(
    name: str, row: Mapping[str, Any], columns: _Columns
) -> tuple[str, bytes, dict[str, Cell]] | str:
    """File, its bytes and cells of a row; or the reason why the row is left out."""
    image = row[columns.image]
    data = image["bytes"] if isinstance(image, dict) else image
    if not data:
        return "no image in the row"
    kind = format_of(data)
    if kind is None:
        return "not PNG, JPEG, TIFF, DICOM or NIfTI"
    label = _label(row[columns.label], columns)
    if label is None:
        return "no label"
    group = {"group": str(row[columns.group])} if columns.group and row[columns.group] else {}
    others = {other: row[other] for other in columns.others}
    return name + _ENDINGS[kind], data, {"label": label, **group, **others}


def _label(value: Any, columns: _Columns) -> str | float | None:
    """A label as a manifest has it; None where there is none, as a class number of -1 says."""
    if value is None:
        return None
    if columns.truth == "number":
        return float(value)
    if columns.truth == "findings":
        names = [_class_name(one, columns.names) for one in value]
        return join_labels(name for name in names if name)
    return _class_name(value, columns.names)


def _class_name(value: Any, names: Sequence[str]) -> str | None:
    if not names or not isinstance(value, int):
        return str(value)
    return names[value] if 0 <= value < len(names) else None


def _split(inside: Path) -> str | None:
    """The split that a path names by a folder or by the start of a file's name."""
    for part in reversed(inside.parts):
        word = _WORD.match(part)
        if word and word[0].lower() in SPLIT_NAMES:
            return SPLIT_NAMES[word[0].lower()]
    return None
