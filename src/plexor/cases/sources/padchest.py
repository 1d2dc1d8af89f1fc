"""PadChest: chest films with 189 findings read from Spanish reports, by physicians or a network."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

from plexor.cases.case import join_labels
from plexor.cases.cells import parse_number
from plexor.cases.sources.folder import FilesNamed, data_root, files_below
from plexor.cases.sources.gathered import Gathered
from plexor.cases.sources.source import MadeManifest, Record, Request
from plexor.cases.sources.table import chosen_labels, number_cell, read_table
from plexor.core.errors import DataError

TABLES = "PADCHEST_chest_x_ray_images_labels_160K_*.csv*"
"""Pattern of the table's name, which ends in the date of its version; plain or gzipped."""
VIEWS = ("PA", "AP", "AP_horizontal", "L", "COSTAL", "UNK")
_NORMAL = "normal"
_EXCLUDE, _SUBOPTIMAL, _UNCHANGED = "exclude", "suboptimal study", "unchanged"
_NO_FINDINGS = frozenset({_NORMAL, _EXCLUDE, _SUBOPTIMAL, _UNCHANGED})
_NEEDED = ("ImageID", "PatientID", "StudyID", "Projection", "MethodLabel", "Labels")
_MISSING = ("", "nan", "None")
Policy = Literal["keep", "leave-out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PadChest:
    """``PADCHEST_chest_x_ray_images_labels_160K_*.csv``, and 16-bit films in folders 0 to 54.

    Attributes:
        labels: findings to read, e.g. ``pneumonia,pleural effusion``; all of the table if not
            given. A name is matched whole: ``pneumonia`` does not take ``atypical pneumonia``.
        views: projections, e.g. ``PA,AP``; any of them if not given.
        labelled_by: ``physician`` takes only films whose report a physician read.
        exclude: whether to ``keep`` films that the publishers labelled ``exclude``.
        suboptimal: whether to ``keep`` films labelled ``suboptimal study``.
        unchanged: whether to ``keep`` films labelled ``unchanged``. By the word, their report
            refers to an earlier one, so that a finding it does not name may be there.
    """

    reads: ClassVar[str] = "PadChest: chest films of 16 bits, 189 findings, several projections"
    licence: ClassVar[str] = (
        "for research, under an agreement with BIMCV that is accepted at registration: read it"
    )
    obtain: ClassVar[str] = "bimcv.cipf.es/bimcv-projects/padchest, after registration"
    traps: ClassVar[tuple[str, ...]] = (
        "A network gave three quarters of the labels: `labelled_by=physician` has the others.",
        "Labels of the network have blanks around them in the table: an exact match misses them.",
        "Findings form a tree, but films have only the names given: name every kind you mean.",
        "Devices stored 10 or 12 bits, files have 16: look at the films before you fix a scale.",
        "A tenth of the projections were guessed by a network.",
        "There are no splits: split by patient. Films of one study have the same labels.",
    )

    labels: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    labelled_by: Literal["all", "physician"] = "all"
    exclude: Policy = "leave-out"
    suboptimal: Policy = "keep"
    unchanged: Policy = "leave-out"

    def make(self, request: Request) -> MadeManifest:
        """Reads the table and looks for its films.

        Raises:
            DataError: there is no table, or several versions, or it is damaged, or a cell of labels
                is no list of texts.
            PlanError: a finding that the table does not have, or an unknown projection.
        """
        root = data_root(
            request.folder, "padchest", (TABLES,), expected=f"{TABLES} and films in folders 0 to 54"
        )
        table = _table(root)
        views = chosen_labels("padchest", self.views, VIEWS, kind="view") if self.views else ()
        files = FilesNamed(files_below(root, (".png",)), n_parts=1)
        found, known = Gathered(), set[str]()
        findings: list[frozenset[str]] = []
        for row in read_table(table, _NEEDED):
            name, given = row["ImageID"], _labels(row["Labels"], table, row["ImageID"])
            known |= given - _NO_FINDINGS
            file = files.take(name, table=table)
            why = "no file" if file is None else self._why_not(row, given, views)
            if file is None or why:
                found.leave_out(why, name)
                continue
            found.rows.append({"path": file, "label": None, **_known_of(row)})
            findings.append(given - _NO_FINDINGS)
            found.counts.update(
                normal=_NORMAL in given and bool(given - _NO_FINDINGS),
                suboptimal=_SUBOPTIMAL in given,
                unchanged=_UNCHANGED in given,
            )
        found.leave_out("a film without a row", *files.unnamed)
        wanted = frozenset(chosen_labels("padchest", self.labels, sorted(known)))
        return MadeManifest(
            root=root,
            rows=[
                {**row, "label": join_labels(names & wanted)}
                for row, names in zip(found.rows, findings, strict=True)
            ],
            truth="findings",
            left_out=found.left_out,
            notes=_notes(found.counts),
        )

    def _why_not(
        self, row: Mapping[str, str], given: frozenset[str], views: tuple[str, ...]
    ) -> str:
        """The reason why a film is left out; "" where it is not."""
        view = row["Projection"]
        excluded = _EXCLUDE in given or view == _EXCLUDE.upper()
        if excluded and self.exclude == "leave-out":
            return "to be excluded, say the publishers"
        if views and view not in views:
            return f"not {', '.join(views)}"
        if self.labelled_by == "physician" and row["MethodLabel"] != "Physician":
            return "labelled by a network"
        for label, policy in ((_SUBOPTIMAL, self.suboptimal), (_UNCHANGED, self.unchanged)):
            if label in given and policy == "leave-out":
                return f"labelled {label}"
        if not given - (_NO_FINDINGS - {_NORMAL}):
            return "neither a finding nor called normal"
        return ""


def _table(root: Path) -> Path:
    """The table: of a plain and a gzipped one, the plain one.

    Raises:
        DataError: there are several versions.
    """
    tables = sorted(root.glob(TABLES))
    if len({path.name.removesuffix(".gz") for path in tables}) > 1:
        names = " and ".join(path.name for path in tables)
        raise DataError(f"{root}: {names} are several versions of the table; keep one of them")
    return tables[0]


def _labels(written: str, table: Path, film: str) -> frozenset[str]:
    """Labels of a cell without blanks around them; none for an empty cell or label."""
    names = _parsed(written)
    if names is None:
        raise DataError(
            f"{table}: {film}: Labels is {written[:80]!r}, expected a list of texts such as "
            "['nodule', 'scoliosis']"
        )
    return names


@lru_cache(maxsize=65_536)
def _parsed(written: str) -> frozenset[str] | None:
    """The labels of a text; None where it is no list of them. Films often have equal texts."""
    if written in _MISSING:
        return frozenset()
    try:
        names = ast.literal_eval(written)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if not isinstance(names, list) or not all(isinstance(x, str) and "|" not in x for x in names):
        return None
    return frozenset(name.strip() for name in names) - {""}


def _known_of(row: Mapping[str, str]) -> Record:
    """What the table says of a film, beside its labels."""
    year = parse_number(row.get("StudyDate_DICOM", "")[:4])
    born = parse_number(row.get("PatientBirth", ""))
    return {
        "group": row["PatientID"],
        "study": row["StudyID"],
        "view": row["Projection"],
        "sex": _cell(row, "PatientSex_DICOM"),
        # within a year: of the birth, only the year is published
        "age": None if year is None or born is None else int(year - born),
        "year": None if year is None else int(year),
        "device": _cell(row, "Manufacturer_DICOM"),
        "bits": number_cell(_cell(row, "BitsStored_DICOM") or ""),
        "labelled_by": row["MethodLabel"],
    }


def _cell(row: Mapping[str, str], column: str) -> str | None:
    text = row.get(column, "")
    return None if text in _MISSING else text


def _notes(counts: Mapping[str, int]) -> tuple[str, ...]:
    told: list[str] = []
    if n := counts["normal"]:
        told.append(f"{n:,} films are called normal and have a finding too: the finding counts")
    if n := counts["suboptimal"]:
        told.append(
            f"{n:,} films are of a suboptimal study and kept; another choice: suboptimal=leave-out"
        )
    if n := counts["unchanged"]:
        told.append(
            f"{n:,} films are labelled unchanged and kept: a finding that their report does not "
            "name may be there; another choice: unchanged=leave-out"
        )
    return tuple(told)
