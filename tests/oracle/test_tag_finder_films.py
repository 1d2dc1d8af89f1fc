"""The finder against boxes drawn by hand, on real films, and against OCR of another program."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.tagged import FILMS, drawn_boxes

from plexor.cases import read_image
from plexor.shortcuts.find import Box, Finder, RapidOcr, agreement, reader
from plexor.shortcuts.find.tag import Kind

LETTERS: tuple[Kind, ...] = ("laterality", "text", "time")
FEW = (
    "NORMAL/IM-0156-0001.jpeg",
    "PNEUMONIA/person134_virus_268.jpeg",
    "PNEUMONIA/person1415_bacteria_3629.jpeg",
    "PNEUMONIA/person1927_bacteria_4836.jpeg",
    "PNEUMONIA/person574_bacteria_2372.jpeg",
)
"""Films that hold every kind of tag that was drawn, and an implant under an R."""


@pytest.mark.data
@pytest.mark.skipif(not FILMS.is_dir(), reason=f"the real images are not at {FILMS}")
def test_every_box_that_was_drawn_is_found_and_no_other() -> None:
    drawn = {path: tags for path, tags in drawn_boxes().items() if path in FEW}
    found = {path: Finder()(read_image(FILMS / path)) for path in FEW}
    got = agreement(found, drawn, kinds=LETTERS)
    assert got.recall.n == 13
    assert got.recall.value == 1
    assert got.precision.value == 1


HARD = (
    "PNEUMONIA/person1110_bacteria_3051.jpeg",
    "PNEUMONIA/person1544_bacteria_4033.jpeg",
    "PNEUMONIA/person430_bacteria_1871.jpeg",
)
"""A device and a text that the border cuts, and an R beside the border."""


@pytest.mark.data
@pytest.mark.skipif(not FILMS.is_dir(), reason=f"the real images are not at {FILMS}")
def test_what_a_border_cuts_is_one_tag_or_none() -> None:
    every = drawn_boxes("tag_boxes_more.csv")
    drawn = {path: every[path] for path in HARD}
    found = {path: Finder()(read_image(FILMS / path)) for path in HARD}
    got = agreement(found, drawn, kinds=LETTERS, same_kind=True)
    assert got.recall.n == 8
    assert got.recall.value == 1
    assert got.precision.value == 1


@pytest.mark.data
@pytest.mark.skipif(not FILMS.is_dir(), reason=f"the real images are not at {FILMS}")
@pytest.mark.skipif(reader() is None, reason="the extra ocr is not installed")
def test_what_tags_say_is_read() -> None:
    film = read_image(FILMS / "PNEUMONIA/person1415_bacteria_3629.jpeg")
    said = {tag.text: tag.kind for tag in Finder(reader=RapidOcr())(film) if tag.kind != "scale"}
    assert said == {"R": "laterality", "17:13:03": "time", "KV70": "text"}


def test_the_mirrored_r_of_an_ankle_film_is_found() -> None:
    store = pytest.importorskip("data_store", reason="pydicom-data is not installed")
    film = Path(store.__file__).parent / "data" / "RG3_UNCI.dcm"
    (tag,) = Finder()(read_image(film))
    assert (tag.kind, tag.text, tag.mirrored) == ("laterality", "R", True)
    by_eye = Box(x0=1152, y0=1390, x1=1218, y1=1471)
    assert tag.box.overlap(by_eye) > 0.9
