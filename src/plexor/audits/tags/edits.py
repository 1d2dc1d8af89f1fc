"""The versions of one case's image that a model is asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from plexor.cases import Case, Image
from plexor.core.errors import DataError
from plexor.shortcuts.cover import Fill, Floating, control_boxes, cover
from plexor.shortcuts.exchange import ASPECTS, Aspect, exchange
from plexor.shortcuts.find import Box, Tag
from plexor.shortcuts.isolate import isolate
from plexor.shortcuts.shortcut import canvas, rng_for
from plexor.shortcuts.variants import Donors, first_tag

Add = Callable[[str, Floating], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of an image.

    Attributes:
        name: "original", "covered", "elsewhere", "inpainted", "alone", "elsewhere alone", or an
            aspect.
        image: as it would be stored.
    """

    name: str
    image: Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """All versions of one case.

    Attributes:
        all: the first is the original; "elsewhere" and aspects occur once a draw.
        boxes: of the tags.
        elsewhere: the first draw of control places.
    """

    all: tuple[Version, ...]
    boxes: tuple[Box, ...]
    elsewhere: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What is done to every image.

    Attributes:
        donors: tags of other labels' cases; None where no case has one, and nothing is exchanged.
        fill: of the covers.
        draws: control covers a case.
        exchanges: draws of each exchanged aspect.
        seed: of all draws; each case has its own.
    """

    donors: Donors | None
    fill: Fill
    draws: int
    exchanges: int
    seed: int

    def versions(self, case: Case, image: Image, tags: Sequence[Tag]) -> Versions:
        """All versions of a case's image, rounded as its file would store them.

        Without a tag the covered and inpainted images are the original, and the tags alone are
        black.

        Raises:
            DataError: the image is not 2D in grey or RGB, a box lies outside of it, or tags leave
                no place for controls.
        """
        boxes = tuple(tag.box for tag in tags)
        _check_inside(image, boxes)
        found = [Version(name="original", image=image)]

        def add(name: str, pixels: Floating) -> None:
            stored = replace(image, pixels=image.storable(pixels))
            found.append(Version(name=name, image=stored))

        rng = rng_for(self.seed, "covered", case.id)
        add("covered", cover(image, boxes, fill=self.fill, rng=rng))
        add("inpainted", cover(image, boxes, fill="inpaint", rng=rng))
        add("alone", isolate(image, boxes))
        first: tuple[Box, ...] = ()
        for draw in range(self.draws if boxes else 0):
            rng = rng_for(self.seed, f"elsewhere-{draw}", case.id)
            places = control_boxes(image, boxes, rng=rng)
            add("elsewhere", cover(image, places, fill=self.fill, rng=rng))
            if draw == 0:
                first = tuple(places)
                add("elsewhere alone", isolate(image, first))
        if self.donors is not None:
            self._exchange(case, image, first_tag(tags), add)
        return Versions(all=tuple(found), boxes=boxes, elsewhere=first)

    def _exchange(self, case: Case, image: Image, own: Tag | None, add: Add) -> None:
        """Adds the exchanged versions; one draw is one donor, the same for all aspects."""
        if self.donors is None:
            return
        aspects: Sequence[Aspect] = ASPECTS if own is not None else ("presence",)
        for draw in range(self.exchanges):
            rng = rng_for(self.seed, f"donor-{draw}", case.id)
            donor = self.donors.for_label(str(case.truth), rng)
            for aspect in aspects:
                if draw == 0 or not _same_for_all_donors(aspect, own):
                    add(aspect, exchange(image, own, donor, aspect, rng=rng))


def _same_for_all_donors(aspect: Aspect, own: Tag | None) -> bool:
    """Whether the donor does not matter: the own tag drawn again, or taken away."""
    return aspect == "none" or (aspect == "presence" and own is not None)


def _check_inside(image: Image, boxes: Sequence[Box]) -> None:
    height, width = canvas(image)
    for box in boxes:
        if box.within(height, width).area == 0:
            raise DataError(
                f"the box {box.x0}, {box.y0}, {box.x1}, {box.y1} lies outside of an image of "
                f"{width} × {height} pixels; the table of tags is of another image"
            )
