from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from plexor.cases.formats import decode_image
from plexor.core.errors import DataError
from plexor.report.margin_map import (
    BREAKING,
    FARTHEST,
    NEAREST,
    UNTRIED,
    MarginMap,
    read_margins,
    show_margins,
)
from plexor.report.picture import Frame
from plexor.report.rounding import MINUS

NAN = np.nan


def _frame(rows: slice, columns: slice) -> Frame:
    return Frame(low=0, high=255, whole=True, rows=rows, columns=columns, part="")


def _map(margins: NDArray[np.float32]) -> MarginMap:
    found = show_margins(margins, _frame(slice(None), slice(None)))
    assert found is not None
    return found


def _pixels(picture: str) -> NDArray[np.uint8]:
    """(H, W, 3)."""
    data = base64.b64decode(picture.removeprefix("data:image/png;base64,"))
    return np.moveaxis(decode_image(data, "map").pixels, 0, -1).astype(np.uint8)


def _lightness(colour: tuple[int, int, int]) -> float:
    """L* of sRGB (IEC 61966-2-1), what is left of a colour in grey."""
    shares = np.array(colour) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * luminance ** (1 / 3) - 16 if luminance > 216 / 24389 else luminance * 24389 / 27


def test_each_position_has_the_colour_its_margin_says() -> None:
    found = _map(np.array([[NAN, -3, -2], [-1, 0.5, 7]], np.float32))
    halfway = np.round((np.array(FARTHEST) + NEAREST) / 2)
    expected = [[UNTRIED, FARTHEST, halfway], [NEAREST, BREAKING, BREAKING]]
    np.testing.assert_array_equal(_pixels(found.picture), expected)
    assert found.alt == "Map of single positions, 2 of 5 tried break the case"
    assert found.legend == (
        "Single positions: yellow, where this position alone reaches the goal: 2 of 5 tried; blue, "
        f"where it does not: dark, where the margin came to {MINUS}3, light, where it came to "
        f"{MINUS}1, nearest "
        "to the goal, which is above 0; black, not tried."
    )


def test_a_margin_of_exactly_nothing_breaks_nothing() -> None:
    np.testing.assert_array_equal(
        _pixels(_map(np.array([[-1, 0, 1e-6]], np.float32)).picture),
        [[FARTHEST, NEAREST, BREAKING]],
    )


def test_words_leave_out_what_the_map_does_not_show() -> None:
    alike = _map(np.full((2, 2), -4, np.float32)).legend
    assert f"the margin came to {MINUS}4 everywhere" in alike
    assert "black" not in alike
    assert "blue" not in _map(np.ones((2, 2), np.float32)).legend


def test_lightness_tells_the_same_order_and_keeps_the_breaking_ones_apart() -> None:
    order = [_lightness(colour) for colour in (UNTRIED, FARTHEST, NEAREST, BREAKING)]
    assert order == pytest.approx([0, 20, 60, 92], abs=1.5)


def test_nothing_tried_is_no_map() -> None:
    assert show_margins(np.full((2, 2), NAN), _frame(slice(None), slice(None))) is None


def test_the_map_is_cut_as_its_image_is() -> None:
    margins = np.full((6, 8), -1, np.float32)
    margins[4, 5] = 1
    found = show_margins(margins, _frame(slice(3, 6), slice(5, 8)))
    assert found is not None
    shown = _pixels(found.picture)
    assert shown.shape == (3, 3, 3)
    np.testing.assert_array_equal(np.argwhere((shown == BREAKING).all(axis=-1)), [[1, 0]])


def test_a_volumes_middle_slices_are_not_tried_between() -> None:
    shown = _pixels(_map(np.full((10, 12, 14), -1, np.float32)).picture)
    assert shown.shape == (14, 12 + 4 + 10 + 4 + 10, 3)
    assert (shown[:, 12:16] == UNTRIED).all()
    assert (shown[:, 26:30] == UNTRIED).all()


def test_a_damaged_map_is_named(tmp_path: Path) -> None:
    file = tmp_path / "by_position.npy"
    file.write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"by_position\.npy: not a whole map of margins"):
        read_margins(file)
