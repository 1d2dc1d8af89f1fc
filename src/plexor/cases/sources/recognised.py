"""Which maker of manifests knows the layout of a folder, told by a few names and headers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from plexor.cases.formats.dicom_patient import header_texts
from plexor.cases.sources.bids import PARTICIPANTS
from plexor.cases.sources.dicom_cases import OF_SLICES
from plexor.cases.sources.padchest import TABLES as PADCHEST_TABLES
from plexor.core.errors import DataError

_MOST_FILES = 400
"""Files that are looked at for DICOM series; slices of one series mostly lie side by side."""
_CHEXPERT_COLUMN = "Enlarged Cardiomediastinum"


def recognised(folder: Path) -> tuple[str, str] | None:
    """The source in ``plexor.cases.sources.SOURCES`` that knows a folder, and how it is told.

    Looks at names, the first line of a table, and headers of up to 400 DICOM files. What cannot be
    read is passed over.

    Args:
        folder: of images.

    Returns:
        Name of the source and a phrase, e.g. ("bids", "it holds participants.tsv and sub-*
        folders"); None where no source is told.
    """
    for name, (told, why) in _LAYOUTS.items():
        if any(told(place) for place in (folder, *_inside(folder))):
            return name, why
    if (found := _series(folder)) is not None:
        return "dicom", f"{found} files are slices of one DICOM series, which is one volume"
    return None


def _inside(folder: Path) -> list[Path]:
    """Folders in a folder, if they are few: an archive often has one above its content."""
    try:
        found = [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []
    return found if len(found) == 1 else []


def _is_mura(folder: Path) -> bool:
    parts = ("train", "valid")
    return any(next((folder / part).glob("XR_*/patient*/study*"), None) for part in parts)


def _is_chexpert(folder: Path) -> bool:
    for name in ("train.csv", "valid.csv"):
        try:
            with (folder / name).open(encoding="utf-8", errors="replace") as file:
                if _CHEXPERT_COLUMN in file.readline(10_000).split(","):
                    return True
        except OSError:
            continue
    return False


def _is_padchest(folder: Path) -> bool:
    return next(folder.glob(PADCHEST_TABLES), None) is not None


def _is_bids(folder: Path) -> bool:
    return (folder / PARTICIPANTS).is_file() and next(folder.glob("sub-*/"), None) is not None


def _is_msd(folder: Path) -> bool:
    return (folder / "dataset.json").is_file() and (folder / "imagesTr").is_dir()


_LAYOUTS: dict[str, tuple[Callable[[Path], bool], str]] = {
    "mura": (_is_mura, "it is laid out as MURA v1.1"),
    "chexpert": (_is_chexpert, "its table is that of CheXpert"),
    "padchest": (_is_padchest, "its table is that of PadChest"),
    "bids": (_is_bids, f"it holds {PARTICIPANTS} and sub-* folders, as BIDS does"),
    "msd": (_is_msd, "it holds dataset.json and imagesTr, as the Decathlon and nnU-Net do"),
}


def _series(folder: Path) -> int | None:
    """Files of the largest series among the first; None where every series is one file."""
    counts: dict[str, int] = {}
    for path in islice(_files(folder), _MOST_FILES):
        if uid := _series_uid(path):
            counts[uid] = counts.get(uid, 0) + 1
    most = max(counts.values(), default=0)
    return most if most > 1 else None


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place) / name for name in sorted(names))


def _series_uid(path: Path) -> str:
    """The series of a file that is a slice: of CT, MR or PET; "" for any other file."""
    try:
        series, modality = header_texts(path, ["SeriesInstanceUID", "Modality"])
    except DataError:
        return ""
    return series if modality in OF_SLICES else ""
