"""Small changes to the syntax tree of a module, one at a time."""

from __future__ import annotations

import ast
import copy
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_OPPOSITE = {
    name: other
    for pair in (
        ("min", "max"),
        ("any", "all"),
        ("amin", "amax"),
        ("argmin", "argmax"),
        ("minimum", "maximum"),
        ("floor", "ceil"),
    )
    for name, other in (pair, pair[::-1])
}
_INERT = {"strict", "slots", "frozen", "kw_only", "copy", "stable", "exist_ok", "ensure_ascii"}
"""Keywords whose True or False seldom shows in what a function returns."""

Change = Callable[[ast.AST], ast.AST]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one module.

    Attributes:
        file: the module's.
        function: qualified name of the outermost function that holds the change; "" at module or
            class level.
        first_line: of that function, decorators included; 0 at module or class level.
        line: of the change.
        before: the code that is changed.
        after: what it is changed to.
        number: of the change within the module, from 0.
        identity: hash of the function (at module or class level, of the statement) and of the
            change's number within it; the same as long as that code is, docstring aside.
    """

    file: Path
    function: str
    first_line: int
    line: int
    before: str
    after: str
    number: int
    identity: str

    def tree(self) -> ast.Module:
        """The module's tree with the change."""
        return next(tree for _, tree in _changed(self.file, only=self.number))


def mutants_of(file: Path) -> list[Mutant]:
    """Every change of a module."""
    return [mutant for mutant, _ in _changed(file)]


def _changed(file: Path, *, only: int | None = None) -> Iterator[tuple[Mutant, ast.Module]]:
    """Mutants with the module's tree: unchanged, but for the ``only`` one asked for."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    changes = (
        (path, node, function, change)
        for path, node, function in _places(tree, (), None)
        for change in _changes(node)
    )
    seen: Counter[str] = Counter()
    for number, (path, node, function, change) in enumerate(changes):
        code = f"{function[0]} {function[2]}" if function else _statement(tree, path)
        seen[code] += 1
        if only not in (None, number):
            continue
        after = ast.fix_missing_locations(ast.copy_location(change(copy.deepcopy(node)), node))
        mutant = Mutant(
            file=file,
            function=function[0] if function else "",
            first_line=function[1] if function else 0,
            line=_line_number(node),
            before=_line(node),
            after=_line(after),
            number=number,
            identity=hashlib.sha256(f"{file.name} {code} {seen[code]}".encode()).hexdigest()[:16],
        )
        yield mutant, tree if only is None else _replaced(tree, path, after)


def _line_number(node: ast.AST) -> int:
    """Of a node; of a comprehension's loop, which has none, that of its variable."""
    return int(node.target.lineno if isinstance(node, ast.comprehension) else node.lineno)  # type: ignore[attr-defined]


def _line(node: ast.AST) -> str:
    lines = ast.unparse(node).splitlines()
    return lines[0] + (" ..." if len(lines) > 1 else "")


Step = tuple[str, int | None]


def _replaced(tree: ast.Module, path: tuple[Step, ...], node: ast.AST) -> ast.Module:
    found = copy.deepcopy(tree)
    parent: Any = found
    for name, index in path[:-1]:
        parent = getattr(parent, name) if index is None else getattr(parent, name)[index]
    name, index = path[-1]
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node
    return found


def _statement(tree: ast.Module, path: tuple[Step, ...]) -> str:
    """The innermost statement around a place."""
    node: Any = tree
    found = ""
    for name, index in path:
        node = getattr(node, name) if index is None else getattr(node, name)[index]
        if isinstance(node, ast.FunctionDef):
            found = f"{node.name} {_code(node)}"
        elif isinstance(node, ast.stmt):
            found = ast.unparse(node)
    return found


def _code(node: ast.FunctionDef) -> str:
    """A function without its docstring."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return ast.unparse([node.args, *body])  # type: ignore[arg-type]


Function = tuple[str, int, str]
"""Qualified name, first line, code."""


def _places(
    node: ast.AST, path: tuple[Step, ...], function: Function | None, scope: str = ""
) -> Iterator[tuple[tuple[Step, ...], ast.AST, Function | None]]:
    """Each node that may be changed, its place in the tree, and its outermost function."""
    for name, field in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params", "format_spec"):
            continue
        items = enumerate(field) if isinstance(field, list) else [(None, field)]
        for index, child in items:
            if not isinstance(child, ast.AST) or _skipped(child, node):
                continue
            here, inside, deeper = (*path, (name, index)), function, scope
            # Decorators and defaults are evaluated where the function is defined.
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                deeper = f"{scope}{child.name}."
            if isinstance(node, ast.FunctionDef) and function is None and name == "body":
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                inside = (scope.rstrip("."), first, _code(node))
            yield here, child, inside
            yield from _places(child, here, inside, deeper)


def _skipped(child: ast.AST, parent: ast.AST) -> bool:  # noqa: PLR0911 (a table)
    """What no test should be asked to notice."""
    match child:
        case ast.Raise() | ast.Assert() | ast.Import() | ast.ImportFrom() | ast.JoinedStr():
            return True
        case ast.Expr(value=ast.Constant()):
            return True  # a docstring
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="logger")))):
            return True
        case ast.keyword(arg=arg) if arg in _INERT:
            return True
        case ast.Call(func=ast.Name(id="TypeVar" | "ParamSpec")):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) if name[:1].isupper() and not name.isupper():
            return True  # a type's name
        case ast.FunctionDef(decorator_list=marks):
            return any(getattr(mark, "id", "") in ("overload", "abstractmethod") for mark in marks)
        case ast.ClassDef(bases=bases):
            return any(getattr(base, "id", "") in ("Protocol", "TypedDict") for base in bases)
        case ast.BinOp(op=ast.BitOr()) if isinstance(parent, ast.Call):
            return getattr(parent.func, "id", "") in ("isinstance", "issubclass", "cast")
    return False


def _changes(node: ast.AST) -> Iterator[Change]:  # noqa: PLR0912 (one table, read from the top)
    match node:
        case ast.Compare(ops=ops):
            for index, operator in enumerate(ops):
                for other in _COMPARISONS[type(operator)]:
                    yield lambda n, i=index, o=other: _with_item(n, "ops", i, o())  # type: ignore[misc]
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in _ARITHMETIC:
            if not _is_text(node):
                yield lambda n: _with(n, op=_ARITHMETIC[type(n.op)]())  # type: ignore[attr-defined]
        case ast.BoolOp(op=operator, values=values):
            yield lambda n: _with(n, op=ast.Or() if isinstance(n.op, ast.And) else ast.And())  # type: ignore[attr-defined]
            for index in range(len(values)):
                yield lambda n, i=index: _without(n, i)  # type: ignore[misc]
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield lambda n: n.operand  # type: ignore[attr-defined]
        case ast.Constant(value=bool()):
            yield lambda n: _with(n, value=not n.value)  # type: ignore[attr-defined]
        case ast.Constant(value=int() | float()):
            yield lambda n: _with(n, value=n.value + 1)  # type: ignore[attr-defined]
            yield lambda n: _with(n, value=n.value - 1)  # type: ignore[attr-defined]
        case ast.Call(func=ast.Name(id=name)) if name in _OPPOSITE:
            yield lambda n: _with(n, func=ast.Name(_OPPOSITE[n.func.id], ast.Load()))  # type: ignore[attr-defined]
        case ast.Call(func=ast.Attribute(attr=attr)) if attr in _OPPOSITE:
            yield lambda n: _with(n, func=_with(n.func, attr=_OPPOSITE[n.func.attr]))  # type: ignore[attr-defined]
        case ast.IfExp():
            yield lambda n: _with(n, body=n.orelse, orelse=n.body)  # type: ignore[attr-defined]
        case ast.If(orelse=[]) if not _only_raises(node):
            yield lambda n: _with(n, test=ast.Constant(value=False))
            yield lambda n: _with(n, test=ast.Constant(value=True))
        case ast.If():
            yield lambda n: _with(n, test=ast.Constant(value=False))
        case ast.Return(value=ast.Tuple(elts=[_, _])):
            yield lambda n: _with(n, value=_with(n.value, elts=n.value.elts[::-1]))  # type: ignore[attr-defined]
        case ast.comprehension(ifs=[_, *_]):
            yield lambda n: _with(n, ifs=[])
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield lambda _: ast.Pass()


def _only_raises(node: ast.AST) -> bool:
    """A check of an argument: without it nothing is refused, which is the one change made."""
    return isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise)


def _is_text(node: ast.AST) -> bool:
    parts = (getattr(node, "left", None), getattr(node, "right", None), getattr(node, "value", 0))
    return any(
        isinstance(part, ast.JoinedStr)
        or (isinstance(part, ast.Constant) and isinstance(part.value, str | bytes))
        for part in parts
    )


def _with(node: Any, **fields: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed  # type: ignore[no-any-return]


def _with_item(node: Any, name: str, index: int, value: ast.AST) -> ast.AST:
    items = list(getattr(node, name))
    items[index] = value
    return _with(node, **{name: items})


def _without(node: Any, index: int) -> ast.AST:
    left = [value for i, value in enumerate(node.values) if i != index]
    return left[0] if len(left) == 1 else _with(node, values=left)
