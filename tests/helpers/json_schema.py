"""The part of JSON Schema (draft 2020-12) that our own schema is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Node = Mapping[str, Any]

_TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
_KNOWN = {
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "description", "enum",
    "exclusiveMaximum", "exclusiveMinimum", "items", "maximum", "minimum", "properties", "required",
    "type", "unevaluatedProperties",
}  # fmt: skip
_ROOT_ONLY = {"$schema", "$defs", "title"}


class MismatchError(AssertionError):
    """Where, and how, data does not follow a schema."""


def check(data: object, schema: Node) -> None:
    """Raises a ``MismatchError`` unless ``data`` follows ``schema``."""
    _check(data, {k: v for k, v in schema.items() if k not in _ROOT_ONLY}, schema["$defs"], "$")


def _check(data: object, node: Node, definitions: Node, where: str) -> set[str]:
    """Returns the keys of an object that some part of the schema speaks of."""
    assert set(node) <= _KNOWN, f"{where}: cannot check {sorted(set(node) - _KNOWN)}"
    seen: set[str] = set()
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        seen |= _check(data, target, definitions, where)
    for part in node.get("allOf", []):
        seen |= _check(data, part, definitions, where)
    if "anyOf" in node:
        seen |= _first_match(data, node["anyOf"], definitions, where)
    _check_value(data, node, where)
    if isinstance(data, list) and "items" in node:
        for index, item in enumerate(data):
            _check(item, node["items"], definitions, f"{where}[{index}]")
    if isinstance(data, dict):
        seen |= _check_object(data, node, definitions, where, seen)
    return seen


def _first_match(data: object, options: list[Node], definitions: Node, where: str) -> set[str]:
    reasons = []
    for option in options:
        try:
            return _check(data, option, definitions, where)
        except MismatchError as error:
            reasons.append(str(error))
    raise MismatchError(f"{where}: none of its forms ({'; '.join(reasons)})")


def _check_value(data: object, node: Node, where: str) -> None:
    types = node.get("type", [])
    names = [types] if isinstance(types, str) else types
    if names and not any(_TYPES[name](data) for name in names):
        raise MismatchError(f"{where}: {data!r} is not {' or '.join(names)}")
    if "const" in node and data != node["const"]:
        raise MismatchError(f"{where}: {data!r} is not {node['const']!r}")
    if "enum" in node and data not in node["enum"]:
        raise MismatchError(f"{where}: {data!r} is not among {node['enum']}")
    if isinstance(data, int | float):
        outside = (
            data < node.get("minimum", data)
            or data > node.get("maximum", data)
            or ("exclusiveMinimum" in node and data <= node["exclusiveMinimum"])
            or ("exclusiveMaximum" in node and data >= node["exclusiveMaximum"])
        )
        if outside:
            raise MismatchError(f"{where}: {data} is out of range")


def _check_object(
    data: dict[str, Any], node: Node, definitions: Node, where: str, seen: set[str]
) -> set[str]:
    if missing := set(node.get("required", [])) - set(data):
        raise MismatchError(f"{where}: lacks {sorted(missing)}")
    properties = node.get("properties", {})
    for key in properties.keys() & data.keys():
        _check(data[key], properties[key], definitions, f"{where}.{key}")
    others = set(data) - set(properties)
    extra = node.get("additionalProperties")
    if extra is False and others:
        raise MismatchError(f"{where}: does not know {sorted(others)}")
    if isinstance(extra, dict):
        for key in others:
            _check(data[key], extra, definitions, f"{where}.{key}")
    if node.get("unevaluatedProperties") is False and (strange := others - seen):
        raise MismatchError(f"{where}: does not know {sorted(strange)}")
    return set(data) if extra is not None else set(properties) & set(data)
