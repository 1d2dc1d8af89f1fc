"""A shortcut that is cut from a photograph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plexor.core.errors import PlanError
from plexor.probes.materials import Materials, Needs
from plexor.probes.probe import plain
from plexor.shortcuts import Shortcut, Template, Transplant


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a photograph, laid over every image at a place drawn for each.

    Attributes:
        pair: the same piece of a photograph with the artefact and without, as the plan names them.
        stamp: the artefact alone on white, as the plan names it; exactly one of the two is given.
        source_width: width in pixels of the photograph it was cut from.
    """

    pair: tuple[Path, Path] | None = field(
        default=None,
        metadata={
            "description": "image files: a piece of a photograph with the artefact, and the same "
            "piece with it removed; their difference is laid over an image"
        },
    )
    stamp: Path | None = field(
        default=None,
        metadata={
            "description": "instead of `pair`, the artefact alone on white, which absorbs light"
        },
    )
    source_width: int = field(
        default=600,
        metadata={
            "description": "width in pixels of that photograph; an image of half that width takes "
            "the piece at half its size"
        },
    )

    def __post_init__(self) -> None:
        if (self.pair is None) == (self.stamp is None):
            raise PlanError("transplant: name either a `pair` of image files or a `stamp`")
        if self.source_width < 1:
            raise PlanError(
                f"transplant: `source_width` must be at least 1, got {self.source_width}"
            )

    @property
    def needs(self) -> Needs:
        """See ``ShortcutSource``."""
        return Needs(files=tuple(filter(None, (*(self.pair or ()), self.stamp))))

    @property
    def settings(self) -> Mapping[str, object]:
        """See ``ShortcutSource``."""
        return plain(self)

    def shortcut(self, materials: Materials) -> tuple[Shortcut, tuple[str, ...]]:
        """See ``ShortcutSource``."""
        files = self.needs.files
        paths = [materials.paths[file] for file in files]
        template = Template.of_pair(*paths) if self.pair else Template.of_stamp(*paths)
        laid = Transplant(template=template, source_width=self.source_width)
        return laid, tuple(materials.sha256[file] for file in files)
