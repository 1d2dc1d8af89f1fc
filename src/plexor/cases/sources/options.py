"""A source's options from texts, as a command line has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from plexor.cases.sources.source import Source
from plexor.core.errors import PlanError, unknown

_YES_NO = {"true": True, "yes": True, "false": False, "no": False}


def configured(name: str, source: type[Source], options: Mapping[str, object]) -> Source:
    """A source with its options set.

    Args:
        name: of the source, for messages.
        source: its class.
        options: field → value, or a text that stands for it; several texts are separated by commas.

    Raises:
        PlanError: an unknown option, or a value that it does not take.
    """
    cls = cast("Any", source)
    hints = get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    for option in options:
        if option not in known:
            raise PlanError(f"{name}: {unknown('option', option, known)}")
    values = {
        option: _value(f"{name}: option {option!r}", hints[option], value)
        for option, value in options.items()
    }
    return cast("Source", cls(**values))


def _value(what: str, hint: Any, value: object) -> object:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise PlanError(f"{what}: {unknown('value', str(value), get_args(hint))}")
        return value
    if get_origin(hint) is tuple:
        parts = value.split(",") if isinstance(value, str) else list(cast("Any", value))
        return tuple(part for one in parts if (part := str(one).strip()))
    if hint is bool and isinstance(value, str):
        if value.lower() not in _YES_NO:
            raise PlanError(f"{what}: expected yes or no, got {value!r}")
        return _YES_NO[value.lower()]
    if hint is int and isinstance(value, str):
        if not value.strip().isdecimal():
            raise PlanError(f"{what}: expected a whole number, got {value!r}")
        return int(value)
    if not isinstance(value, hint):
        raise PlanError(f"{what}: expected {hint.__name__}, got {value!r}")
    return value
