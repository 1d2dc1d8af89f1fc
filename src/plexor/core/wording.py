"""Shares, counts and quantities as text."""

from __future__ import annotations

import math

UNDEFINED = "\N{EN DASH}"
"""Text for an undefined number; the reason is always given beside it."""
SPACE = "\N{NO-BREAK SPACE}"
PLACE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Where a figure is put into a sentence; braces may be part of a class's name."""


def share(value: float | None) -> str:
    """A share to a tenth of a percent. Only exactly 0 and 1 are written as 0.0 % and 100.0 %.

    Example:
        >>> share(0.4216).replace(SPACE, " ")
        '42.2 %'
        >>> share(0.0001).replace(SPACE, " ")
        '< 0.1 %'
    """
    if value is None or math.isnan(value):
        return UNDEFINED
    if 0 < value < 0.0005:
        return f"<{SPACE}0.1{SPACE}%"
    if 0.9995 <= value < 1:
        return f">{SPACE}99.9{SPACE}%"
    return f"{100 * value:.1f}{SPACE}%"


def count(number: int) -> str:
    """A whole number with its thousands separated by commas.

    Example:
        >>> count(10015)
        '10,015'
    """
    return f"{number:,}"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "image"), counted(1204, "image"), counted(7, "class", "classes")
        ('1 image', '1,204 images', '7 classes')
    """
    return f"{count(number)} {singular if number == 1 else plural or singular + 's'}"


def with_unit(number: str, unit: str) -> str:
    """A number already in words, with its unit.

    Example:
        >>> with_unit("2", "level").replace(SPACE, " "), with_unit("20", "HU").replace(SPACE, " ")
        ('2 levels', '20 HU')
    """
    plural = "s" if unit == "level" and number != "1" else ""
    return f"{number}{SPACE}{unit}{plural}"
