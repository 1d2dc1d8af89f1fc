"""One image with its truth, its group and whatever else the manifest says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SEPARATOR = "|"


def join_labels(names: Iterable[str]) -> str:
    """Names of labels as one text, sorted: "effusion|nodule"; "" for none."""
    return _SEPARATOR.join(sorted(set(names)))


def split_labels(text: str) -> tuple[str, ...]:
    """The names of labels in such a text, in its order; none for ""."""
    return tuple(name.strip() for name in text.split(_SEPARATOR)) if text else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A row of a manifest.

    Attributes:
        id: unique in its cohort; the manifest's ``id`` column, else its ``path`` as written.
        path: the image file.
        truth: a class name; the labels present, sorted, as "effusion|nodule", "" for none; or a
            number for regression; "" for a segmentation, whose truth is in ``truth_mask``.
        group: the patient or lesion; cases of one group are dependent. Its own id where unknown.
        split: "train", "validation", "test" or another name; None where not yet split.
        metadata: every other column of the manifest, as read.
        masks: name → image file of the same shape, not 0 where the named thing is; None where the
            manifest's cell is empty: the thing is nowhere in the image.
        truth_mask: of a segmentation, image file of the same shape that numbers the class of each
            pixel, 0 for the background.
    """

    id: str
    path: Path
    truth: str | float
    group: str
    split: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    masks: Mapping[str, Path | None] = field(default_factory=dict)
    truth_mask: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The image's file and those of its masks."""
        others = (*self.masks.values(), self.truth_mask)
        return (self.path, *(path for path in others if path is not None))
