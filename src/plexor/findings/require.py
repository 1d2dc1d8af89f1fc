"""Conditions on a summary, for ``plexor audit --require``; parsed, never executed as code."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plexor.cases.image import LOSSLESS
from plexor.core.errors import PlanError, unknown
from plexor.findings.summary.summary import Summary
from plexor.findings.summary.summary_file import SUMMARY

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_LONGEST = 1000
"""Maximum length of a condition in characters."""
_DEEPEST = 100
"""Maximum depth of nesting."""


def parse(condition: str) -> ast.expr:
    """Parses a condition without evaluating it.

    Raises:
        PlanError: the condition is invalid.
    """
    if len(condition) > _LONGEST:
        raise PlanError(
            f"require: a condition has at most {_LONGEST} characters, got {len(condition)}; give "
            "several with --require each"
        )
    try:
        with warnings.catch_warnings():  # Python's own, e.g. about `1is 2`
            warnings.simplefilter("error")
            found = ast.parse(condition.strip(), mode="eval").body
    except SyntaxError as error:
        raise PlanError(f"require: cannot read {condition!r}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:  # NUL bytes, brackets in brackets
        raise PlanError(f"require: cannot read {condition!r:.80}") from error
    if not _is_shallow(found):
        raise PlanError(
            f"require: more than {_DEEPEST} parts within each other in {condition!r:.80}"
        )
    return found


def _is_shallow(expression: ast.expr) -> bool:
    level: list[ast.AST] = [expression]
    for _ in range(_DEEPEST):
        level = [part for node in level for part in ast.iter_child_nodes(node)]
    return not level


def holds(condition: str, summary: Summary) -> bool:
    """Whether a condition such as ``probes["pgd-linf-2"].accuracy.low > 0.5`` is true.

    Names are those of ``names_of``. Comparisons, ``and``, ``or``, ``not`` and the four operations
    are understood; in ``and``, ``or`` and ``not`` a list is true unless it is empty. A comparison
    with an undefined number is neither true nor false, and a condition that depends on one does not
    hold, with or without ``not``.

    Raises:
        PlanError: the condition is invalid, or uses a name that the summary does not have.
    """
    return holds_of(condition, names_of(summary))


def names_of(summary: Summary) -> dict[str, Any]:
    """The names available to a condition: the keys of ``summary.json``.

    Probes are looked up by id. For ``clean`` and each probe, the results of the lossless container
    are available directly. ``shortcuts`` is an earlier name of the shortcuts among the probes.
    """
    plain = SUMMARY.plain(summary)
    probes = {probe["id"]: _with_lossless(probe) for probe in plain["probes"]}
    return plain | {
        "clean": _with_lossless(plain["clean"]),
        "probes": probes,
        "shortcuts": probes,
    }


def _with_lossless(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry["stored"][LOSSLESS], **entry}


def holds_of(condition: str, names: Mapping[str, Any]) -> bool:
    """Whether a condition on some names is true; see ``holds``.

    Args:
        condition: an expression.
        names: the available names: numbers, texts, booleans, None, and mappings and lists of them.

    Raises:
        PlanError: the condition is invalid, or uses an unknown name.
    """
    try:
        value = _value(parse(condition), names, condition)
    except (TypeError, ArithmeticError) as error:
        raise PlanError(f"require: cannot evaluate {condition!r}: {error}") from error
    if value is not None and not isinstance(value, bool):
        raise PlanError(f"require: {condition!r} is {value!r}, expected a comparison")
    return value is True


def _value(node: ast.expr, names: Mapping[str, Any], condition: str) -> Any:  # noqa: PLR0911
    def of(part: ast.expr) -> Any:
        return _value(part, names, condition)

    def single(part: ast.expr) -> Any:
        found = of(part)
        if isinstance(found, Mapping | list):
            name = ast.unparse(part)
            hint = f"; write {name}.value, {name}.low or {name}.high" if "value" in found else ""
            raise PlanError(f"require: {name} in {condition!r} is no number{hint}")
        return found

    def number(part: ast.expr) -> Any:
        found = single(part)
        if isinstance(found, str):
            raise PlanError(f"require: {found!r} in {condition!r} is no number")
        return found

    def answer(part: ast.expr) -> Any:
        found = of(part)
        if isinstance(found, list):
            return bool(found)
        if found is not None and not isinstance(found, bool):
            raise PlanError(
                f"require: {ast.unparse(part)} in {condition!r} is {found!r:.40}, expected a "
                "comparison"
            )
        return found

    match node:
        case ast.Constant(value=bool() | int() | float() | str()):
            return node.value
        case ast.Name(id=name):
            return _looked_up(names, name, condition)
        case ast.Attribute(value=parent, attr=name):
            return _looked_up(of(parent), name, condition)
        case ast.Subscript(value=parent, slice=key):
            return _looked_up(of(parent), of(key), condition)
        case ast.BoolOp(op=op, values=parts):
            # every part is evaluated, so that a misspelt name is always reported
            answers = [answer(part) for part in parts]
            decisive = isinstance(op, ast.Or)
            if decisive in answers:
                return decisive
            return None if None in answers else not decisive
        case ast.UnaryOp(op=ast.Not(), operand=part):
            found = answer(part)
            return None if found is None else not found
        case ast.UnaryOp(op=ast.USub(), operand=part):
            value = number(part)
            return None if value is None else -value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            a, b = number(left), number(right)
            undefined = a is None or b is None or (isinstance(op, ast.Div) and b == 0)
            return None if undefined else ARITHMETIC[type(op)](a, b)
        case ast.Compare(left=left, ops=ops, comparators=rights) if _known(ops):
            numbers = [single(part) for part in (left, *rights)]
            steps = zip(ops, numbers, numbers[1:], strict=False)
            if None in numbers:
                return None
            return all(COMPARISONS[type(op)](a, b) for op, a, b in steps)
        case _:
            raise not_understood(node, condition)


def not_understood(node: ast.expr, condition: str) -> PlanError:
    """The error for unsupported syntax in a condition."""
    return PlanError(
        f"require: {ast.unparse(node)!r} in {condition!r} is not understood; write e.g. "
        'probes["pgd-linf-2"].accuracy.low > 0.5'
    )


def _known(ops: Sequence[ast.cmpop]) -> bool:
    return all(type(op) in COMPARISONS for op in ops)


def _looked_up(within: Any, name: Any, condition: str) -> Any:
    if isinstance(within, Mapping) and name in within:
        return within[name]
    if isinstance(within, list) and isinstance(name, int) and -len(within) <= name < len(within):
        return within[name]
    known = map(str, within) if isinstance(within, Mapping) else []
    raise PlanError(f"require: {unknown('name', str(name), known)} in {condition!r}")
