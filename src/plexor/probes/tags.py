"""Shortcut probes of the burnt-in tags of each case, read from a table of tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from plexor.cases import Case, read_image
from plexor.core.errors import PlanError
from plexor.probes.materials import Materials, Needs
from plexor.probes.probe import plain
from plexor.shortcuts.cover import FILLS, Fill
from plexor.shortcuts.exchange import ASPECTS, Aspect, Cutting, cut
from plexor.shortcuts.find import Tag, read_tags
from plexor.shortcuts.shortcut import rng_for
from plexor.shortcuts.tag_edits import ByCase, CoveredTags, ExchangedTags, IsolatedTags
from plexor.shortcuts.variants import first_tag

_NO_TABLE = Path("tags.csv")
_TABLE: Mapping[str, Any] = {
    "description": "table written by `plexor shortcuts find`, with every case that is audited"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfTags:
    """A shortcut that reads a table of tags.

    Attributes:
        tags: the table of tags.
    """

    tags: Path = field(default=_NO_TABLE, metadata=_TABLE)

    @property
    def needs(self) -> Needs:
        """See ``ShortcutSource``."""
        return Needs(files=(self.tags,))

    @property
    def settings(self) -> Mapping[str, object]:
        """See ``ShortcutSource``."""
        return plain(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCover(_OfTags):
    """Covers the tags; the control covers places of the same size with similar surroundings.

    Attributes:
        fill: "black", "mean", "noise" or "inpaint".
    """

    fill: Fill = field(
        default="black",
        metadata={"description": "content of the covers: black, mean, noise, inpaint"},
    )

    def __post_init__(self) -> None:
        if self.fill not in FILLS:
            raise PlanError(f"tag-cover: `fill` must be one of {', '.join(FILLS)}, got {self.fill}")

    def shortcut(self, materials: Materials) -> tuple[ByCase, tuple[str, ...]]:
        """See ``ShortcutSource``."""
        tags = _tags(self.tags, materials)
        return CoveredTags(tags=tags, fill=self.fill), (materials.sha256[self.tags],)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagIsolation(_OfTags):
    """Makes everything except the tags black; the control keeps places of the same size instead."""

    def shortcut(self, materials: Materials) -> tuple[ByCase, tuple[str, ...]]:
        """See ``ShortcutSource``."""
        tags = _tags(self.tags, materials)
        return IsolatedTags(tags=tags), (materials.sha256[self.tags],)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagTransplant(_OfTags):
    """Exchanges the tag, or one aspect of it, with that of a case with another label.

    Attributes:
        aspect: what is taken from the other tag.
    """

    n_donors: ClassVar[int] = 16

    aspect: Aspect = field(
        default="whole",
        metadata={
            "description": "what is taken from the tag of a case with another label: whole, "
            "presence, letter, position, size or brightness"
        },
    )

    def __post_init__(self) -> None:
        if self.aspect not in ASPECTS:
            raise PlanError(
                f"tag-transplant: `aspect` must be one of {', '.join(ASPECTS)}, got {self.aspect}"
            )

    def shortcut(self, materials: Materials) -> tuple[ByCase, tuple[str, ...]]:
        """See ``ShortcutSource``; donors are read from the cases that are audited."""
        tags = _tags(self.tags, materials)
        donors = _donors(materials.audited, tags, self.n_donors)
        made = ExchangedTags(tags=tags, donors=donors, aspect=self.aspect)
        return made, (materials.sha256[self.tags],)


TAG_SHORTCUTS: dict[str, type[Any]] = {
    "tag-cover": TagCover,
    "tag-isolation": TagIsolation,
    "tag-transplant": TagTransplant,
}
TagOptions = TagCover | TagIsolation | TagTransplant


def _tags(table: Path, materials: Materials) -> dict[str, tuple[Tag, ...]]:
    return read_tags(materials.paths[table], by="id")


def _donors(
    cases: Sequence[Case], tags: Mapping[str, Sequence[Tag]], most: int
) -> dict[str, tuple[Cutting, ...]]:
    """Case id → tags cut from cases of every other label; independent of the order of cases."""
    by_label: dict[str, list[Cutting]] = {}
    ordered = sorted(cases, key=lambda case: case.id)
    for index in rng_for(0, "tag-donors", "").permutation(len(ordered)):
        case = ordered[index]
        there = by_label.setdefault(str(case.truth), [])
        tag = first_tag(tags.get(case.id, ()))
        if tag is not None and len(there) < most:
            there.append(cut(read_image(case.path), tag))
    of_label = {
        label: tuple(
            cutting
            for other, cuttings in sorted(by_label.items())
            if other != label
            for cutting in cuttings
        )
        for label in by_label
    }
    return {case.id: of_label[str(case.truth)] for case in cases}
