"""A DICOM export: a folder of files in any order, or a DICOMDIR."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from plexor.cases.sources.dicom_cases import sort_out
from plexor.cases.sources.dicom_files import MEDIA_DIRECTORY, export_files, quiet
from plexor.cases.sources.dicom_header import LABEL_MAP, SEGMENTATION, Header, read_header
from plexor.cases.sources.dicom_labels import Labels
from plexor.cases.sources.dicom_rows import Rows
from plexor.cases.sources.source import MadeManifest, Request
from plexor.core.errors import DataError
from plexor.core.progress import Advance


@dataclass(frozen=True, slots=True, kw_only=True)
class Dicom:
    """A folder of DICOM files, or a DICOMDIR, with or without segmentations.

    Attributes:
        series: ``volumes`` makes one volume of each CT, MR or PET series and of each file of
            frames that lie in a stack; ``slices`` makes an image of each slice and each frame.
        labels: a CSV or Parquet table with a column ``label`` and one of ``SOPInstanceUID``,
            ``SeriesInstanceUID``, ``StudyInstanceUID``, ``AccessionNumber``, ``PatientID``. Without
            it, DICOM segmentations are the truth where there are any.
        truth: what the table's labels are: ``class``, ``findings`` (as effusion|nodule) or
            ``number``.
        segments: labels of segments in the order of their classes, from 1; other segments count as
            background. All labels found, sorted by number, if not given.
        modalities: only these, e.g. ``CT,MR``; all if not given.
        ids: ``hashed`` replaces patient, study and series by keyed hashes (HMAC-SHA-256). The key
            is PLEXOR_PSEUDONYM_KEY of the environment; without it a random one that is kept
            nowhere, so that another run gives other names.
        dates: write the study date, which is left out otherwise.
    """

    reads: ClassVar[str] = "DICOM: a folder or a DICOMDIR; series become volumes, SEG masks"
    licence: ClassVar[str] = "that of your data; nothing is sent anywhere"
    obtain: ClassVar[str] = "an export of a PACS or workstation, or `plexor cohort fetch dicomweb`"
    traps: ClassVar[tuple[str, ...]] = (
        (
            "A series whose slices have gaps, share positions, or differ in size, orientation or "
            "rescale makes no volume: it is left out, with the reason."
        ),
        "PET series often have a rescale for each slice, and are left out for that.",
        "The group is the Patient ID; a patient may have several, e.g. after a transfer.",
        (
            "The manifest and the paths in it may name patients: `-o ids=hashed` replaces "
            "identifiers in the manifest, and nothing in the image files."
        ),
        "Headers are believed: a body part or laterality is what somebody chose at the scanner.",
    )

    series: Literal["volumes", "slices"] = "volumes"
    labels: str = ""
    truth: Literal["class", "findings", "number"] = "class"
    segments: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    ids: Literal["as_written", "hashed"] = "as_written"
    dates: bool = False

    def make(self, request: Request) -> MadeManifest:
        """Reads all headers, sorts slices into volumes, and finds the truth of each image.

        Raises:
            DataError: no such folder or DICOMDIR, or the table of labels is wrong.
        """
        table = Labels.read(Path(self.labels)) if self.labels else None
        root, files, left_out = export_files(request.folder)
        headers, damaged = _headers(files, root, request.advance)
        left_out |= damaged
        chosen, segmentations = self._chosen(headers, root, left_out)
        found = sort_out(chosen, root=root, volumes=self.series == "volumes")
        left_out |= found.left_out
        rows = Rows(
            request=request,
            root=root,
            left_out=left_out,
            hashed=self.ids == "hashed",
            dates=self.dates,
            segments=self.segments,
        )
        masks = rows.segmentations(segmentations, found) if table is None else {}
        if masks:
            return rows.segmented(found, masks)
        made = [rows.of(one, table.of(one.header.ids) if table else "") for one in found.images]
        return rows.manifest(made, truth=self.truth, n_tilted=found.n_tilted)

    def _chosen(
        self, headers: Sequence[Header], root: Path, left_out: dict[str, list[str]]
    ) -> tuple[list[Header], list[Header]]:
        """Images and segmentations, each instance once, of the modalities wanted."""
        copies: list[str] = []
        unwanted: list[str] = []
        seen: set[str] = set()
        images, segmentations = [], []
        for header in headers:
            name = header.path.relative_to(root).as_posix()
            uid = header.ids["SOPInstanceUID"]
            if uid and uid in seen:
                copies.append(name)
            elif header.sop_class == MEDIA_DIRECTORY:
                continue
            elif header.sop_class in (SEGMENTATION, LABEL_MAP):
                segmentations.append(header)
            elif self.modalities and header.modality not in self.modalities:
                unwanted.append(name)
            else:
                images.append(header)
            seen.add(uid)
        left_out["a copy: its SOP Instance UID was there before"] = copies
        left_out["another modality"] = unwanted
        return images, segmentations


def _headers(
    files: Sequence[Path], root: Path, advance: Advance
) -> tuple[list[Header], dict[str, list[str]]]:
    found: list[Header] = []
    damaged: dict[str, list[str]] = defaultdict(list)
    with quiet():
        for number, path in enumerate(files, 1):
            try:
                header = read_header(path)
            except DataError as error:
                damaged[str(error)].append(path.relative_to(root).as_posix())
            else:
                found.append(header)
            advance(number, len(files), "headers", unit="files")
    return found, damaged
