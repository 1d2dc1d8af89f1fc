"""Medical Segmentation Decathlon and nnU-Net: volumes, masks and ``dataset.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from plexor.cases.sources.folder import data_root, files_below, path_inside
from plexor.cases.sources.gathered import Gathered
from plexor.cases.sources.source import MadeManifest, Request
from plexor.core.errors import DataError, PlanError

_TABLE = "dataset.json"
_MOST_BYTES = 2**26
_SPLITS = {"Tr": "train", "Ts": "test"}
_FOLDERS = tuple(f"{kind}{part}" for kind in ("images", "labels") for part in _SPLITS)
_CHANNEL = re.compile(r"_(\d{4})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Msd:
    """``dataset.json``, ``imagesTr/liver_1.nii.gz`` and ``labelsTr/liver_1.nii.gz``.

    Of nnU-Net, both versions: there each channel is a file of its own, ``liver_1_0000.nii.gz``.

    Attributes:
        channel: which channel of nnU-Net's files is the image.
    """

    reads: ClassVar[str] = "Medical Segmentation Decathlon, nnU-Net: volumes with masks"
    licence: ClassVar[str] = "Decathlon: CC BY-SA 4.0; others: `licence` in their dataset.json"
    obtain: ClassVar[str] = "medicaldecathlon.com; or your own folder in nnUNet_raw"
    traps: ClassVar[tuple[str, ...]] = (
        "Test volumes have no masks and are left out; there is no official validation split.",
        "Case numbers are not patients in every task; each volume counts as a patient of its own.",
        "Several modalities in one 4D file (BrainTumour, Prostate) are the channels of one case.",
    )

    channel: int = 0

    def make(self, request: Request) -> MadeManifest:
        """Reads ``dataset.json`` and looks for volumes and masks.

        Raises:
            DataError: there is no such file, it is damaged, or its labels are no whole numbers
                from 0.
            PlanError: there is no such channel.
        """
        root = data_root(
            request.folder,
            "msd",
            (_TABLE,),
            expected=f"{_TABLE}, imagesTr and labelsTr",
        )
        table = root / _TABLE
        described = _read(table)
        classes = _classes(described, table)
        channels = _channels(described, table)
        if self.channel >= len(channels):
            known = ", ".join(f"{n} {name}" for n, name in enumerate(channels))
            raise PlanError(f"msd: there is no channel {self.channel}; choose one of: {known}")
        ending = str(described.get("file_ending", ".nii.gz"))
        inside = [name for name in _FOLDERS if (root / name).is_dir()]
        files = {f"{name}/{f}" for name in inside for f in files_below(root / name, (ending,))}
        found = Gathered()
        taken: set[str] = set()
        for image, mask, split in _pairs(described, table, files):
            of_channel = f"{image.removesuffix(ending)}_{self.channel:04d}{ending}"
            path = next((one for one in (image, of_channel) if one in files), None)
            taken |= {mask, path or ""}
            if path is None or mask not in files:
                found.leave_out("no file", image if path is None else mask)
                continue
            name = mask.rpartition("/")[2].removesuffix(ending)
            found.rows.append({"id": name, "path": path, "label": mask, "split": split})
        others = sorted(files - taken)
        found.leave_out("a volume without a mask", *_volumes(others, self.channel, ending))
        found.leave_out("a mask that is not listed", *(f for f in others if f.startswith("labels")))
        if len({row["split"] for row in found.rows}) < len(_SPLITS):
            # a single split would only keep a plan from splitting
            found.rows = [{**row, "split": None} for row in found.rows]
        paths = [str(row["path"]) for row in found.rows]
        several = (
            f"{len(channels)} channels a case; read is {self.channel}, {channels[self.channel]}"
            if _of_channels(paths, ending)
            else f"{len(channels)} modalities in each file are the channels of a case, in this "
            f"order: {', '.join(channels)}; write `channels: {len(channels)}` in the plan's model"
        )
        return MadeManifest(
            root=root,
            rows=found.rows,
            truth="mask",
            path_columns=("path", "label"),
            left_out=found.left_out,
            notes=(several,) if len(channels) > 1 else (),
            plan={"classes": list(classes)},
        )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} is larger than {_MOST_BYTES:,} bytes; is it the right file?")
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected an object with `labels`, found {type(found).__name__}")
    return found


def _classes(described: Mapping[str, Any], table: Path) -> tuple[str, ...]:
    """Names of the classes in the order of their numbers; both orders of pairs are understood."""
    labels = described.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise DataError(f"{table}: expected `labels`, names and numbers of classes, found none")
    of_number: dict[int, str] = {}
    for key, value in labels.items():
        number, name = (key, value) if str(key).isdecimal() else (value, key)
        if not str(number).isdecimal():
            raise DataError(
                f"{table}: label {name!r} is {number!r}, expected a whole number; regions of "
                "several numbers are not read, give each number a name"
            )
        of_number[int(number)] = str(name)
    if sorted(of_number) != list(range(len(labels))):
        numbers = ", ".join(map(str, sorted(of_number)))
        raise DataError(f"{table}: expected labels numbered 0, 1, 2, …, found {numbers}")
    return tuple(of_number[number] for number in range(len(labels)))


def _channels(described: Mapping[str, Any], table: Path) -> tuple[str, ...]:
    """Names of the channels: nnU-Net's `channel_names`, else the Decathlon's `modality`."""
    named = described.get("channel_names", described.get("modality", {"0": "image"}))
    if not isinstance(named, dict) or not named:
        raise DataError(f"{table}: expected channels as {{number: name}}, found {named!r}")
    return tuple(str(name) for name in named.values())


def _pairs(
    described: Mapping[str, Any], table: Path, files: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """Volume, mask and split: as listed, else each mask with the volume that is called alike."""
    listed = described.get("training", [])
    for entry in listed if isinstance(listed, list) else []:
        if not (isinstance(entry, dict) and {"image", "label"} <= entry.keys()):
            raise DataError(f"{table}: expected image and label in `training`, found {entry!r}")
        image, mask = (path_inside(str(entry[key]), table=table) for key in ("image", "label"))
        yield image, mask, "train"
    for mask in sorted(files):
        part, _, name = mask.partition("/")
        if part == "labelsTs" or (part == "labelsTr" and not listed):
            yield f"images{part[-2:]}/{name}", mask, _SPLITS[part[-2:]]


def _volumes(files: Iterable[str], channel: int, ending: str) -> Iterator[str]:
    """The volumes among files; of nnU-Net's, those of the channel."""
    for file in files:
        number = _CHANNEL.search(file.removesuffix(ending))
        if file.startswith("images") and (number is None or int(number[1]) == channel):
            yield file


def _of_channels(paths: Sequence[str], ending: str) -> bool:
    """Whether each channel is a file of its own, as nnU-Net has it."""
    return any(_CHANNEL.search(path.removesuffix(ending)) for path in paths)
