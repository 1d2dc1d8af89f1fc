"""Lines, light and templates, against what can be worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from plexor.cases import Image, read_image
from plexor.core.errors import DataError, PlanError
from plexor.shortcuts import Bubbles, Hairs, Ink, Ruler, Template, Transplant
from plexor.shortcuts.drawing import absorb, arc, shine, stroke


def written(folder: Path, name: str, pixels: NDArray[np.uint8]) -> Path:
    path = folder / name
    Pillow.fromarray(pixels).save(path)
    return path


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(80, 120, (height, width, 3)).astype(np.uint8)


@pytest.fixture
def skin(tmp_path: Path) -> Image:
    return read_image(written(tmp_path, "skin.png", noise(30, 40)))


@pytest.mark.parametrize("width", [0.3, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2])
def test_a_line_covers_its_length_times_its_width(width: float, angle: float) -> None:
    cover = np.zeros((90, 90))
    along = 60 * np.array([math.sin(angle), math.cos(angle)])
    middle = np.array([45.0, 45.0])
    stroke(cover, np.stack([middle - along / 2, middle + along / 2]), width)
    ends = math.pi * (width / 2) ** 2
    assert cover.sum() == pytest.approx(60 * width + ends, rel=0.12)
    assert cover.max() <= 1


def test_a_line_outside_the_image_covers_nothing() -> None:
    cover = np.zeros((20, 20))
    stroke(cover, np.array([[-30.0, -30.0], [-10.0, 5.0], [10.0, 50.0]]), 2.0)
    stroke(cover, np.array([[25.0, 5.0], [60.0, 5.0]]), 2.0)
    assert not cover.any()


def test_an_arc_keeps_to_its_circle() -> None:
    points = arc((10, 20), 7.5, 0.3, 2.0)
    np.testing.assert_allclose(np.hypot(points[:, 0] - 10, points[:, 1] - 20), 7.5)
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert steps.max() < 2


def test_what_absorbs_everything_leaves_black_and_what_is_clear_leaves_all(skin: Image) -> None:
    all_over = np.ones(skin.pixels.shape[1:])
    np.testing.assert_allclose(skin.pixels + absorb(skin, all_over, (0, 0, 0)), 0)
    np.testing.assert_allclose(absorb(skin, all_over, (1, 1, 1)), 0)
    red_only = skin.pixels + absorb(skin, all_over, (1, 0, 0))
    np.testing.assert_allclose(red_only, skin.pixels * [[[1]], [[0]], [[0]]])
    np.testing.assert_allclose(skin.pixels + shine(skin, all_over), 255)


def test_a_template_laid_where_it_was_cut_from_gives_its_photograph(tmp_path: Path) -> None:
    without, with_it = noise(12, 16), noise(12, 16)
    with_it[5:7, 3:14] = 20
    template = Template.of_pair(
        written(tmp_path, "with.png", with_it), written(tmp_path, "without.png", without)
    )
    below = read_image(written(tmp_path, "below.png", without))
    put = Transplant(template=template, source_width=16)(below, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(below.storable(below.pixels + put), with_it.transpose(2, 0, 1))


def test_a_stamp_lets_pass_what_its_white_ground_does(tmp_path: Path, skin: Image) -> None:
    stamp = np.full((4, 6, 3), 255, np.uint8)
    stamp[1:3, 2:5] = (128, 0, 255)
    transplant = Transplant(
        template=Template.of_stamp(written(tmp_path, "stamp.png", stamp)), source_width=40
    )
    change = transplant(skin, rng=np.random.default_rng(3))
    passed: NDArray[np.float64] = (skin.pixels + change) / skin.pixels
    touched = (change != 0).any(axis=0)
    assert touched.sum() == 2 * 3
    expected = np.array([[128 / 255], [0], [1]]).repeat(6, axis=1)
    np.testing.assert_allclose(passed[:, touched], expected)


def test_a_template_grows_with_the_image(tmp_path: Path) -> None:
    template = Template.of_stamp(written(tmp_path, "stamp.png", np.full((10, 20, 3), 64, np.uint8)))
    for width in (40, 80):
        below = read_image(written(tmp_path, f"{width}.png", noise(width, width)))
        change = Transplant(template=template, source_width=80)(below, rng=np.random.default_rng(1))
        touched = (change != 0).any(axis=0)
        assert touched.any(axis=1).sum() == 10 * width / 80
        assert touched.any(axis=0).sum() == 20 * width / 80


def test_a_template_that_does_not_fit_is_refused(tmp_path: Path, skin: Image) -> None:
    stamp = Template.of_stamp(written(tmp_path, "wide.png", noise(4, 50)))
    with pytest.raises(DataError, match="50×4 pixels, and the image has 40×30"):
        Transplant(template=stamp, source_width=40)(skin, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="must show the same piece"):
        Template.of_pair(tmp_path / "wide.png", written(tmp_path, "other.png", noise(4, 49)))
    with pytest.raises(DataError, match="expected RGB of 8 bits, got 1 channels"):
        Template.of_stamp(written(tmp_path, "grey.png", noise(4, 5)[..., 0]))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Ruler(length=1.5), "ruler: length is a share"),
        (lambda: Ruler(ticks=0), "ruler: ticks: at least 1"),
        (lambda: Ink(width=0), "ink: width is a share"),
        (lambda: Hairs(count=0), "hairs: count: at least 1"),
        (lambda: Bubbles(radius=-1), "bubbles: radius is a share"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(make: object, complaint: str) -> None:
    assert callable(make)
    with pytest.raises(PlanError, match=complaint):
        make()
