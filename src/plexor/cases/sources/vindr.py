"""VinDr-CXR: chest films in DICOM, each labelled by several radiologists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from plexor.cases.case import join_labels
from plexor.cases.sources.folder import FilesNamed, data_root, files_below
from plexor.cases.sources.gathered import Gathered
from plexor.cases.sources.source import MadeManifest, Record, Request
from plexor.cases.sources.table import chosen_labels, read_table
from plexor.core.errors import DataError

_NONE = ("no finding", "normal")
_TABLES = {
    "annotations/image_labels_train.csv": "train",
    "annotations/image_labels_test.csv": "test",
    "image_labels_train.csv": "train",
    "image_labels_test.csv": "test",
    "train.csv": "train",
}
_ENDINGS = (".dicom", ".dcm", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
_ENOUGH = {"majority": "more than half of them", "any": "any of them", "all": "all of them"}
_CONSENSUS = "consensus"
"""Stands for the readers of a table that names none: the test films' labels are agreed."""


@dataclass(slots=True)
class _Film:
    readers: set[str] = field(default_factory=set)
    votes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


@dataclass(frozen=True, slots=True, kw_only=True)
class VinDr:
    """``annotations/image_labels_train.csv`` and ``train/*.dicom``; also Kaggle's ``train.csv``.

    Attributes:
        labels: labels to read, e.g. ``Cardiomegaly``; all of the table if not given.
        readers: when a label counts: if the ``majority`` of the radiologists who read the film
            gave it, ``any`` of them, or ``all``.
    """

    reads: ClassVar[str] = "VinDr-CXR: chest films in DICOM, labelled by 3 radiologists each"
    licence: ClassVar[str] = (
        "PhysioNet Credentialed Health Data License 1.5.0; Kaggle's part: the competition's rules"
    )
    obtain: ClassVar[str] = (
        "physionet.org/content/vindr-cxr, after a course and an agreement; or Kaggle, VinBigData"
    )
    traps: ClassVar[tuple[str, ...]] = (
        "The radiologists of a training film often differ: compare `readers=any` and `majority`.",
        "Patients are not named: films of one patient count as independent, even across splits.",
        "Films have both photometric interpretations and 10 to 16 bits; they are read as stored.",
        "Kaggle's labels are those that were outlined with a box, and its test films have none.",
    )

    labels: tuple[str, ...] = ()
    readers: Literal["majority", "any", "all"] = "majority"

    def make(self, request: Request) -> MadeManifest:
        """Reads the tables, counts votes, and looks for the films.

        Raises:
            DataError: there is no table, it is damaged, or a vote is neither 0 nor 1.
        """
        root = data_root(
            request.folder,
            "vindr",
            ("annotations/image_labels_*.csv", "image_labels_*.csv", "train.csv"),
            expected="annotations/image_labels_train.csv, or Kaggle's train.csv, and films",
        )
        files = FilesNamed(files_below(root, _ENDINGS), n_parts=1, stems=True)
        found = Gathered()
        for table, split in ((root / name, split) for name, split in _TABLES.items()):
            if not table.is_file():
                continue
            known, films = _votes(table)
            labels = chosen_labels("vindr", self.labels, known)
            for name, film in films.items():
                file = files.take(name, table=table)
                if file is None:
                    found.leave_out("no file", name)
                    continue
                counted = self._counted(film, labels)
                split_votes = sum(
                    0 < len(film.votes.get(one, ())) < len(film.readers) for one in labels
                )
                found.rows.append(
                    {
                        "path": file,
                        "label": join_labels(counted),
                        "split": split,
                        "n_readers": None if film.readers == {_CONSENSUS} else len(film.readers),
                        "n_disputed": split_votes,
                    }
                )
        found.leave_out("a film without a row", *files.unnamed)
        n_films, n_disputed = len(found.rows), sum(map(_is_disputed, found.rows))
        note = (
            f"{n_disputed:,} of {n_films:,} films have a label on which their readers differ; a "
            f"label counts if it was given by {_ENOUGH[self.readers]}"
        )
        return MadeManifest(
            root=root, rows=found.rows, truth="findings", left_out=found.left_out, notes=(note,)
        )

    def _counted(self, film: _Film, labels: tuple[str, ...]) -> list[str]:
        """Labels that enough readers gave."""
        n = len(film.readers)
        least = {"majority": n // 2 + 1, "any": 1, "all": n}[self.readers]
        return [name for name in labels if len(film.votes.get(name, ())) >= least]


def _is_disputed(row: Record) -> bool:
    return bool(row["n_disputed"])


def _votes(table: Path) -> tuple[tuple[str, ...], Mapping[str, _Film]]:
    """Labels of a table in its order, and image → who read it and who gave which label."""
    rows = list(read_table(table, ["image_id"]))
    columns = tuple(rows[0])
    films: dict[str, _Film] = defaultdict(_Film)
    if "class_name" in columns:
        named: dict[str, None] = {}
        for row in rows:
            film, reader, label = films[row["image_id"]], row.get("rad_id", ""), row["class_name"]
            film.readers.add(reader or _CONSENSUS)
            if label.lower() not in _NONE:
                named[label] = None
                film.votes[label].add(reader or _CONSENSUS)
        return tuple(sorted(named)), films
    labels = tuple(
        name for name in columns if name not in ("image_id", "rad_id") and name.lower() not in _NONE
    )
    for row in rows:
        film, reader = films[row["image_id"]], row.get("rad_id") or _CONSENSUS
        film.readers.add(reader)
        for name in labels:
            vote = row[name].removesuffix(".0")
            if vote not in ("0", "1"):
                raise DataError(
                    f"{table}: {row['image_id']}: {name} is {row[name]!r}, expected 0 or 1"
                )
            if vote == "1":
                film.votes[name].add(reader)
    return labels, films
