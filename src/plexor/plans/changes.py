"""Changes to a plan from the command line, as in ``--set train.epochs=3``."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from plexor.core.errors import PlanError
from plexor.core.yaml_text import YamlError, read_yaml

_PART = re.compile(r"([A-Za-z_]\w*)|\[([0-9]{1,9})\]")
_PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*|\[[0-9]{1,9}\])*")


def with_changes(content: Mapping[str, object], changes: Sequence[str]) -> dict[str, object]:
    """A plan's content with some of its values set.

    Args:
        content: the plan as plain data.
        changes: each ``PLACE=VALUE``: keys joined by dots, list items by number in brackets, from
            0; the value in YAML. A mapping that the place needs and that is absent is added.

    Raises:
        PlanError: a change is not of that form, or its place leads through something that is
            neither a mapping nor a list, or to a list item that is absent.

    Example:
        >>> with_changes({"probes": [{"attack": "pgd"}]}, ["probes[0].steps=5", "train.epochs=3"])
        {'probes': [{'attack': 'pgd', 'steps': 5}], 'train': {'epochs': 3}}
    """
    changed: dict[str, Any] = copy.deepcopy(dict(content))
    for change in changes:
        place, equals, text = change.partition("=")
        if not equals or not _PLACE.fullmatch(place.strip()):
            raise PlanError(
                f"--set {change}: expected PLACE=VALUE, e.g. train.epochs=3 or probes[0].steps=5"
            )
        parts = [key or int(index) for key, index in _PART.findall(place)]
        _set(changed, parts, _value(change, text), change)
    return changed


def _value(change: str, text: str) -> object:
    try:
        document = read_yaml(text)
    except YamlError as error:
        raise PlanError(f"--set {change}: the value is not valid YAML: {error}") from error
    if document.complaints:
        raise PlanError(f"--set {change}: {document.complaints[0].text}")
    value: object = document.root.value
    return value


def _set(content: dict[str, Any], parts: Sequence[str | int], value: object, change: str) -> None:
    here: Any = content
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(part, int):
            if not isinstance(here, list) or part >= len(here):
                found = f"{len(here)} items" if isinstance(here, list) else "no list"
                raise PlanError(f"--set {change}: there is no item [{part}] ({found})")
        elif not isinstance(here, dict):
            raise PlanError(f"--set {change}: {part!r} is a key, and there is no mapping to put it")
        elif not last and here.get(part) is None:
            here[part] = {}
        if last:
            here[part] = value
        else:
            here = here[part]
