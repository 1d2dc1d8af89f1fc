"""Radiographs in the layout of MURA, or of the chest films of Kermany et al.

*MURA*: ``MURA-v1.1/train/XR_WRIST/patient00001/study1_positive/image1.png``; ``train`` and
``valid`` are read alike, and the folder given may be the one above ``MURA-v1.1``, or itself.

*Chest films*: a table ``index.csv`` with the columns ``file, label, patient``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plexor.cases.cells import text_of
from plexor.cases.manifest import read_manifest
from plexor.cases.sources.mura import mura_root, read_mura
from plexor.core.errors import DataError
from plexor.studies.yi2022.plans import Source

_COLUMNS = ("file", "label", "patient")


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One radiograph.

    Attributes:
        name: unique, without the file's ending.
        path: the image file.
        label: the class.
        patient: films of one patient are never in two splits.
        study: what was labelled: in MURA a study of some films; a patient where there is none.
        region: body part, e.g. "XR_WRIST".
    """

    name: str
    path: Path
    label: str
    patient: str
    study: str
    region: str


def read_layout(folder: Path) -> tuple[Source, tuple[Film, ...]]:
    """What a folder holds, and every film of it, in an order that is the same everywhere.

    Raises:
        DataError: the folder has neither layout, no film, films of one class only, or a patient's
            study that is listed with two labels.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give --data the folder that holds the radiographs")
    source: Source = "chest films" if (folder / "index.csv").is_file() else "MURA"
    films = tuple(_read_index(folder) if source == "chest films" else _read_mura(folder))
    if not films:
        raise DataError(
            f"{folder} holds neither MURA-v1.1/train/XR_*/patient*/study*_positive/*.png nor "
            "index.csv with the columns file, label and patient"
        )
    labels: dict[str, str] = {}
    for film in films:
        if labels.setdefault(film.study, film.label) != film.label:
            raise DataError(f"{folder}: the study {film.study} has two labels; keep one of them")
    classes = sorted(set(labels.values()))
    if len(classes) != 2:
        raise DataError(f"{folder}: expected films of two classes, found {', '.join(classes)}")
    return source, films


def _read_mura(folder: Path) -> Iterator[Film]:
    try:
        root = mura_root(folder)
    except DataError:
        return
    for row in read_mura(root).rows:
        path = root / str(row["path"])
        yield Film(
            name=f"{row['study']}/{path.stem}",
            path=path,
            label=str(row["label"]),
            patient=str(row["group"]),
            study=str(row["study"]),
            region=str(row["body_part"]),
        )


def _read_index(folder: Path) -> Iterator[Film]:
    table = read_manifest(folder / "index.csv")
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        raise DataError(
            f"{folder / 'index.csv'}: expected the columns {', '.join(_COLUMNS)}, found no "
            f"{missing[0]!r}"
        )
    for row in table.rows:
        file, label, patient = (text_of(row.cells.get(name)) for name in _COLUMNS)
        path = folder / file
        if not path.is_file():
            raise DataError(f"{folder / 'index.csv'} lists {file}, which is not there")
        yield Film(
            name=file.rpartition(".")[0],
            path=path,
            label=label,
            patient=patient,
            study=patient,
            region="chest",
        )
