"""Rows of a manifest from the images of a DICOM export."""

from __future__ import annotations

import hmac
import os
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from plexor.cases.formats.slices import listed
from plexor.cases.sources.dicom_cases import Found, Sorted
from plexor.cases.sources.dicom_header import Header
from plexor.cases.sources.dicom_masks import Segmentation, Target, drawn, mask_file
from plexor.cases.sources.dicom_whole import sha256_of_whole
from plexor.cases.sources.source import Cell, MadeManifest, Record, Request
from plexor.core.csv_text import csv_text
from plexor.core.errors import DataError
from plexor.core.files import path_from, write_atomic
from plexor.core.ids import digest
from plexor.core.wording import counted

KEY = "PLEXOR_PSEUDONYM_KEY"
"""The environment variable with the key of hashed identifiers."""
_NO_LABELS = (
    "no labels: a DICOM header holds none; give a table with a column `label` and one of "
    "PatientID, StudyInstanceUID, SeriesInstanceUID: -o labels=labels.csv"
)


class Rows:
    """Makes rows, and counts what cannot become one."""

    def __init__(
        self,
        *,
        request: Request,
        root: Path,
        left_out: dict[str, list[str]],
        hashed: bool,
        dates: bool,
        segments: tuple[str, ...],
    ) -> None:
        """See ``Dicom`` for the options.

        Args:
            request: where things lie.
            root: the export's folder, which names in messages start from.
            left_out: reason → names, which is added to.
            hashed: replace identifiers.
            dates: write study dates.
            segments: labels of segments in the order of their classes.
        """
        self._request, self._root, self._left_out = request, root, left_out
        self._hashed, self._dates, self._segments = hashed, dates, segments
        self._key = os.environ.get(KEY, "").encode() or secrets.token_bytes(32)
        self._classes: dict[str, int] = {}

    def of(self, one: Found, label: str | None) -> Record | None:
        """The row of an image; None where it has no label, or a slice is not whole."""
        if label is None:
            self._leave("no label in the table", one.name)
            return None
        try:
            path = one.own_file or self._list(one)
        except DataError as error:
            self._leave(str(error), one.name)
            return None
        ids, about = one.header.ids, dict(one.header.about)
        if not self._dates:
            del about["date"]
        return {
            "path": self._written(path),
            "label": label,
            "group": self._name(ids["PatientID"]),
            "study": self._name(ids["StudyInstanceUID"]),
            "series": self._name(ids["SeriesInstanceUID"]),
            "modality": one.header.modality,
            **about,
        }

    def segmentations(
        self, headers: Sequence[Header], found: Sorted
    ) -> dict[str, list[Segmentation]]:
        """UID of a series that is here → segmentations that were drawn on it."""
        by_series: dict[str, list[Segmentation]] = defaultdict(list)
        here = {one.header.ids["SeriesInstanceUID"] for one in found.images}
        for header in headers:
            name = header.path.relative_to(self._root).as_posix()
            try:
                one = Segmentation.read(header.path)
            except DataError as error:
                self._leave(str(error), name)
                continue
            for uid in one.series & here:
                by_series[uid].append(one)
            if not one.series & here:
                self._leave("a segmentation of a series that is not here", name)
        return by_series

    def segmented(self, found: Sorted, by_series: dict[str, list[Segmentation]]) -> MadeManifest:
        """Rows whose labels are masks, drawn from segmentations."""
        self._classes = self._numbered([one for some in by_series.values() for one in some])
        rows = []
        for number, image in enumerate(found.images, 1):
            rows.append(self._masked(image, by_series))
            self._request.advance(number, len(found.images), "masks", unit="images")
        plan = {"classes": ["background", *self._classes]}
        return self.manifest(rows, truth="mask", n_tilted=found.n_tilted, plan=plan)

    def _masked(self, image: Found, by_series: dict[str, list[Segmentation]]) -> Record | None:
        drawn_on = [
            one
            for one in by_series.get(image.header.ids["SeriesInstanceUID"], [])
            if len({one.frame_of_reference, image.header.frame_of_reference} - {""}) < 2
        ]
        if not drawn_on:
            self._leave("no segmentation was drawn on it", image.name)
            return None
        instances = frozenset(header.ids["SOPInstanceUID"] for header, _ in image.files)
        target = Target(grid=image.grid, shape=image.shape, instances=instances)
        try:
            numbers = drawn(drawn_on, target, self._classes)
        except DataError as error:
            self._leave(str(error), image.name)
            return None
        path = self._request.extracted / f"{_short(image)}-mask.nrrd"
        write_atomic(path, mask_file(numbers, image.grid))
        return self.of(image, self._written(path))

    def _numbered(self, segmentations: Sequence[Segmentation]) -> dict[str, int]:
        """Label of a segment → number of its class."""
        chosen = self._segments
        if not chosen:
            least: dict[str, int] = {}
            for one in segmentations:
                for number, label in one.labels.items():
                    least[label] = min(number, least.get(label, number))
            chosen = tuple(sorted(least, key=lambda label: (least[label], label)))
        return {label: number for number, label in enumerate(chosen, 1)}

    def manifest(
        self,
        rows: Sequence[Record | None],
        *,
        truth: Literal["class", "findings", "number", "mask"],
        n_tilted: int,
        plan: Mapping[str, object] | None = None,
    ) -> MadeManifest:
        """The manifest, with what its reader must know."""
        made = [row for row in rows if row is not None]
        notes = [self._privacy()]
        if made and not any(row["label"] for row in made):
            notes.append(_NO_LABELS)
        if n_tilted:
            notes.append(
                f"{counted(n_tilted, 'volume')} whose slices are shifted along themselves, as by a "
                "tilted gantry: the grid says so, and nothing is resampled"
            )
        notes += self._table_of_all_left_out()
        return MadeManifest(
            root=self._request.extracted.parent,
            rows=made,
            truth=truth,
            path_columns=("path", "label") if truth == "mask" else ("path",),
            left_out=self._left_out,
            notes=tuple(notes),
            plan=plan or {},
        )

    def _table_of_all_left_out(self) -> list[str]:
        """Writes a table of what is left out, and says where; removes one of an earlier run."""
        path = self._request.extracted / "left-out.csv"
        lines = [[name, reason] for reason, names in self._left_out.items() for name in names]
        if not lines:
            path.unlink(missing_ok=True)
            return []
        write_atomic(path, csv_text(["what", "reason"], lines).encode())
        return [f"each of those left out by name: {self._written(path)}"]

    def _privacy(self) -> str:
        if not self._hashed:
            return (
                "privacy: the manifest has Patient IDs, UIDs, age, sex and site as the files have "
                "them, and no name, birth date or study date; -o ids=hashed replaces the "
                "identifiers"
            )
        known = f"by the key in {KEY}" if os.environ.get(KEY) else "by a key that is kept nowhere"
        return (
            f"privacy: patient, study and series are hashed {known}; age, sex, site, paths "
            "and what is said of those left out are as they were, and so is everything inside the "
            "image files"
        )

    def _name(self, written: str) -> Cell:
        if not written or not self._hashed:
            return written or None
        return hmac.new(self._key, written.encode(), "sha256").hexdigest()[:16]

    def _list(self, one: Found) -> Path:
        """The list of an image's slices, written."""
        files = [(header.path, sha256_of_whole(header.path), frame) for header, frame in one.files]
        path = self._request.extracted / f"{_short(one)}.slices"
        write_atomic(path, listed(path.parent, files).text())
        return path

    def _written(self, path: Path) -> str:
        """A path from the manifest's folder, where everything made lies."""
        return path_from(self._request.extracted.parent, path)

    def _leave(self, reason: str, name: str) -> None:
        self._left_out.setdefault(reason, []).append(name)


def _short(one: Found) -> str:
    """A name for the files made of an image, which tells nothing of the patient."""
    ids = [[header.ids["SOPInstanceUID"], str(header.path), frame] for header, frame in one.files]
    return digest(ids)[:16]
