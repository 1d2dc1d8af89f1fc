"""Edits that depend on the case: its burnt-in tags covered, isolated or exchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from plexor.cases import Image
from plexor.core.errors import DataError
from plexor.shortcuts.cover import Fill, Floating, control_boxes, cover
from plexor.shortcuts.exchange import Aspect, Cutting, exchange
from plexor.shortcuts.find import Tag
from plexor.shortcuts.isolate import isolate
from plexor.shortcuts.shortcut import Change
from plexor.shortcuts.variants import first_tag


@runtime_checkable
class ByCase(Protocol):
    """A change that is looked up for each case, with a matched control of its own."""

    def change(self, image: Image, case_id: str, *, rng: np.random.Generator) -> Change:
        """The change to this case's image.

        Raises:
            DataError: the case is not in the table of tags.
        """
        ...

    def control(self, image: Image, case_id: str, *, rng: np.random.Generator) -> Change:
        """The change that it is compared with."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredTags:
    """Covers the tags; the control covers places of the same size with similar surroundings.

    Attributes:
        tags: case id → tags; an image without one stays as it is.
        fill: see ``plexor.shortcuts.cover.Fill``.
    """

    tags: Mapping[str, Sequence[Tag]]
    fill: Fill

    def change(self, image: Image, case_id: str, *, rng: np.random.Generator) -> Change:
        """See ``ByCase``."""
        boxes = [tag.box for tag in of_case(self.tags, case_id)]
        return _difference(image, cover(image, boxes, fill=self.fill, rng=rng))

    def control(self, image: Image, case_id: str, *, rng: np.random.Generator) -> Change:
        """See ``ByCase``."""
        boxes = [tag.box for tag in of_case(self.tags, case_id)]
        elsewhere = control_boxes(image, boxes, rng=rng)
        return _difference(image, cover(image, elsewhere, fill=self.fill, rng=rng))


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolatedTags:
    """Makes everything except the tags black; the control keeps places of the same size instead.

    Attributes:
        tags: case id → tags; an image without one becomes black.
    """

    tags: Mapping[str, Sequence[Tag]]

    def change(self, image: Image, case_id: str, *, rng: np.random.Generator) -> Change:
        """See ``ByCase``."""
        return _difference(image, isolate(image, [t.box for t in of_case(self.tags, case_id)]))

    def control(self, image: Image, case_id: str, *, rng: np.random.Generator) -> Change:
        """See ``ByCase``."""
        boxes = [tag.box for tag in of_case(self.tags, case_id)]
        return _difference(image, isolate(image, control_boxes(image, boxes, rng=rng)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangedTags:
    """Exchanges the tag, or one aspect of it, with that of a case with another label.

    The control removes the image's own tag and draws it again.

    Attributes:
        tags: case id → tags.
        donors: case id → tags cut from cases of other labels, of which one is drawn.
        aspect: see ``plexor.shortcuts.exchange.Aspect``.
    """

    tags: Mapping[str, Sequence[Tag]]
    donors: Mapping[str, Sequence[Cutting]]
    aspect: Aspect

    def change(self, image: Image, case_id: str, *, rng: np.random.Generator) -> Change:
        """See ``ByCase``; no change if the image has no tag and the aspect needs one."""
        return self._changed(image, case_id, self.aspect, rng)

    def control(self, image: Image, case_id: str, *, rng: np.random.Generator) -> Change:
        """See ``ByCase``."""
        return self._changed(image, case_id, "none", rng)

    def _changed(
        self, image: Image, case_id: str, aspect: Aspect, rng: np.random.Generator
    ) -> Change:
        own = first_tag(of_case(self.tags, case_id))
        donors = self.donors.get(case_id, ())
        if not donors:
            raise DataError(
                f"no case of another label than that of {case_id} has a tag to be moved"
            )
        donor = donors[int(rng.integers(len(donors)))]
        if own is None and aspect not in ("whole", "presence"):
            return np.zeros(image.pixels.shape)
        return _difference(image, exchange(image, own, donor, aspect, rng=rng))


def of_case(tags: Mapping[str, Sequence[Tag]], case_id: str) -> Sequence[Tag]:
    """The tags of a case.

    Raises:
        DataError: the case is not in the table.
    """
    if case_id not in tags:
        raise DataError(
            f"{case_id} is not in the table of tags; run plexor shortcuts find on this manifest"
        )
    return tags[case_id]


def _difference(image: Image, pixels: Floating) -> Change:
    return pixels - image.pixels
