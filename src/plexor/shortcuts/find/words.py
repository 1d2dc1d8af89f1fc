"""What a text is: a side, a time, an identifier, or other text."""

from __future__ import annotations

import re
from collections.abc import Collection

from plexor.shortcuts.find.tag import Kind

_SIDES = re.compile(r"(L|R|LT|RT|LEFT|RIGHT|LI|RE|LINKS|RECHTS)\.?", re.IGNORECASE)
_TIMES = re.compile(
    r"\b\d{1,2}:\d{2}(:\d{2})?\b|\b\d{4}[-./]\d{1,2}[-./]\d{1,2}\b|\b\d{1,2}[-./]\d{1,2}[-./]\d{2,4}\b"
)
_SHORTEST = 4
"""Characters of the shortest part of a header's name or number that is looked for in a text."""


def kind_of_text(text: str, identifiers: Collection[str] = ()) -> Kind:
    """What kind of tag says this.

    Args:
        text: as read.
        identifiers: the patient's name, number and birth date as the file's header has them; a
            part of four characters and more that the text holds makes it an identifier.

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
    """Whether a text holds a part of the header's name or number, whatever its case."""
    plain = _plain(text)
    parts = {
        _plain(part) for whole in identifiers for part in (whole, *re.split(r"[\^\s=,]+", whole))
    }
    return any(len(part) >= _SHORTEST and part in plain for part in parts)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
