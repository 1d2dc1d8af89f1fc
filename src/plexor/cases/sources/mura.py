"""MURA v1.1: bone radiographs, labelled by study, in folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from plexor.cases.sources.folder import data_root, files_below
from plexor.cases.sources.gathered import Gathered
from plexor.cases.sources.source import MadeManifest, Request
from plexor.core.errors import DataError

_IMAGE = re.compile(
    r"(train|valid)/(XR_[A-Z]+)/(patient\d+)/(study\d+)_(positive|negative)/([^/]+)\.(?:png|PNG)"
)
_STRANGE = "not named XR_*/patient*/study*_positive|negative/*.png"
_SPLITS = {"train": "train", "valid": "validation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mura:
    """Folders ``MURA-v1.1/train/XR_WRIST/patient00001/study1_positive/image1.png``.

    Attributes:
        body_parts: only these, e.g. ``XR_WRIST``; all if not given.
    """

    reads: ClassVar[str] = "MURA v1.1: bone radiographs, normal or abnormal, by body part"
    licence: ClassVar[str] = (
        "Stanford University's research use agreement: not for commercial use, not to be passed on"
    )
    obtain: ClassVar[str] = "aimi.stanford.edu/datasets/mura-msk-xrays, after registration"
    traps: ClassVar[tuple[str, ...]] = (
        "The label is that of the study; a single view of an abnormal study may look normal.",
        "The official test set is not published: the manifest has `train` and `validation`.",
        "Burnt-in side markers and initials tell the label in part: `plexor shortcuts find`.",
        "A patient may have studies of several body parts; the patient is the group.",
    )

    body_parts: tuple[str, ...] = ()

    def make(self, request: Request) -> MadeManifest:
        """Reads the folders; the two tables of the archive say nothing else.

        Raises:
            DataError: there is no such folder, or a study has two labels.
        """
        return read_mura(mura_root(request.folder), self.body_parts)


def read_mura(root: Path, body_parts: Sequence[str] = ()) -> MadeManifest:
    """Every radiograph below ``train`` and ``valid``.

    Args:
        root: the folder that holds them.
        body_parts: only these; all where empty.

    Raises:
        DataError: a study has two labels.
    """
    gathered = Gathered()
    labels: dict[str, str] = {}
    for part, split in _SPLITS.items():
        inside = files_below(root / part, (".png",)) if (root / part).is_dir() else []
        for file in inside:
            path = f"{part}/{file}"
            found = _IMAGE.fullmatch(path)
            if found is None:
                gathered.leave_out(_STRANGE, path)
                continue
            _, region, patient, number, label, _ = found.groups()
            if body_parts and region not in body_parts:
                gathered.leave_out("another body part", path)
                continue
            study = f"{region}/{patient}/{number}"
            if labels.setdefault(study, label) != label:
                raise DataError(f"{root}: the study {study} has two labels; keep one of them")
            gathered.rows.append(
                {
                    "path": path,
                    "label": label,
                    "group": patient,
                    "split": split,
                    "body_part": region,
                    "study": study,
                }
            )
    return MadeManifest(root=root, rows=gathered.rows, left_out=gathered.left_out)


def mura_root(folder: Path) -> Path:
    """The folder that holds ``train`` or ``valid``: the one given, or one in it.

    Raises:
        DataError: there is none.
    """
    return data_root(
        folder,
        "mura",
        ("train/XR_*", "valid/XR_*"),
        expected="MURA-v1.1/train/XR_WRIST/patient00001/study1_positive/image1.png",
    )
