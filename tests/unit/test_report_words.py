from __future__ import annotations

import math

import pytest

from plexor.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.715, "71.5 %"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.0004, "< 0.1 %"),
        (0.0006, "0.1 %"),
        (0.99951, "> 99.9 %"),
        (0.9994, "99.9 %"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_share(value: float | None, text: str) -> None:
    assert words.share(value).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00009, "< .0001"),
        (0.0001, ".0001"),
        (0.00054, ".0005"),
        (0.001, ".001"),
        (0.0234, ".023"),
        (0.05, ".050"),
        (0.9996, "> .999"),
        (1.0, "> .999"),
        (None, "–"),
    ],
)
def test_p_value_is_never_nought_or_one(value: float | None, text: str) -> None:
    assert words.p_value(value).replace("\N{NO-BREAK SPACE}", " ") == text


def test_an_interval_stands_in_brackets_and_does_not_break_in_a_sentence() -> None:
    estimate = {"value": 0.715, "low": 0.69, "high": 0.739}
    assert words.bounds(estimate) == "(69.0–73.9)"
    assert words.share_with_bounds(estimate).endswith("(69.0\N{WORD JOINER}–\N{WORD JOINER}73.9)")


def test_an_undefined_interval_is_left_out() -> None:
    assert words.bounds({"value": None, "low": None, "high": None}) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.021, "+2.1"), (-0.335, "\N{MINUS SIGN}33.5"), (0.0001, "0.0"), (None, "–")],
)
def test_points(value: float | None, text: str) -> None:
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("threat", "text"),
    [
        ({"norm": "linf", "radius": 1.0, "unit": "level"}, "1 level"),
        ({"norm": "linf", "radius": 0.5, "unit": "level"}, "0.5 levels"),
        ({"norm": "l2", "radius": 5.0, "unit": "percent"}, "5 % of the range"),
        ({"norm": "linf", "radius": 20.0, "unit": "value"}, "20 in the image's unit"),
    ],
)
def test_radius(threat: dict[str, object], text: str) -> None:
    assert words.radius(threat).replace("\N{NO-BREAK SPACE}", " ") == text


def test_counts_are_read_at_a_glance() -> None:
    assert words.counted(1204, "image") == "1,204 images"
    assert words.counted(1, "image") == "1 image"


@pytest.mark.parametrize(
    ("value", "text"), [(1056.4, "1,056"), (97.94, "97.9"), (2.0, "2"), (0.01234, "0.0123")]
)
def test_measure(value: float, text: str) -> None:
    assert words.measure(value) == text
