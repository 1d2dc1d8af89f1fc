"""CheXpert: chest films with 14 observations, each positive, negative, uncertain or blank."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from plexor.cases.case import join_labels
from plexor.cases.sources.folder import data_root, path_inside
from plexor.cases.sources.gathered import Gathered
from plexor.cases.sources.source import MadeManifest, Request
from plexor.cases.sources.table import chosen_labels, number_cell, read_table
from plexor.core.errors import DataError

LABELS = (
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
    "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
"""The observations; the fourteenth, "No Finding", is that there is none of the first twelve."""
_TABLES = {
    "train": ("train.csv",),
    "validation": ("valid.csv",),
    "test": ("test.csv", "test_labels.csv"),
}
_PARTS = {"train": "train", "validation": "valid", "test": "test"}
_DEPTH = 3
"""A film is named by patient, study and view; versions differ in the folders above."""
_MEANING = {
    "1.0": "positive", "0.0": "negative", "-1.0": "uncertain",
    "1": "positive", "0": "negative", "-1": "uncertain", "": "blank",
}  # fmt: skip
Policy = Literal["negative", "positive", "leave-out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheXpert:
    """``train.csv``, ``valid.csv``, and films ``train/patient00001/study1/view1_frontal.jpg``.

    Attributes:
        labels: observations to read, e.g. ``Edema,Cardiomegaly``; all thirteen if not given.
        uncertain: what a -1 is: ``negative`` (U-Zeros), ``positive`` (U-Ones), or ``leave-out``
            the film where any label read is uncertain.
        blank: what an empty cell, an observation that the report does not mention, is:
            ``negative``, or ``leave-out`` the film.
        views: ``frontal``, ``lateral`` or ``all``.
    """

    reads: ClassVar[str] = "CheXpert: chest films, 13 observations with uncertain ones, 2 views"
    licence: ClassVar[str] = (
        "Stanford University's research use agreement: not for commercial use, not to be passed on"
    )
    obtain: ClassVar[str] = (
        "stanfordaimi.azurewebsites.net, after registration; full size or `small`"
    )
    traps: ClassVar[tuple[str, ...]] = (
        "Labels of `train` were read from reports by a program; radiologists gave the others.",
        "A -1 is doubtful in the report. The publishers found no policy best for every label.",
        "Most cells are blank: not mentioned, which is not the same as absent.",
        "A frontal and a lateral film of one study have the same labels and the same patient.",
    )

    labels: tuple[str, ...] = ()
    uncertain: Policy = "negative"
    blank: Literal["negative", "leave-out"] = "negative"
    views: Literal["all", "frontal", "lateral"] = "all"

    def make(self, request: Request) -> MadeManifest:
        """Reads the tables and looks for their films.

        Raises:
            DataError: no table is there, one is damaged, or a label is not 1, 0, -1 or blank.
        """
        tables = data_root(
            request.folder,
            "chexpert",
            ("train.csv", "valid.csv"),
            expected="CheXpert-v1.0/train.csv or valid.csv, and films below train/patient*",
        )
        # the full-size films come in several folders, "CheXpert-v1.0 batch 2 (train 1)" and so on
        root = request.folder if "batch" in tables.name else tables
        folders = {part: _patients(root, tables, part) for part in _PARTS.values()}
        listed: set[str] = set()
        labels = chosen_labels("chexpert", self.labels, LABELS)
        found = Gathered()
        for split, names in _TABLES.items():
            table = next((tables / name for name in names if (tables / name).is_file()), None)
            if table is not None:
                for row in read_table(table, ["Path", *labels]):
                    path = path_inside(row["Path"], table=table)
                    patient, *rest = path.split("/")[-_DEPTH:]
                    folder = folders[_PARTS[split]].get(patient, "")
                    listed.add(folder)
                    file = "/".join((folder, *rest))
                    if not (folder and os.path.isfile(f"{root}/{file}")):  # noqa: PTH113 (speed)
                        found.leave_out("no file", row["Path"])
                        continue
                    self._gather(row, file, _meanings(table, row, labels), split, found)
        there = {folder for of_part in folders.values() for folder in of_part.values()}
        found.leave_out("a patient without a row", *sorted(there - listed))
        return MadeManifest(
            root=root,
            rows=found.rows,
            truth="findings",
            left_out=found.left_out,
            notes=self._notes(found.counts),
        )

    def _gather(
        self,
        row: Mapping[str, str],
        file: str,
        meanings: Mapping[str, str],
        split: str,
        found: Gathered,
    ) -> None:
        """Adds a film, or the reason why it is left out."""
        patient, study, film = file.split("/")[-_DEPTH:]
        view = row.get("Frontal/Lateral", "").lower() or film.rpartition("_")[2].partition(".")[0]
        if self.views not in ("all", view):
            found.leave_out(f"not {self.views}", row["Path"])
            return
        found.counts.update(meanings.values())
        for meaning, policy in (("uncertain", self.uncertain), ("blank", self.blank)):
            if policy == "leave-out" and meaning in meanings.values():
                found.leave_out(f"a label is {meaning}", row["Path"])
                return
        positive = ("positive", "uncertain") if self.uncertain == "positive" else ("positive",)
        found.rows.append(
            {
                "path": file,
                "label": join_labels(name for name in meanings if meanings[name] in positive),
                "group": patient,
                "split": split,
                "study": f"{patient}/{study}",
                "view": view,
                "projection": row.get("AP/PA") or None,
                "sex": row.get("Sex") or None,
                "age": number_cell(row.get("Age", "")),
            }
        )

    def _notes(self, seen: Mapping[str, int]) -> tuple[str, ...]:
        told = []
        for meaning, policy, option in (
            ("uncertain", self.uncertain, "uncertain=positive or uncertain=leave-out"),
            ("blank", self.blank, "blank=leave-out"),
        ):
            if seen[meaning] and policy != "leave-out":
                total = sum(seen.values())
                told.append(
                    f"{seen[meaning]:,} of {total:,} cells are {meaning} and taken as {policy}; "
                    f"another choice: {option}"
                )
        return tuple(told)


def _patients(root: Path, tables: Path, part: str) -> dict[str, str]:
    """Patient → folder, from ``root``; the films are not listed, which would take minutes."""
    places = (tables / part, *sorted(root.glob("*batch*")))
    return {
        folder.name: folder.relative_to(root).as_posix()
        for place in places
        if place.is_dir()
        for folder in place.glob("patient*")
    }


def _meanings(table: Path, row: Mapping[str, str], labels: tuple[str, ...]) -> dict[str, str]:
    """Label → what its cell says."""
    found = {}
    for name in labels:
        meaning = _MEANING.get(row[name])
        if meaning is None:
            raise DataError(
                f"{table}: {row['Path']}: {name} is {row[name]!r}, expected 1, 0, -1 or nothing"
            )
        found[name] = meaning
    return found
