"""One image with its truth, its group and whatever else the manifest says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A row of a manifest.

    Attributes:
        id: unique in its cohort; the manifest's ``id`` column, else its ``path`` as written.
        path: the image file.
        truth: a class name, or a number for regression.
        group: the patient or lesion; cases of one group are dependent. Its own id where unknown.
        split: "train", "validation", "test" or another name; None where not yet split.
        metadata: every other column of the manifest, as read.
    """

    id: str
    path: Path
    truth: str | float
    group: str
    split: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
