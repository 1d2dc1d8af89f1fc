"""Dataclasses as JSON: what is refused, and what the schema says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import Discriminator
from tests.helpers.json_schema import MismatchError, check

from plexor.core.errors import RunDirectoryError
from plexor.findings.json_format import JsonFormat, attribute_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A dot.

    Attributes:
        x: place; None
            where there is none.
        kind: of shape.
    """

    x: float | None
    kind: Literal["dot"] = "dot"


@dataclass(frozen=True, slots=True, kw_only=True)
class BigDot(Dot):
    """A dot with a size.

    Attributes:
        size: of it.
    """

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Ends of a line."""

    ends: tuple[float, ...]
    kind: Literal["line"] = "line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Shapes by name.

    Attributes:
        shapes: name → shape.
        big: large ones.
    """

    shapes: dict[str, Annotated[Dot | Line, Discriminator("kind")]]
    big: tuple[BigDot, ...] = ()


FORMAT = JsonFormat(Drawing)
DRAWING = Drawing(
    shapes={"a": Dot(x=None), "b": Line(ends=(0.0, 1.5))}, big=(BigDot(x=2.0, size=3),)
)


def test_a_value_is_read_back_as_it_was() -> None:
    assert FORMAT.load(FORMAT.dump(DRAWING)) == DRAWING
    assert FORMAT.from_plain(FORMAT.plain(DRAWING)) == DRAWING


def test_a_default_may_be_left_out() -> None:
    assert FORMAT.load('{"shapes": {}}') == Drawing(shapes={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "at its start"),
        ("[]", "at its start"),
        ("{}", "at shapes"),
        ('{"shapes": {}, "colour": 1}', "unknown key at colour"),
        ('{"shapes": {"a": {"kind": "dot", "x": 1, "y": 2}}}', r"unknown key at shapes\.a\.y"),
        ('{"shapes": {}, "big": [{"x": 1, "size": 1, "y": 2}]}', r"unknown key at big\.0\.y"),
        ('{"shapes": {"a": {"kind": "dott", "x": 1}}}', r"'dot', 'line' at shapes\.a"),
        ('{"shapes": {"a": {"x": 1}}}', r"at shapes\.a"),
        ('{"shapes": {"a": {"kind": "dot", "x": "1"}}}', r"at shapes\.a\.dot\.x"),
        ('{"shapes": {"a": {"kind": "line", "ends": ["1"]}}}', r"at shapes\.a\.line\.ends"),
        ('{"shapes": {}, "big": [{"x": 1, "size": true}]}', r"at big\.0\.size"),
    ],
)
def test_what_does_not_follow_the_dataclass_is_refused(text: str, message: str) -> None:
    with pytest.raises(RunDirectoryError, match=message):
        FORMAT.load(text)


def test_a_number_that_is_not_finite_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        FORMAT.dump(Drawing(shapes={"a": Dot(x=float("inf"))}))


def test_attributes_of_bases_come_first() -> None:
    assert attribute_texts(BigDot) == {
        "x": "place; None where there is none.",
        "kind": "of shape.",
        "size": "of it.",
    }


def test_the_schema_describes_every_key_and_refuses_others() -> None:
    schema = FORMAT.schema(title="Drawing", text="Shapes.")
    check(FORMAT.plain(DRAWING), schema)
    assert schema["$defs"]["BigDot"]["properties"]["x"]["description"] == (
        "place; null where there is none."
    )
    assert schema["$defs"]["Line"]["description"] == "Ends of a line."
    wrong: list[dict[str, Any]] = [
        {"shapes": {}},
        {"shapes": {}, "big": [], "colour": 1},
        {"shapes": {"a": {"kind": "dot", "x": 1, "y": 2}}, "big": []},
    ]
    for data in wrong:
        with pytest.raises(MismatchError):
            check(data, schema)
