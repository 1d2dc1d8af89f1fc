"""Dataclasses as JSON files: written, read back strictly, and described by a JSON schema."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from plexor.core.errors import RunDirectoryError

T = TypeVar("T")


class JsonFormat(Generic[T]):
    """The JSON form of a dataclass, derived from its fields and those of nested dataclasses.

    Args:
        kind: the dataclass. Its unions are discriminated by a ``Literal`` field that all members
            have, named in a pydantic ``Discriminator``.
    """

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._adapter = TypeAdapter(kind)

    def plain(self, value: T) -> dict[str, Any]:
        """Plain data for JSON: mappings, lists, strings, numbers, booleans and None."""
        return dict(self._adapter.dump_python(value, mode="json"))

    def dump(self, value: T) -> bytes:
        """A JSON document, indented by one space.

        Raises:
            ValueError: a number is not finite, which JSON cannot hold.
        """
        return (json.dumps(self.plain(value), indent=1, allow_nan=False) + "\n").encode()

    def load(self, data: bytes | str) -> T:
        """Parses a JSON document.

        Raises:
            RunDirectoryError: it is no JSON, lacks a key, or has an unexpected key or type; the
                message names the first such location.
        """
        try:
            value = self._adapter.validate_json(data, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise RunDirectoryError(f"{_reason(first['msg'])} at {_place(first['loc'])}") from error
        for place in _unread(json.loads(data), self.plain(value), ()):
            raise RunDirectoryError(f"unknown key at {_place(place)}")
        return value

    def from_plain(self, data: Mapping[str, Any]) -> T:
        """Converts plain data to a value; see ``load``."""
        return self.load(json.dumps(data))

    def schema(self, *, title: str, text: str) -> dict[str, Any]:
        """The JSON schema (draft 2020-12), with the docstrings as descriptions."""
        made = self._adapter.json_schema(mode="serialization", ref_template="#/$defs/{model}")
        kinds = {kind.__name__: kind for kind in _dataclasses(self._kind)}
        definitions = {
            name: _strict(node, kinds.get(name)) for name, node in made.pop("$defs", {}).items()
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **_strict(made, self._kind),
            "title": title,
            "description": text,
            "$defs": definitions,
        }


def attribute_texts(kind: type) -> dict[str, str]:
    """Field → its text under ``Attributes:`` in the docstring of a class or its bases."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        found |= attributes_in(inspect.cleandoc(base.__doc__ or ""))
    return found


def attributes_in(doc: str) -> dict[str, str]:
    """Name → text of the ``Attributes:`` of a Google-style docstring without indentation."""
    _, _, listed = doc.partition("Attributes:\n")
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", listed, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _reason(message: str) -> str:
    return message[:1].lower() + message[1:]


def _place(parts: Sequence[int | str]) -> str:
    return ".".join(map(str, parts)) or "its start"


def _unread(given: Any, kept: Any, place: tuple[int | str, ...]) -> Iterator[tuple[int | str, ...]]:
    """Locations of keys that the document has and the parsed value has not."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key not in kept:
                yield (*place, key)
            else:
                yield from _unread(value, kept[key], (*place, key))
    elif isinstance(given, list) and isinstance(kept, list):
        for index, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from _unread(one, other, (*place, index))


def _strict(node: dict[str, Any], kind: type | None) -> dict[str, Any]:
    """An object's schema that requires every key, refuses others, and describes each."""
    found: dict[str, Any] = _bare(node)
    if "properties" not in found:
        return found
    doc = found.get("description", "")
    texts = attributes_in(doc) if kind is None else attribute_texts(kind)
    properties = {
        name: one | ({"description": _as_json(texts[name])} if name in texts else {})
        for name, one in found["properties"].items()
    }
    intro = doc.split("\n\n")[0]
    return found | {
        "description": _as_json(" ".join(intro.split())),
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _as_json(text: str) -> str:
    return re.sub(r"\bNone\b", "null", text.replace("``", "`"))


def _bare(node: Any) -> Any:
    """A schema without titles, defaults and discriminators, which are redundant."""
    if isinstance(node, list):
        return [_bare(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {
        key: {name: _bare(one) for name, one in value.items()}
        if key == "properties"
        else _bare(value)
        for key, value in node.items()
        if key not in ("title", "default", "discriminator")
    }
    if "oneOf" in found:
        found["anyOf"] = found.pop("oneOf")
    return found


def _dataclasses(kind: Any, known: set[type] | None = None) -> Iterator[type]:
    """A dataclass and all dataclasses that its fields can hold."""
    seen = set() if known is None else known
    if isinstance(kind, type) and is_dataclass(kind) and kind not in seen:
        seen.add(kind)
        yield kind
        for hint in get_type_hints(kind).values():
            yield from _dataclasses(hint, seen)
    for part in get_args(kind):
        yield from _dataclasses(part, seen)
