"""BIDS: images named by subject, session and run, and a table of the participants."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from plexor.cases.discover.table_roles import truth_kind_of
from plexor.cases.rows import TruthKind
from plexor.cases.sources.folder import data_root, files_below
from plexor.cases.sources.gathered import Gathered
from plexor.cases.sources.source import MadeManifest, Record, Request
from plexor.cases.sources.table import number_cell, read_table
from plexor.core.errors import DataError, PlanError, unknown
from plexor.core.wording import counted

PARTICIPANTS = "participants.tsv"
_ENDINGS = (".nii", ".nii.gz")
_MISSING = ("n/a", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class BidsImage:
    """An image of a BIDS folder.

    Attributes:
        path: from the folder.
        subject: as ``sub-01``.
        entities: what the file's name says beside the subject, e.g. ``{"ses": "02", "run": "1"}``.
    """

    path: str
    subject: str
    entities: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bids:
    """``participants.tsv`` and ``sub-01/[ses-02/]anat/sub-01_[ses-02_]T1w.nii.gz``.

    Attributes:
        label: column of ``participants.tsv`` (or of a subject's ``sessions.tsv``) that is the
            truth, e.g. ``age`` or ``diagnosis``.
        suffix: of the images, e.g. ``T1w``, ``T2w``, ``FLAIR``.
        truth: what the label is, ``class`` or ``number``; ``guess`` takes ``age``, fractions, and
            numbers of more than twenty values for a number.
    """

    reads: ClassVar[str] = "BIDS: NIfTI volumes by subject and session, labels in participants.tsv"
    licence: ClassVar[str] = "that of the data set: `License` in its dataset_description.json"
    obtain: ClassVar[str] = "e.g. openneuro.org; or your own data, named by the BIDS validator"
    traps: ClassVar[tuple[str, ...]] = (
        "`age` in participants.tsv is that of one visit; later visits need a sessions.tsv.",
        "Defaced images differ from those a scanner gives: a model may see that.",
        "Sites differ in scanners and in who is scanned: keep the column `site`.",
        "Folders of git-annex hold links; files that were not fetched count as missing.",
    )

    label: str = ""
    suffix: str = "T1w"
    truth: Literal["guess", "class", "number"] = "guess"

    def make(self, request: Request) -> MadeManifest:
        """Reads the tables and looks for the images; ``derivatives`` are not looked at.

        Raises:
            DataError: there is no table, it is damaged, or two images have the same name.
            PlanError: the label's column was not named, or is not there.
        """
        root = bids_root(request.folder)
        people = participants(root)
        images = bids_images(root, self.suffix)
        visits = _visits(root, images)
        self._check_label(root, people, visits)
        found = Gathered()
        for image in images:
            person = people.get(image.subject)
            session = image.entities.get("ses", "")
            visit = visits.get((image.subject, session), {})
            cells = {**(person or {}), **visit}
            label = cells.pop(self.label, "")
            if person is None and not visit:
                found.leave_out(f"an image of nobody in {PARTICIPANTS}", image.path)
            elif not label:
                found.leave_out(f"{self.label} is n/a", image.path)
            else:
                found.rows.append(
                    {
                        "path": image.path,
                        "label": label,
                        "group": image.subject,
                        "session": session or None,
                        "run": image.entities.get("run"),
                        **{name: number_cell(cell) for name, cell in cells.items()},
                    }
                )
        without = set(people) - {image.subject for image in images}
        found.leave_out(f"a participant without {self.suffix}", *sorted(without))
        n_alike = _n_alike(
            found.rows, {key for key, visit in visits.items() if self.label in visit}
        )
        note = (
            f"{counted(n_alike, 'subject')} with several sessions and one {self.label} for all: "
            "write that of each session into sessions.tsv, or keep one session of each subject"
        )
        return MadeManifest(
            root=root,
            rows=found.rows,
            truth=self._truth([str(row["label"]) for row in found.rows]),
            left_out=found.left_out,
            notes=(note,) if n_alike else (),
        )

    def _check_label(
        self,
        root: Path,
        people: Mapping[str, Mapping[str, str]],
        visits: Mapping[tuple[str, str], Mapping[str, str]],
    ) -> None:
        columns = {name for cells in (*people.values(), *visits.values()) for name in cells}
        if not self.label:
            raise PlanError(
                f"bids: which column of {root / PARTICIPANTS} is the truth? Set the option "
                f"`label`, e.g. label=age (columns: {', '.join(sorted(columns)) or 'none'})"
            )
        if self.label not in columns:
            raise PlanError(f"bids: {unknown('column', self.label, columns)}")

    def _truth(self, labels: list[str]) -> TruthKind:
        if self.truth != "guess":
            return self.truth
        is_age = self.label.lower() in ("age", "age_years")
        return "number" if is_age else truth_kind_of(labels, are_files=False)


def bids_root(folder: Path) -> Path:
    """The folder that holds ``participants.tsv``: the one given, or one in it.

    Raises:
        DataError: there is none.
    """
    return data_root(
        folder, "bids", (PARTICIPANTS,), expected=f"{PARTICIPANTS} and sub-*/anat/sub-*_T1w.nii.gz"
    )


def participants(root: Path) -> dict[str, dict[str, str]]:
    """Subject, as ``sub-01`` → column → cell, of ``participants.tsv``; "" for ``n/a``.

    Raises:
        DataError: there is no such table, it is damaged, or a subject is in it twice.
    """
    table = root / PARTICIPANTS
    people: dict[str, dict[str, str]] = {}
    for row in read_table(table, ["participant_id"]):
        subject = row.pop("participant_id")
        subject = subject if subject.startswith("sub-") else f"sub-{subject}"
        if subject in people:
            raise DataError(f"{table}: {subject} is listed twice; keep one row of it")
        people[subject] = _present(row)
    return people


def bids_images(root: Path, suffix: str) -> list[BidsImage]:
    """Volumes of one suffix, in order of their paths.

    Args:
        root: folder that holds the folders of the subjects.
        suffix: e.g. "T1w".
    """
    images = []
    for subject in sorted(root.glob("sub-*")):
        if not subject.is_dir():
            continue
        for file in files_below(subject, _ENDINGS):
            name = file.rpartition("/")[2].partition(".")[0]
            *pairs, ending = name.split("_")
            if ending == suffix:
                entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
                path = f"{subject.name}/{file}"
                images.append(BidsImage(path=path, subject=subject.name, entities=entities))
    return images


def _visits(root: Path, images: list[BidsImage]) -> dict[tuple[str, str], dict[str, str]]:
    """Subject and session, without ``ses-`` → column → cell, of each ``sessions.tsv``."""
    visits = {}
    for subject in dict.fromkeys(image.subject for image in images):
        table = root / subject / f"{subject}_sessions.tsv"
        if table.is_file():
            for row in read_table(table, ["session_id"]):
                session = row.pop("session_id").removeprefix("ses-")
                visits[subject, session] = {k: v for k, v in _present(row).items() if v}
    return visits


def _n_alike(rows: Sequence[Record], told: Collection[tuple[str, str]]) -> int:
    """Subjects of several sessions of which one at least has no label of its own."""
    sessions: dict[str, set[str]] = {}
    for row in rows:
        sessions.setdefault(str(row["group"]), set()).add(str(row["session"] or ""))
    return sum(
        len(of_one) > 1 and any((subject, session) not in told for session in of_one)
        for subject, of_one in sessions.items()
    )


def _present(row: Mapping[str, str]) -> dict[str, str]:
    return {name: "" if cell.lower() in _MISSING else cell for name, cell in row.items()}
