"""Example images of a run: pairs of files kept for the report, one folder a pair.

A folder has ``original`` and ``perturbed`` with the format's ending, ``about.json``, and, where
they apply, ``labels.npz`` and ``by_position.npy``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plexor.core.files import write_atomic
from plexor.core.ids import digest
from plexor.findings.run_files import file_name, read_about, write_json

_LABELS = "labels.npz"
_BY_POSITION = "by_position.npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A pair of image files kept for the report.

    Attributes:
        case_id: the case.
        probe: the probe that made ``perturbed``.
        original: the untouched image's bytes, in its lossless container.
        perturbed: the perturbed image's bytes, in the same container.
        suffix: ending of both files.
        labels: for segmentation, an npz file of the label masks (*spatial) uint16 ``truth``,
            ``before`` and ``after``; else empty.
        by_position: for an attack that changes positions one by one, an npy file of the greatest
            margin reached at each position, (*spatial) float32, NaN if not tried; else empty.
    """

    case_id: str
    probe: str
    original: bytes
    perturbed: bytes
    suffix: str
    labels: bytes = b""
    by_position: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExample:
    """Paths of an example's files; None for files it does not have."""

    case_id: str
    probe: str
    original: Path
    perturbed: Path
    labels: Path | None = None
    by_position: Path | None = None


def write_example(examples: Path, example: Example) -> None:
    """Writes an example into a folder of its own within the folder ``examples``.

    Raises:
        RunDirectoryError: the disk is full, or the directory is read-only.
    """
    pair = digest([example.probe, example.case_id])[:16]
    folder = examples / file_name(example.probe) / pair
    write_atomic(folder / f"original{example.suffix}", example.original)
    write_atomic(folder / f"perturbed{example.suffix}", example.perturbed)
    if example.labels:
        write_atomic(folder / _LABELS, example.labels)
    if example.by_position:
        write_atomic(folder / _BY_POSITION, example.by_position)
    about = {"case_id": example.case_id, "probe": example.probe, "suffix": example.suffix}
    write_json(folder / "about.json", about)


def read_examples(examples: Path) -> list[StoredExample]:
    """The examples in a folder, ordered by probe and case; their images are not opened.

    Raises:
        RunDirectoryError: the description of an example is damaged.
    """
    found = []
    for about_file in examples.glob("*/*/about.json"):
        about = read_about(about_file)
        folder, suffix = about_file.parent, about["suffix"]
        found.append(
            StoredExample(
                case_id=about["case_id"],
                probe=about["probe"],
                original=folder / f"original{suffix}",
                perturbed=folder / f"perturbed{suffix}",
                labels=_if_there(folder / _LABELS),
                by_position=_if_there(folder / _BY_POSITION),
            )
        )
    return sorted(found, key=lambda example: (example.probe, example.case_id))


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None
