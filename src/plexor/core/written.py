"""Files written by hand, such as plans: numbers and booleans are taken only as what they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema

MOST = 2**31 - 1
"""Largest count in such a file, unless its field states another."""
_NOT_SCHEMA = ("default", "metadata", "serialization")


def _make_strict(node: Any, resolve: Callable[[Any], Any], seen: set[int]) -> None:
    """Changes a schema in place, with the definitions that it refers to."""
    if isinstance(node, list | tuple):
        for item in node:
            _make_strict(item, resolve, seen)
    if not isinstance(node, Mapping) or id(node) in seen:
        return
    seen.add(id(node))
    kind = node.get("type")
    if kind == "definition-ref":
        _make_strict(resolve(node), resolve, seen)
    elif kind in ("int", "float", "bool") and isinstance(node, dict):
        node["strict"] = True
        if kind == "int" and not {"le", "lt"} & node.keys():
            node["le"] = MOST
    else:
        for key, value in node.items():
            if key not in _NOT_SCHEMA:
                _make_strict(value, resolve, seen)


class Written(BaseModel):
    """A part of a plan or of another file written by hand: no unknown keys, no converted values.

    YAML tells numbers, booleans and texts apart. Pydantic by itself takes ``true`` as the number 1,
    ``"3"`` as 3 and ``1`` as true, in these models and in the dataclasses that they hold. Here such
    a value is refused, and so is a whole number above ``MOST`` where no other limit is stated.

    Example:
        >>> from pydantic import ValidationError
        >>> class Search(Written):
        ...     steps: int
        >>> try:
        ...     Search(steps=True)
        ... except ValidationError as error:
        ...     print(error.errors()[0]["msg"])
        Input should be a valid integer
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler, /
    ) -> CoreSchema:
        """The model's schema with every number and boolean in it made strict."""
        schema = handler(source)
        _make_strict(schema, handler.resolve_ref_schema, set())
        return schema
