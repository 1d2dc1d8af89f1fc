from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from plexor.report.figures import Chart, Line, Point, draw


def _chart(*lines: Line) -> Chart:
    return Chart(
        id="chart", title="A <title>", description="in words", x_label="levels", lines=lines
    )


def _line(label: str, *points: tuple[float, float]) -> Line:
    return Line(
        label=label,
        role="attack",
        points=tuple(Point(radius=r, value=v, low=v - 0.1, high=v + 0.1) for r, v in points),
    )


def _texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)  # noqa: S314 (our own drawing)
    return [text.text or "" for text in root.iter("text")]


def test_a_chart_says_what_it_shows_to_those_who_cannot_see_it() -> None:
    root = ET.fromstring(draw(_chart(_line("attacked", (1, 0.5)))))  # noqa: S314
    assert root.attrib["role"] == "img"
    assert root.find("title").text == "A <title>"  # type: ignore[union-attr]
    assert root.find("desc").text == "in words"  # type: ignore[union-attr]


def test_a_chart_takes_its_colours_from_the_page_and_leaves_its_style_alone() -> None:
    svg = draw(_chart(_line("attacked", (1, 0.5), (2, 0.25))))
    assert "var(--attack)" in svg
    assert "#a1000" not in svg
    assert "<style" not in svg
    assert "font-family" not in svg


def test_the_same_chart_is_the_same_bytes() -> None:
    chart = _chart(_line("attacked", (1, 0.5), (2, 0.25)))
    assert draw(chart) == draw(chart)


def test_every_id_belongs_to_the_chart() -> None:
    root = ET.fromstring(draw(_chart(_line("attacked", (1, 0.5)))))  # noqa: S314
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert all(name.startswith("chart-") for name in ids)
    assert len(ids) == len(set(ids))


def test_radii_and_line_names_are_written() -> None:
    texts = _texts(draw(_chart(_line("attacked", (1, 0.5), (2.5, 0.2)), _line("noise", (1, 0.9)))))
    assert {"1", "2.5", "attacked", "noise", "levels"} <= set(texts)


def test_names_of_lines_that_end_together_stand_apart() -> None:
    root = ET.fromstring(  # noqa: S314
        draw(_chart(*(_line(f"line {n}", (1, 0.99)) for n in range(4))))
    )
    heights = sorted(
        float(text.attrib["y"])
        for text in root.iter("text")
        if (text.text or "").startswith("line")
    )
    assert all(lower - upper >= 13 for upper, lower in pairwise(heights))
    assert heights[0] > 0


def test_an_undefined_point_leaves_a_gap_and_no_name() -> None:
    svg = draw(_chart(_line("attacked", (1, math.nan)), _line("noise", (1, 0.5))))
    assert "noise" in _texts(svg)
    assert "attacked" not in _texts(svg)
    assert "nan" not in svg.lower()


def test_radii_far_apart_stand_evenly() -> None:
    svg = draw(_chart(_line("attacked", (0.1, 0.9), (1, 0.5), (100, 0.1))))
    root = ET.fromstring(svg)  # noqa: S314
    assert any(text.endswith("not to scale") for text in _texts(svg))
    at = {text.text: float(text.attrib["x"]) for text in root.iter("text")}
    assert at["1"] - at["0.1"] == pytest.approx(at["100"] - at["1"])


def test_each_point_tells_its_numbers_where_it_is_drawn() -> None:
    told = Line(
        label="attacked",
        role="attack",
        points=(
            Point(radius=0, value=1.0, low=0.9, high=1.0, told="start"),
            Point(radius=4, value=0.5, low=0.4, high=0.6, told="half <way>"),
            Point(radius=8, value=math.nan, low=math.nan, high=math.nan, told="nowhere"),
        ),
    )
    root = ET.fromstring(draw(_chart(told)))  # noqa: S314
    marks = root.findall("g[@class='mark']")
    assert [mark.find("title").text for mark in marks] == ["start", "half <way>"]  # type: ignore[union-attr]
    # The invisible circle lies on the dot that matplotlib drew for the same point.
    dots = [
        (float(dot.attrib["x"]), float(dot.attrib["y"]))
        for dot in root.iter("use")
        if "var(--attack)" in dot.attrib["style"]
    ]
    circles = [mark.find("circle").attrib for mark in marks]  # type: ignore[union-attr]
    for (x, y), circle in zip(dots, circles, strict=False):
        assert float(circle["cx"]) == pytest.approx(x, abs=0.06)
        assert float(circle["cy"]) == pytest.approx(y, abs=0.06)
