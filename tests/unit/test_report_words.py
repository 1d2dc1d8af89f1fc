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


def _threat(norm: str, radius: float, unit: str, **rest: object) -> dict[str, object]:
    return {
        "norm": norm,
        "radius": radius,
        "unit": unit,
        "channels": "together",
        "region": None,
    } | rest


@pytest.mark.parametrize(
    ("threat", "text"),
    [
        (_threat("linf", 1.0, "level"), "1 level"),
        (_threat("linf", 0.5, "level"), "0.5 levels"),
        (_threat("l1", 2000.0, "level"), "2,000 levels"),
        (_threat("l2", 5.0, "percent"), "5 % of the range"),
        (_threat("linf", 20.0, "value"), "20 in the image's unit"),
        (_threat("l0", 1.0, "count"), "1 pixel"),
        (_threat("l0", 30.0, "count", channels="apart"), "30 numbers"),
        (_threat("l0", 0.5, "percent"), "0.5 % of the pixels"),
    ],
)
def test_radius(threat: dict[str, object], text: str) -> None:
    assert words.radius(threat).replace("\N{NO-BREAK SPACE}", " ") == text


BORDER = {"kind": "border", "width": 8}
INSIDE = {"kind": "masked", "mask": "lesion", "outside": False}


@pytest.mark.parametrize(
    ("threat", "text"),
    [
        (_threat("l1", 9.0, "level"), "by at most 9 levels, summed over all pixels"),
        (_threat("l0", 9.0, "count"), "in at most 9 pixels, in each by any amount"),
        (
            _threat("linf", 2.0, "level", region=BORDER),
            "by at most 2 levels in any pixel, and only within 8 pixels of the edge",
        ),
        (
            _threat("linf", 2.0, "level", region=INSIDE),
            "by at most 2 levels in any pixel, and only inside the marked lesion",
        ),
    ],
)
def test_extent(threat: dict[str, object], text: str) -> None:
    assert words.extent(threat).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.4, "1,234"),
        (99.96, "100"),
        (63.44, "63.4"),
        (0.96, "1.0"),
        (0.0564, "0.056"),
        (-6.31, "\N{MINUS SIGN}6.3"),
        (0.0, "0"),
        (None, "–"),
    ],
)
def test_amount(value: float | None, text: str) -> None:
    assert words.amount(value) == text


def test_an_amount_with_its_sign() -> None:
    assert [words.signed(value) for value in (1.2, -1.2, 0.0)] == ["+1.2", "\N{MINUS SIGN}1.2", "0"]


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ({"kind": "misclassify"}, "be wrong"),
        ({"kind": "become", "target": "naevus"}, "become naevus"),
        ({"kind": "hide", "label": "effusion"}, "hide effusion"),
        ({"kind": "raise", "by": 5.0, "unit": "years"}, "raise by 5 years or more"),
        ({"kind": "deviate", "by": 2.5, "unit": "years"}, "move by 2.5 years or more"),
        (None, "none"),
    ],
)
def test_goal(goal: dict[str, object] | None, text: str) -> None:
    assert words.goal(goal).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (["w/small.safetensors"], "small"),
        (["w/small.safetensors", "wide.v2.safetensors"], "small and wide.v2"),
        (["a.safetensors", "b.safetensors", "c.safetensors"], "a, b and c"),
        (["x/best.safetensors", "y/best.safetensors"], "x/best and y/best"),
    ],
)
def test_surrogates_are_called_by_their_names(files: list[str], text: str) -> None:
    about = {"title": "Transfer", "access": "none"}
    probe = {"about": about, "settings": {"steps": 3, "surrogates": files}}
    assert words.settings(probe) == f"steps 3, surrogates {text}"
    assert words.attack_described(probe).startswith(f"a search on other models, {text}, which")
    assert words.surrogates({"settings": {"steps": 3}}) == ""


def test_what_is_said_reads_like_a_sentence() -> None:
    several = {"kind": "multilabel", "classes": ["a", "b"]}
    assert words.said(several, "a|b") == "a, b"
    assert words.said(several, "") == "no finding"
    number = {"kind": "regression", "classes": [], "unit": "years"}
    assert words.call(number, "63.412").replace("\N{NO-BREAK SPACE}", " ") == "63.4 years"
    assert words.call({"kind": "binary", "classes": []}, "naevus") == "called naevus"


def test_counts_are_read_at_a_glance() -> None:
    assert words.counted(1204, "image") == "1,204 images"
    assert words.counted(1, "image") == "1 image"


@pytest.mark.parametrize(
    ("value", "text"), [(1056.4, "1,056"), (97.94, "97.9"), (2.0, "2"), (0.01234, "0.0123")]
)
def test_measure(value: float, text: str) -> None:
    assert words.measure(value) == text
