"""Validation errors of a plan or a study file, in the names that its author wrote."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from plexor.core.errors import PlanError, unknown
from plexor.core.yaml_text import Complaint, Document

_ABOUT_KEYS = ("extra_forbidden", "unexpected_keyword_argument")
_MOST_SHOWN = 30
"""Complaints that are listed; of more their number is said."""


def refused(
    where: str,
    problems: Iterable[Mapping[str, Any]],
    schema: Mapping[str, Any],
    document: Document | None = None,
) -> PlanError:
    """The error that lists everything wrong with a file, by line.

    Args:
        where: the file's path, or what it is.
        problems: ``ValidationError.errors()``.
        schema: the JSON schema of the file.
        document: the file as read, for lines and columns; None for a mapping from Python.
    """
    found = list(document.complaints) if document else []
    told = {one.mark for one in found}
    all_problems = list(problems)
    for problem in all_problems:
        # A list may be "too short" because its items are wrong; the items' own errors suffice.
        if problem["type"] == "too_short" and not _is_alone(problem, all_problems):
            continue
        about_key = problem["type"] in _ABOUT_KEYS
        mark = document.mark(problem["loc"], of_key=about_key) if document else None
        if mark is None or mark not in told:
            found.append(Complaint(mark, _printable(complaint(problem, schema))))
    found.sort(key=lambda one: one.mark or (0, 0))
    if len(found) == 1:
        return PlanError(f"{where}: {found[0]}")
    shown = [f"  {one}" for one in found[:_MOST_SHOWN]]
    if len(found) > _MOST_SHOWN:
        shown.append(f"  and {len(found) - _MOST_SHOWN} more")
    return PlanError("\n".join([f"{where}: {len(found)} errors", *shown]))


def _is_alone(problem: Mapping[str, Any], problems: Iterable[Mapping[str, Any]]) -> bool:
    place = problem["loc"]
    return not any(p is not problem and p["loc"][: len(place)] == place for p in problems)


def _printable(text: str) -> str:
    """The text in one line, control characters escaped."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _brief(value: object) -> str:
    """A value in some eighty characters at most."""
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = 60
    try:
        return brief.repr(value)
    except ValueError:  # Python writes out no integer of more than 4,300 digits
        return "a number of thousands of digits"


def complaint(problem: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Words one of pydantic's errors as half a sentence, with the closest known key.

    Args:
        problem: an item of ``ValidationError.errors()``.
        schema: the JSON schema of the file, from which the known keys are taken.
    """
    *parents, last = [str(part) for part in problem["loc"]] or ["the file"]
    where = ".".join([*parents, last])
    if problem["type"] in _ABOUT_KEYS:
        within = f" in {'.'.join(parents)}" if parents else ""
        return unknown("key", last, _known_keys(problem["loc"][:-1], schema)) + within
    if problem["type"] == "union_tag_invalid":
        about = problem["ctx"]
        choices = map(_unquoted, about["expected_tags"].split(", "))
        return unknown(_unquoted(about["discriminator"]), about["tag"], choices) + f" in {where}"
    if problem["type"] == "union_tag_not_found":
        return f"`{where}.{_unquoted(problem['ctx']['discriminator'])}` is missing"
    if problem["type"] == "value_error":
        return f"{problem['ctx']['error']}" + (f" in {where}" if problem["loc"] else "")
    if problem["type"] in ("missing", "missing_keyword_only_argument"):
        return f"`{where}` is missing"
    said = f"{problem['msg']}, got {_brief(problem['input'])}"
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        choices = map(_unquoted, re.split(", | or ", problem["ctx"]["expected"]))
        said = unknown(last, problem["input"], choices)
    return f"`{where}`: {said}"


def _unquoted(name: str) -> str:
    return name.strip("'")


def _known_keys(parents: tuple[str | int, ...], schema: Mapping[str, Any]) -> list[str]:
    """Keys allowed at this location, found by following the schema along it."""
    node: Any = schema
    for part in parents:
        options = _options(node, schema)
        tags = {k: v for o in options for k, v in _mapping(o).items()}
        if isinstance(part, int):
            node = next((o["items"] for o in options if "items" in o), {})
        elif part in tags:
            node = {"$ref": tags[part]}
        else:
            found = [o["properties"][part] for o in options if part in o.get("properties", {})]
            found += [o for o in node.get("anyOf", []) if o.get("$ref", "").endswith(f"/{part}")]
            found += [values for option in options for values in _values(option)]
            tagged = [o for o in options if _tag(o).get("const") == part]
            node = next(iter(found + tagged), {})
        node = _followed(node, schema)
    return [key for option in _options(node, schema) for key in option.get("properties", {})]


def _values(option: Mapping[str, Any]) -> list[Any]:
    """Schema of the values of an object whose keys are free."""
    named = [*option.get("patternProperties", {}).values(), option.get("additionalProperties")]
    return [values for values in named if isinstance(values, Mapping)]


def _mapping(node: Mapping[str, Any]) -> Mapping[str, str]:
    """Tag → definition, for a discriminated union; empty for anything else."""
    mapping: Mapping[str, str] = node.get("discriminator", {}).get("mapping", {})
    return mapping


def _tag(option: Mapping[str, Any]) -> Mapping[str, Any]:
    """Property that discriminates a union; empty if there is none."""
    return next((p for p in option.get("properties", {}).values() if "const" in p), {})


def _options(node: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Any]:
    """A node, its alternatives and theirs, with references resolved."""
    here = _followed(node, schema)
    inner = [*here.get("anyOf", []), *here.get("oneOf", [])]
    return [here, *(option for one in inner for option in _options(one, schema))]


def _followed(node: Any, schema: Mapping[str, Any]) -> Any:
    reference = node.get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[1]] if reference else node
