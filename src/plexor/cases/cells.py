"""A manifest's cells as text, as numbers and as metadata."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def text_of(cell: object) -> str:
    """A cell as text; "" where empty. Whole floats lose their point: Parquet's 1.0 is "1".

    Example:
        >>> text_of(1.0), text_of(" naevus "), text_of(None)
        ('1', 'naevus', '')
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def is_text(cell: object) -> bool:
    """Whether a cell can be told as text; not so a list, a record or bytes, as Parquet has them."""
    return not isinstance(cell, list | tuple | set | dict | bytes)


def parse_number(text: str) -> float | None:
    """The finite decimal number that a text is; None where it is none.

    Only ASCII digits, a sign, a point and an exponent count. Codes such as ``1_2``, which Python
    reads as 12, stay text.

    Example:
        >>> parse_number("1.5e3"), parse_number("1_2"), parse_number("nan")
        (1500.0, None, None)
    """
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def metadata_of(cell: object, *, number: bool) -> object:
    """A cell as metadata: text that is a number as float, empty as None, else as typed."""
    if isinstance(cell, str):
        text = cell.strip()
        if not text:
            return None
        return float(text) if number else text
    return cell


def is_code(text: str) -> bool:
    """Whether a text of digits is a code such as 007, in which zeros count.

    Example:
        >>> is_code("007"), is_code("0.7"), is_code("-07")
        (True, False, True)
    """
    digits = text.lstrip("+-")
    return digits[:1] == "0" and digits[1:2].isdigit()
