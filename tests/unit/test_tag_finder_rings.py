"""Letters in rings, short words beside other things, and what borders cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw
from tests.helpers.tagged import as_image, burnt, tissue

from plexor.shortcuts.find import Box, Finder, Read, Tag
from plexor.shortcuts.find.strokes import Plane

LARGE = (640, 700)


def ring(pixels: NDArray[np.uint8], box: Box, *, width: int = 3, gap: int = 0) -> NDArray[np.uint8]:
    """The film with a white ring of that width inside the box, open over ``gap`` degrees."""
    picture = Picture.fromarray(pixels)
    around = (box.x0, box.y0, box.x1 - 1, box.y1 - 1)
    ImageDraw.Draw(picture).arc(around, gap, 360, fill=255, width=width)
    drawn: NDArray[np.uint8] = np.asarray(picture)
    return drawn


class SaysA:
    """A reader that reads an A wherever it is asked."""

    def read(self, plane: Plane, tags: Sequence[Tag]) -> list[Read]:
        return [Read(text="A", score=0.9) for _ in tags]

    def search(self, plane: Plane) -> list[Read]:
        return []


@pytest.mark.parametrize("gap", [0, 40])
def test_a_letter_in_a_ring_is_one_side_marker(gap: int) -> None:
    film, letter = burnt(tissue(*LARGE), "R", (100, 80), dot=4)
    around = Box(x0=82, y0=66, x1=82 + 56, y1=66 + 56)
    (tag,) = Finder()(as_image(ring(film, around, gap=gap)))
    assert (tag.kind, tag.text) == ("laterality", "R")
    assert tag.box.overlap(around) > 0.9 > around.overlap(letter)


def test_another_letter_in_a_ring_is_a_side_and_is_named_by_the_reader() -> None:
    film, _ = burnt(tissue(*LARGE), "A", (100, 80), dot=4)
    marked = as_image(ring(film, Box(x0=82, y0=66, x1=138, y1=122)))
    (unread,) = Finder()(marked)
    (read,) = Finder(reader=SaysA())(marked)
    assert (unread.kind, unread.text) == ("laterality", "")
    assert (read.kind, read.text, read.box) == ("laterality", "A", unread.box)


def test_an_electrode_is_no_letter_in_a_ring() -> None:
    film = ring(tissue(*LARGE), Box(x0=82, y0=66, x1=138, y1=122))
    assert not Finder()(as_image(film))
    picture = Picture.fromarray(film)
    ImageDraw.Draw(picture).ellipse((100, 84, 119, 103), fill=255)
    assert not Finder()(as_image(np.asarray(picture)))


def test_two_letters_are_text_also_beside_something_taller() -> None:
    film, box = burnt(tissue(*LARGE), "AP", (100, 80), dot=4)
    (alone,) = Finder()(as_image(film))
    film[60:130, 160:166] = 255
    (beside,) = Finder()(as_image(film))
    assert alone.kind == beside.kind == "text"
    assert alone.box.overlap(box) > 0.9
    assert beside.box == alone.box


def test_specks_are_no_letters_however_much_they_look_like_one() -> None:
    speck, _ = burnt(tissue(*LARGE), "L", (100, 80), dot=1)
    letter, _ = burnt(tissue(*LARGE), "L", (100, 80), dot=3)
    assert not Finder()(as_image(speck))
    assert len(Finder()(as_image(letter))) == 1


def test_the_border_of_an_image_cuts_no_turned_letter_out_of_a_device() -> None:
    upright, _ = burnt(tissue(*LARGE), "R", (0, 80), dot=4)
    mirrored, _ = burnt(tissue(*LARGE), "R", (0, 80), dot=4, mirrored=True)
    assert [tag.text for tag in Finder()(as_image(upright))] == ["R"]
    assert not Finder()(as_image(mirrored))
