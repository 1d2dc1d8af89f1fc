"""The options of a plan's entry, read from the class that holds them, as a table or as JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any, cast

from rich.table import Table


def options_of(described: type) -> list[dict[str, object]]:
    """Name, default and text of each option, from the fields and the docstring of a dataclass."""
    from plexor.findings.json_format import attribute_texts

    texts = attribute_texts(described)
    return [
        {
            "name": field.name,
            "default": _default(field),
            "text": _plain(texts.get(field.name, "")),
        }
        for field in dataclasses.fields(cast("Any", described))
    ]


def options_table(
    options: list[dict[str, object]], *, spelled: Callable[[object], str] | None = None
) -> Table:
    """What ``options_of`` gave, for a terminal; defaults as in a plan unless spelled otherwise."""
    table = plain_table("option", "default", text="what it sets")
    spelled = spelled or _as_yaml
    for option in options:
        table.add_row(str(option["name"]), spelled(option["default"]), str(option["text"]))
    return table


def facts_table() -> Table:
    """A table of names and what is said of each, without lines and headers."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    return table


def plain_table(*names: str, text: str) -> Table:
    """A table without lines: columns that are never broken, and a last one of running text."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True)
    table.add_column(text)
    return table


def _default(field: dataclasses.Field[object]) -> object:
    if field.default is not dataclasses.MISSING:
        return field.default
    return None if field.default_factory is dataclasses.MISSING else field.default_factory()


def _as_yaml(value: object) -> str:
    return json.dumps(value, default=str).strip('"')


def _plain(text: str) -> str:
    """A docstring's sentence in the words of a plan."""
    return re.sub(r"\bNone\b", "null", " ".join(text.replace("``", "`").split()))
