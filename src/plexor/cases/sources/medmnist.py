"""MedMNIST and MedMNIST+: arrays of small images in an ``.npz`` file."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from plexor.cases.case import join_labels
from plexor.cases.formats.png import PngCodec
from plexor.cases.sources.extraction import Extraction, content_name
from plexor.cases.sources.medmnist_names import NAMES
from plexor.cases.sources.npz import Array, Header, Npz
from plexor.cases.sources.source import MadeManifest, Record, Request
from plexor.core.errors import DataError, PlanError

_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_SIZE = re.compile(r"_\d+$")
_TYPES = ("uint8", "uint16")
_COLOURS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MedMnist:
    """``pathmnist.npz`` or ``pathmnist_224.npz``: ``train_images``, ``train_labels``, and so on.

    Each image is written once, as it is, into a PNG file, or a volume into a NIfTI file.

    Attributes:
        names: names of the classes or labels in the order of their numbers, where the file is not
            called as MedMNIST calls it; otherwise MedMNIST's own.
    """

    reads: ClassVar[str] = "MedMNIST, MedMNIST+: arrays of 28 to 224 pixels in .npz, 2D and 3D"
    licence: ClassVar[str] = "CC BY 4.0; DermaMNIST: CC BY-NC 4.0"
    obtain: ClassVar[str] = "zenodo.org/records/10519652; give the .npz file or its folder"
    traps: ClassVar[tuple[str, ...]] = (
        "Images were resized and made 8-bit by the publishers: they are not as a scanner stored.",
        "Patients are not named: images of one patient count as independent.",
        "At 28 pixels a radius of some levels means something else than at 224.",
        "RetinaMNIST's classes are grades: a mistake by one grade counts as any other.",
    )

    names: tuple[str, ...] = ()

    def make(self, request: Request) -> MadeManifest:
        """Reads the arrays and writes their images.

        Raises:
            DataError: there is no such file, or several, or it is damaged, holds Python objects,
                or arrays that are no images.
            PlanError: too few names for the labels.
            RunDirectoryError: the images cannot be written.
        """
        path = _file(request.folder)
        names = self.names or NAMES.get(_SIZE.sub("", path.stem.lower()), ())
        folder = request.extracted / content_name(path.stem, [path])
        rows: list[Record] = []
        with Npz.open(path) as arrays, Extraction(folder) as files:
            headers = _headers(path, arrays)
            is_multi = any(
                arrays.header(f"{split}_labels").shape[1:] not in ((), (1,)) for split in headers
            )
            total = sum(header.shape[0] for header in headers.values())
            for split, header in headers.items():
                labels = list(arrays.elements(f"{split}_labels"))
                ending = _ending(header)
                for number, pixels in enumerate(arrays.elements(f"{split}_images")):
                    file = f"{split}/{split}_{number:06d}{ending}"
                    if files.is_needed:
                        files.put(file, _encoded(pixels, header))
                    rows.append(
                        {
                            "path": file,
                            "label": _label(labels[number], names, is_multi=is_multi),
                            "split": _SPLITS[split],
                            "element": f"{split}_images[{number}]",
                        }
                    )
                    request.advance(len(rows), total, file)
        note = f"{path.name} is unpacked into {folder.parent.name}/{folder.name}, losslessly"
        return MadeManifest(
            root=folder, rows=rows, truth="findings" if is_multi else "class", notes=(note,)
        )


def _file(given: Path) -> Path:
    """The ``.npz`` file given, or the only one in the folder."""
    if given.suffix.lower() == ".npz":
        return given
    found = sorted(given.glob("*.npz")) if given.is_dir() else []
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DataError(f"{given}: expected one .npz file, found {names}; name one of them")
    return found[0]


def _headers(path: Path, arrays: Npz) -> dict[str, Header]:
    """Split → header of its images, checked with that of its labels."""
    splits = [split for split in _SPLITS if f"{split}_images" in arrays.names]
    if not splits:
        found = ", ".join(arrays.names) or "none"
        raise DataError(f"{path}: expected the arrays train_images, train_labels; found {found}")
    headers = {split: arrays.header(f"{split}_images") for split in splits}
    for split, images in headers.items():
        labels = arrays.header(f"{split}_labels")
        if images.dtype.name not in _TYPES or not _is_image(images.shape):
            raise DataError(
                f"{path}: {split}_images is {images.dtype.name} of shape {images.shape}, expected "
                "uint8 or uint16 of shape (n, height, width), (n, height, width, 3) or "
                "(n, depth, height, width)"
            )
        if labels.dtype.kind not in "iub" or len(labels.shape) > len(("case", "label")):
            raise DataError(
                f"{path}: {split}_labels is {labels.dtype.name} of shape {labels.shape}, expected "
                "whole numbers of shape (n, 1), or (n, labels) of 0 and 1"
            )
        if labels.shape[0] != images.shape[0]:
            raise DataError(
                f"{path}: {images.shape[0]} {split} images and {labels.shape[0]} labels, expected "
                "as many"
            )
    return headers


def _is_image(shape: Sequence[int]) -> bool:
    return len(shape) in (3, 4) and 0 not in shape[1:]


def _is_flat(shape: Sequence[int]) -> bool:
    """Whether images are of two dimensions, grey or in colour."""
    return len(shape) == len(("case", "row", "column")) or shape[-1] == _COLOURS


def _ending(header: Header) -> str:
    return ".png" if _is_flat(header.shape) else ".nii.gz"


def _encoded(pixels: Array, header: Header) -> bytes:
    """An image as a file that holds the same numbers."""
    if _is_flat(header.shape):
        colour = pixels.ndim == _COLOURS
        return PngCodec().encode(np.moveaxis(pixels, -1, 0) if colour else pixels[None])
    import nibabel as nib

    volume = nib.Nifti1Image(pixels, np.eye(4))  # type: ignore[no-untyped-call]
    return gzip.compress(volume.to_bytes(), 6, mtime=0)


def _label(numbers: Array, names: Sequence[str], *, is_multi: bool) -> str:
    """The class of a number, or the labels whose numbers are 1."""
    values = [int(number) for number in numbers.reshape(-1)]
    if is_multi:
        if strange := set(values) - {0, 1}:
            raise DataError(f"labels of several columns are 0 or 1, found {min(strange)}")
        return join_labels(_name(n, names) for n, value in enumerate(values) if value)
    return _name(values[0], names)


def _name(number: int, names: Sequence[str]) -> str:
    if names and not 0 <= number < len(names):
        raise PlanError(
            f"medmnist: label {number} has no name, {len(names)} names are known: "
            f"{', '.join(names)}; give all with the option `names`"
        )
    return names[number] if names else str(number)
