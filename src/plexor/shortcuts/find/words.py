"""Classifies text: a side, a time, an identifier, or other text."""

from __future__ import annotations

import re
from collections.abc import Collection

from plexor.shortcuts.find.tag import Kind

_SIDES = re.compile(
    r"(L|R|LT|RT|LEFT|RIGHT|LI|RE|LINKS|RECHTS|DX|SX|SN|DCHA|IZDA|IZQ|DROITE?|GAUCHE)\.?",
    re.IGNORECASE,
)
"""A side in English, German, Italian, Spanish and French; a lone D is none outside of a ring."""
_TIMES = re.compile(
    r"\b\d{1,2}:\d{2}(:\d{2})?\b|\b\d{4}[-./]\d{1,2}[-./]\d{1,2}\b|\b\d{1,2}[-./]\d{1,2}[-./]\d{2,4}\b"
)
_SHORTEST = 4
"""Minimum length of a part of a header's name or number that is searched for in a text."""


def kind_of_text(text: str, identifiers: Collection[str] = ()) -> Kind:
    """The kind of a tag with this text.

    Args:
        text: as read.
        identifiers: the patient's name, number and birth date as the file's header has them; a text
            that contains a part of at least four characters of these is an identifier.

    Example:
        >>> kind_of_text("R"), kind_of_text("17:13:03"), kind_of_text("KV70")
        ('laterality', 'time', 'text')
        >>> kind_of_text("DOE JANE", ["Doe^Jane"])
        'identifier'
    """
    if identified(text, identifiers):
        return "identifier"
    if _SIDES.fullmatch(text.strip()):
        return "laterality"
    return "time" if _TIMES.search(text) else "text"


def identified(text: str, identifiers: Collection[str]) -> bool:
    """Whether a text contains a part of the header's name or number, ignoring case."""
    plain = _plain(text)
    parts = {
        _plain(part) for whole in identifiers for part in (whole, *re.split(r"[\^\s=,]+", whole))
    }
    return any(len(part) >= _SHORTEST and part in plain for part in parts)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
