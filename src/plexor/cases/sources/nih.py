"""NIH ChestX-ray14: chest films with 14 findings read from reports, and lists of two splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from plexor.cases.case import join_labels, split_labels
from plexor.cases.sources.folder import FilesNamed, data_root, files_below
from plexor.cases.sources.gathered import Gathered
from plexor.cases.sources.source import MadeManifest, Record, Request
from plexor.cases.sources.table import chosen_labels, number_cell, read_table
from plexor.core.errors import DataError

LABELS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis",
    "Hernia", "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
_NONE = "No Finding"
_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_LISTS = {"train_val_list.txt": "train", "test_list.txt": "test"}
_NEEDED = ("Image Index", "Finding Labels", "Patient ID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nih:
    """``Data_Entry_2017.csv``, two lists, and films in ``images`` or ``images_001/images``.

    Attributes:
        labels: findings to read, e.g. ``Mass,Nodule``; all fourteen if not given.
        views: ``PA``, ``AP`` or ``all``.
    """

    reads: ClassVar[str] = "NIH ChestX-ray14: chest films, 14 findings, splits by patient"
    licence: ClassVar[str] = "free for any use; NIH Clinical Center asks to be named and cited"
    obtain: ClassVar[str] = "nihcc.app.box.com/v/ChestXray-NIHCC"
    traps: ClassVar[tuple[str, ...]] = (
        "Labels were read from reports by a program, and are wrong more often for some findings.",
        "Many films with a pneumothorax were taken after it was treated, and show the drain.",
        "The lists have no validation split: split `train` by patient.",
        "Some ages are impossible, such as 414 years.",
    )

    labels: tuple[str, ...] = ()
    views: Literal["all", "PA", "AP"] = "all"

    def make(self, request: Request) -> MadeManifest:
        """Reads the table and the lists and looks for their films.

        Raises:
            DataError: there is no table, or it is damaged, or names a finding that is not known.
        """
        root = data_root(
            request.folder,
            "nih",
            _TABLES,
            expected="Data_Entry_2017.csv or Data_Entry_2017_v2020.csv",
        )
        table = next(root / name for name in _TABLES if (root / name).exists())
        labels = set(chosen_labels("nih", self.labels, LABELS))
        files = FilesNamed(files_below(root, (".png", ".jpg", ".jpeg")), n_parts=1)
        splits = _splits(root)
        found = Gathered()
        for row in read_table(table, _NEEDED):
            name, view = row["Image Index"], row.get("View Position", "")
            file = files.take(name, table=table)
            if file is None:
                found.leave_out("no file", name)
            elif self.views not in ("all", view):
                found.leave_out(f"not {self.views}", name)
            elif splits and name not in splits:
                found.leave_out("in none of the lists", name)
            else:
                found.rows.append(_record(row, file, splits.get(name), labels, table))
        found.leave_out("a film without a row", *files.unnamed)
        note = (
            "no train_val_list.txt or test_list.txt is there, so there are no splits; split by "
            "patient in the plan (`cohort.split`)"
        )
        return MadeManifest(
            root=root,
            rows=found.rows,
            truth="findings",
            left_out=found.left_out,
            notes=() if splits else (note,),
        )


def _record(
    row: dict[str, str], file: str, split: str | None, labels: set[str], table: Path
) -> Record:
    found = split_labels(row["Finding Labels"].removesuffix(_NONE))
    strange = [name for name in found if name not in LABELS]
    if strange:
        raise DataError(
            f"{table}: {row['Image Index']}: the finding {strange[0]!r} is none of the fourteen; "
            f"beside {_NONE!r}, expected {', '.join(LABELS)}"
        )
    return {
        "path": file,
        "label": join_labels(name for name in found if name in labels),
        "group": row["Patient ID"],
        "split": split,
        "view": row.get("View Position") or None,
        "sex": row.get("Patient Gender") or None,
        # earlier versions of the table write 058Y
        "age": number_cell(row.get("Patient Age", "").removesuffix("Y")),
        "follow_up": number_cell(row.get("Follow-up #", "")),
    }


def _splits(root: Path) -> dict[str, str]:
    """Film → split, of the lists that are there.

    Raises:
        DataError: a list cannot be read, or a film is in both.
    """
    splits: dict[str, str] = {}
    for name, split in _LISTS.items():
        path = root / name
        if not path.is_file():
            continue
        try:
            listed = path.read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read as text: {error}") from error
        for film in listed:
            if splits.setdefault(film, split) != split:
                raise DataError(f"{root}: {film} is in both lists of films; take it out of one")
    return splits
