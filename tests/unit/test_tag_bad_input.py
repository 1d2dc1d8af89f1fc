"""Films and tables that are not as one would wish: each is handled, or refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.helpers.tagged import as_image, burnt, tissue

from plexor.core.errors import DataError
from plexor.shortcuts.cover import control_boxes, cover
from plexor.shortcuts.find import Box, Finder

HEIGHT, WIDTH = 240, 300
RING = (
    Box(x0=0, y0=0, x1=WIDTH, y1=40),
    Box(x0=0, y0=HEIGHT - 40, x1=WIDTH, y1=HEIGHT),
    Box(x0=0, y0=0, x1=40, y1=HEIGHT),
    Box(x0=WIDTH - 40, y0=0, x1=WIDTH, y1=HEIGHT),
)
"""Four tags that together fill the border."""


def coloured(colour: tuple[int, int, int]) -> tuple[NDArray[np.uint8], Box]:
    """A grey film in RGB, with an R of one colour over it."""
    grey = tissue(HEIGHT, WIDTH)
    marked, box = burnt(grey, "R", (20, 30), dot=4)
    film = np.stack([grey] * 3)
    film[:, marked != grey] = np.array(colour, np.uint8)[:, None]
    return film, box


@pytest.mark.parametrize(
    "colour", [(255, 255, 0), (0, 255, 0), (0, 255, 255), (255, 0, 0), (40, 40, 255)]
)
def test_an_overlay_in_colour_is_found(colour: tuple[int, int, int]) -> None:
    film, box = coloured(colour)
    (tag,) = Finder()(as_image(film))
    assert (tag.kind, tag.text, tag.box) == ("laterality", "R", box)


def test_a_picture_that_is_all_colour_is_no_overlay() -> None:
    film, _ = burnt(tissue(HEIGHT, WIDTH), "R", (20, 30), dot=4)
    skin = np.stack([film, film // 2, film // 3])
    (tag,) = Finder()(as_image(skin))
    assert tag.text == "R"


def test_tags_that_fill_the_border_are_covered_and_wide_ones_get_no_control() -> None:
    film = as_image(tissue(HEIGHT, WIDTH))
    rng = np.random.default_rng(0)
    inner = cover(film, RING, rng=rng)[0]
    assert (inner[40:-40, 40:-40] == film.pixels[0, 40:-40, 40:-40]).all()
    assert (inner[:40] == inner.min()).all()
    with pytest.raises(DataError, match="no place for a control cover of 300 × 40 pixels"):
        control_boxes(film, RING, rng=rng)
