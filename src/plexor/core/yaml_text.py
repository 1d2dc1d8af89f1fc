"""YAML files that people write: read strictly, with line and column of every value.

PyYAML's ``safe_load`` keeps the last of two equal keys, reads ``010`` as 8, ``1:30`` as 90 and
``no`` as false, and raises exceptions other than its own on impossible dates, long numbers and deep
nesting. ``read_yaml`` rejects or corrects each of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import Reader
from yaml.resolver import Resolver

from plexor.core.errors import DataError, PlanError

MAX_BYTES = 1 << 20
"""Maximum size of a file, in bytes."""
MAX_VALUES = 100_000
"""Maximum number of values in a file; the values of an alias count each time it is used."""
MAX_DEPTH = 50
"""Maximum depth of mappings and lists within each other."""
MAX_DIGITS = 100
"""Maximum number of characters of a number."""

Mark = tuple[int, int]
"""Line and column, both from 1."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "<<"
_PLAIN_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*|0x[0-9a-fA-F]+)")
_RESOLVER = Resolver()


class YamlError(DataError):
    """A text is not valid YAML, or exceeds a limit; nothing in it can be used."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A value that is ambiguous or given twice, and its place.

    Attributes:
        mark: the place; None where it is not known.
        text: what is wrong.
    """

    mark: Mark | None
    text: str

    def __str__(self) -> str:
        """The complaint after its line and column."""
        if self.mark is None:
            return self.text
        return f"line {self.mark[0]}, column {self.mark[1]}: {self.text}"


@dataclass(slots=True)
class Node:
    """A value and its place.

    Attributes:
        mark: where the value begins.
        value: plain data.
        size: number of values it consists of.
        parts: of a mapping or a list, the node of each value by key or index.
        keys: of a mapping, where each key stands.
    """

    mark: Mark
    value: Any
    size: int = 1
    parts: dict[Any, Node] = field(default_factory=dict)
    keys: dict[Any, Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML text holds.

    Attributes:
        root: the outermost value.
        complaints: values that are ambiguous or given twice.
    """

    root: Node
    complaints: tuple[Complaint, ...]

    def mark(self, place: Sequence[str | int], *, of_key: bool = False) -> Mark:
        """The place of a value, or of the innermost existing value around it.

        Args:
            place: keys and indices from the outermost value inwards; those that are not in the
                file are skipped.
            of_key: whether the place of the value's key is returned instead of the value's.
        """
        node, found = self.root, self.root.mark
        for part in place:
            if part in node.parts:
                found = node.keys.get(part, node.parts[part].mark)
                node = node.parts[part]
        return found if of_key else node.mark


def read_written(path: Path, what: str) -> Document:
    """A YAML file that a person wrote.

    Args:
        path: the file.
        what: what it is, for messages: "plan".

    Raises:
        PlanError: the file is missing, too large, or not valid YAML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise PlanError(f"{path} has more than {MAX_BYTES:,} bytes, and no {what} is so large")
        return read_yaml(data.decode("utf-8-sig"))
    except OSError as error:
        raise PlanError(f"cannot read the {what} {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PlanError(
            f"{path} is not valid YAML: byte {error.start} is not UTF-8; save it as UTF-8"
        ) from error
    except ValueError as error:  # a NUL in the path
        raise PlanError(f"cannot read the {what} {str(path)!r}: {error}") from error
    except YamlError as error:
        raise PlanError(f"{path}: {error}") from error


def read_yaml(text: str) -> Document:
    r"""Reads one YAML document.

    Words such as ``yes`` and dates are text, as in YAML 1.2; only ``true`` and ``false`` are
    booleans. Numbers that YAML 1.1 and 1.2 read differently (``010``, ``1:30``, ``1_000``,
    ``0b1``), numbers of more than ``MAX_DIGITS`` characters, keys given twice and tags are
    complaints.

    Raises:
        YamlError: the text is no YAML, or is larger or deeper than the limits of this module.

    Example:
        >>> document = read_yaml("name: yes\nseed: 010\nseed: 2\n")
        >>> document.root.value
        {'name': 'yes', 'seed': '010'}
        >>> for complaint in document.complaints:
        ...     print(complaint)
        line 2, column 7: 010 is 8 to some programs and 10 to others; write 10, or '010' for a text
        line 3, column 1: the key 'seed' is given twice, first on line 2; keep one of them
    """
    if strange := Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, strange.start()) + 1
        column = strange.start() - text.rfind("\n", 0, strange.start())
        code = f"U+{ord(strange.group()):04X}"
        raise YamlError(
            str(Complaint((line, column), f"the character {code} is not allowed in YAML"))
        )
    try:
        return _Builder(_events(text)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else None
        said = Complaint(place, f"not valid YAML: {error.problem or error.context}")
        raise YamlError(str(said)) from error
    except yaml.YAMLError as error:
        raise YamlError(f"not valid YAML: {' '.join(str(error).split())}") from error


def _events(text: str) -> Iterator[yaml.Event]:
    if len(text) > MAX_BYTES:
        raise YamlError(f"expected at most {MAX_BYTES:,} characters, got {len(text):,}")
    yield from yaml.parse(text, Loader=_LOADER)


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


class _Builder:
    """Builds nodes from the parser's events, without recursion into the parser."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self._complaints: list[Complaint] = []
        self._n_values = 0

    def document(self) -> Document:
        """The only document; an empty text holds None."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _limit(event, "expected one document, found a second after `---`")
                root = self._node(next(self._events), depth=0)
        found = root or Node((1, 1), None)
        return Document(found, tuple(sorted(self._complaints, key=lambda one: one.mark or (0, 0))))

    def _node(self, event: yaml.Event, *, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth >= MAX_DEPTH:
            raise _limit(event, f"more than {MAX_DEPTH} mappings and lists within each other")
        self._count(event, 1)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None
        self._check_tag(event)
        node = Node(_mark(event), None)
        if isinstance(event, yaml.MappingStartEvent):
            self._fill_mapping(node, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._fill_list(node, depth)
        else:
            node.value = self._scalar(event)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            known = "it contains itself" if event.anchor in self._anchors else "it is not defined"
            raise _limit(event, f"the alias *{event.anchor} cannot be used here: {known}")
        self._count(event, node.size)
        return node

    def _count(self, event: yaml.Event, n: int) -> None:
        self._n_values += n
        if self._n_values > MAX_VALUES:
            raise _limit(event, f"more than {MAX_VALUES:,} values, aliases written out")

    def _check_tag(self, event: Any) -> None:
        if event.tag not in (None, "!", _TEXT):
            said = f"the tag {event.tag} is not read; leave it out"
            self._complaints.append(Complaint(_mark(event), said))

    def _fill_list(self, node: Node, depth: int) -> None:
        node.value = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            part = self._node(event, depth=depth + 1)
            node.parts[len(node.value)] = part
            node.value.append(part.value)
            node.size += part.size

    def _fill_mapping(self, node: Node, depth: int) -> None:
        node.value = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth=depth + 1)
            is_merge = (
                isinstance(event, yaml.ScalarEvent) and event.value == _MERGE and event.implicit[0]
            )
            part = self._node(next(self._events), depth=depth + 1)
            node.size += key.size + part.size
            if is_merge:
                merged += self._merged(part)
            else:
                self._enter(node, key, part)
        for other in merged:
            for name in other.parts.keys() - node.parts.keys():
                node.parts[name], node.keys[name] = other.parts[name], other.keys[name]
                node.value[name] = other.value[name]

    def _merged(self, part: Node) -> list[Node]:
        """The mappings under the key ``<<``."""
        found = list(part.parts.values()) if isinstance(part.value, list) else [part]
        for one in found:
            if not isinstance(one.value, dict):
                self._complaints.append(Complaint(one.mark, "`<<` takes mappings only"))
        return [one for one in found if isinstance(one.value, dict)]

    def _enter(self, node: Node, key: Node, part: Node) -> None:
        name = key.value
        if isinstance(name, dict | list):
            said = "a key must be a text or a number, got a mapping or a list"
            self._complaints.append(Complaint(key.mark, said))
        elif name in node.parts:
            said = f"the key {name!r} is given twice, first on line {node.keys[name][0]}; keep one"
            self._complaints.append(Complaint(key.mark, f"{said} of them"))
        else:
            node.parts[name], node.keys[name], node.value[name] = part, key.mark, part.value

    def _scalar(self, event: Any) -> object:
        text: str = event.value
        if event.tag == _TEXT or not event.implicit[0]:
            return text
        tag = _tag(text)
        if tag in _NUMBER:
            return self._number(event, is_integer=tag == _NUMBER[0])
        if tag.endswith(":null"):
            return None
        if tag.endswith(":bool") and text.lower() in ("true", "false"):
            return text.lower() == "true"
        return text

    def _number(self, event: Any, *, is_integer: bool) -> object:
        """The number; its text where it is refused."""
        text: str = event.value
        if len(text) > MAX_DIGITS:
            said = f"a number of {len(text):,} characters, expected at most {MAX_DIGITS}"
        elif is_integer and _PLAIN_INTEGER.fullmatch(text):
            return int(text, 16) if "x" in text else int(text)
        elif not is_integer and not set(text) & {":", "_"}:
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        else:
            said = _ambiguous(text)
        self._complaints.append(Complaint(_mark(event), said))
        return text


def _tag(text: str) -> str:
    """The type that YAML 1.1 gives to a text without quotes."""
    resolver: Any = _RESOLVER
    return str(resolver.resolve(yaml.ScalarNode, text, (True, False)))


def _ambiguous(text: str) -> str:
    """What is wrong with a number that programs read differently."""
    loader = yaml.SafeLoader("")
    node = yaml.ScalarNode(_tag(text), text)
    found = loader.construct_object(node)
    if re.fullmatch(r"[-+]?[0-9]+", text):
        plain = int(text)
        return (
            f"{text} is {found} to some programs and {plain} to others; write {plain}, or "
            f"{text!r} for a text"
        )
    return (
        f"{text} is the number {found} to some programs and a text to others; write {found}, or "
        f"{text!r} for a text"
    )


def _limit(event: yaml.Event, said: str) -> YamlError:
    return YamlError(str(Complaint(_mark(event), said)))
