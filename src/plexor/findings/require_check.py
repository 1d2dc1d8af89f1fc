"""Check of a ``--require`` condition before there is a summary: syntax, names, ids."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from plexor.cases.image import LOSSLESS
from plexor.core.errors import PlanError, unknown
from plexor.findings.require import ARITHMETIC, COMPARISONS, not_understood, parse
from plexor.findings.summary.summary_file import summary_schema

_BY_ID = ("probes", "shortcuts")
"""Names under which probes are looked up by id."""
_TEXT = {"string"}

Nodes = Sequence[Mapping[str, Any]]
"""The possible types of a name: JSON schemas, any of which may apply, e.g. one for each task."""


def check_condition(condition: str, probe_ids: Iterable[str]) -> None:
    """Refuses a condition that cannot be evaluated on any summary of a plan.

    Args:
        condition: e.g. ``probes["pgd-linf-2"].accuracy.low > 0.5``.
        probe_ids: of the plan's probes and their controls.

    Raises:
        PlanError: the condition is invalid, or names a key that no summary has, or a probe that the
            plan does not have. Keys of a probe may depend on the model's task; keys of any task are
            accepted.

    Example:
        >>> check_condition('probes["pgd-linf-2"].accuracy.low > 0.5 and not flags', ["pgd-linf-2"])
        >>> check_condition("clean.acuracy.low > 0.5", [])
        Traceback (most recent call last):
        ...
        plexor.core.errors.PlanError: require: unknown name 'acuracy'; did you mean 'accuracy'? ...
    """
    _Checker(condition, tuple(probe_ids), _schema()).answer(parse(condition))


@cache
def _schema() -> Mapping[str, Any]:
    return summary_schema()


@dataclass(frozen=True, slots=True)
class _Checker:
    """Walks an expression as ``holds_of`` does, with schemas in place of values."""

    condition: str
    probe_ids: tuple[str, ...]
    schema: Mapping[str, Any]

    def answer(self, node: ast.expr) -> None:
        """Checks a part that must be true or false."""
        match node:
            case ast.BoolOp(values=parts):
                for part in parts:
                    self.answer(part)
            case ast.UnaryOp(op=ast.Not(), operand=part):
                self.answer(part)
            case ast.Compare(left=left, ops=ops, comparators=rights) if all(
                type(op) in COMPARISONS for op in ops
            ):
                kinds = [self.single(part) for part in (left, *rights)]
                for op, one, other in zip(ops, kinds, kinds[1:], strict=False):
                    ordered = not isinstance(op, ast.Eq | ast.NotEq)
                    if ordered and _TEXT in (one, other) and one & other <= {"null"}:
                        raise PlanError(
                            f"require: cannot evaluate {self.condition!r}: a number and a text "
                            "cannot be compared"
                        )
            case ast.Constant(value=bool()):
                pass
            case ast.Name() | ast.Attribute() | ast.Subscript():
                if not _kinds(self.named(node)) & {"array", "boolean", "any"}:
                    raise PlanError(
                        f"require: {ast.unparse(node)} in {self.condition!r} is neither true nor "
                        "false, expected a comparison"
                    )
            case ast.Constant() | ast.UnaryOp(op=ast.USub()) | ast.BinOp():
                self.single(node)
                raise PlanError(
                    f"require: {ast.unparse(node)} in {self.condition!r} is neither true nor "
                    "false, expected a comparison"
                )
            case _:
                raise not_understood(node, self.condition)

    def single(self, node: ast.expr) -> set[str]:
        """Checks a part of a comparison: a number, a text, true or false; returns its types."""
        match node:
            case ast.Constant(value=str()):
                return {*_TEXT}
            case ast.Constant(value=bool() | int() | float()):
                return {"number"}
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return self._number(part)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                return self._number(left) | self._number(right)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                found = self.named(node)
                if _kinds(found) <= {"object", "array", "null"}:
                    name = ast.unparse(node)
                    estimate = any("value" in one.get("properties", {}) for one in found)
                    hint = f"; write {name}.value, {name}.low or {name}.high" if estimate else ""
                    raise PlanError(f"require: {name} in {self.condition!r} is no number{hint}")
                return _kinds(found) - {"object", "array"}
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                self.answer(node)
                return {"boolean"}
            case _:
                raise not_understood(node, self.condition)

    def _number(self, node: ast.expr) -> set[str]:
        """Checks a part of arithmetic."""
        if self.single(node) <= {*_TEXT, "null"}:
            raise PlanError(f"require: {ast.unparse(node)!r} in {self.condition!r} is no number")
        return {"number"}

    def named(self, node: ast.expr) -> Nodes:
        """The possible types of a name, an attribute or an item."""
        match node:
            case ast.Name(id=name):
                return self._top(name)
            case ast.Attribute(value=parent, attr=name):
                return self._within(parent, name)
            case ast.Subscript(value=parent, slice=ast.Constant(value=str() | int() as key)):
                return self._within(parent, key)
            case ast.Subscript(
                value=parent, slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int()))
            ):
                return self._within(parent, -1)
            case _:
                raise not_understood(node, self.condition)

    def _top(self, name: str) -> Nodes:
        own = self.schema["properties"]
        if name == "clean":
            return self._with_lossless(self._spread(own["clean"]))
        if name in own or name in _BY_ID:
            return [{"type": "object"}] if name in _BY_ID else list(self._spread(own[name]))
        raise self._unknown(name, [*own, *_BY_ID])

    def _within(self, parent: ast.expr, key: str | int) -> Nodes:
        if isinstance(parent, ast.Name) and parent.id in _BY_ID:
            if key not in self.probe_ids:
                raise self._unknown(str(key), self.probe_ids)
            return self._with_lossless(self._spread(self.schema["properties"]["probes"]["items"]))
        parents = self.named(parent)
        found = [part for one in parents for part in self._child(one, key)]
        if not found:
            known = {name for one in parents for name in one.get("properties", ())}
            raise self._unknown(str(key), known)
        return found

    def _child(self, node: Mapping[str, Any], key: str | int) -> Iterator[Mapping[str, Any]]:
        if not node:
            yield {}
        elif isinstance(key, int):
            if node.get("type") == "array":
                yield from self._spread(node.get("items", {}))
        elif key in node.get("properties", {}):
            yield from self._spread(node["properties"][key])
        elif (other := node.get("additionalProperties")) is True:
            yield {}
        elif isinstance(other, Mapping):
            yield from self._spread(other)

    def _with_lossless(self, nodes: Iterable[Mapping[str, Any]]) -> Nodes:
        """Adds the results of the lossless container, which are available directly."""
        own = list(nodes)
        stored = [part for one in own for part in self._child(one, "stored")]
        return [*own, *(figures for one in stored for figures in self._child(one, LOSSLESS))]

    def _spread(self, node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The alternatives of a schema, with references resolved."""
        if "$ref" in node:
            yield from self._spread(self.schema["$defs"][node["$ref"].rpartition("/")[2]])
        elif "anyOf" in node:
            for one in node["anyOf"]:
                yield from self._spread(one)
        elif "allOf" in node and len(node["allOf"]) == 1:
            yield from self._spread(node["allOf"][0])
        else:
            yield node

    def _unknown(self, name: str, known: Iterable[str]) -> PlanError:
        return PlanError(f"require: {unknown('name', name, known)} in {self.condition!r}")


def _kinds(nodes: Nodes) -> set[str]:
    """JSON types that a name may have; "any" if the schema leaves it open."""
    found: set[str] = set()
    for node in nodes:
        if "const" in node or "enum" in node:
            found.add("string")
            continue
        kind = node.get("type", "any")
        found |= {kind} if isinstance(kind, str) else set(kind)
    return found
