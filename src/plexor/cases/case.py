"""A case: one image with its truth, its group and its metadata."""

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
        metadata: all other columns of the manifest.
        features: column → finite number, for models that take these beside the image; empty where
            no column was named as a feature.
        masks: name → image file of the same shape, not 0 where the named thing is; None where the
            manifest's cell is empty, which says that the image shows none.
        truth_mask: for a segmentation, an image file of the same shape that numbers the class of
            each pixel, 0 for the background.
        include_padding: read the image without its padding mask, so that padding counts as image.
    """

    id: str
    path: Path
    truth: str | float
    group: str
    split: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)
    masks: Mapping[str, Path | None] = field(default_factory=dict)
    truth_mask: Path | None = None
    include_padding: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the image and of its masks."""
        others = (*self.masks.values(), self.truth_mask)
        return (self.path, *(path for path in others if path is not None))
