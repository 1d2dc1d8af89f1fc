"""A digest of the code that a question's simulation depends on."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from coverage_question import Question

from plexor import stats

HERE = Path(__file__).parent
SOURCES = Path(stats.__file__).parent
WORDS = SOURCES / "result_text.py"
COMMON = ("coverage_question.py", "coverage_round.py")


def digest(question: Question, topic: Path) -> str:
    """Of the question's file and all of ``plexor.stats`` that its functions import.

    Comments, docstrings, messages and how a result prints are left out: rewording one changes no
    simulation.
    """
    names = {name for measure in question.intervals.values() for name in _names(measure)}
    roots = {module for name in names if (module := _module(name)) is not None}
    found = hashlib.sha256(question.name.encode())
    for path in (topic, *(HERE / name for name in COMMON), *sorted(_imported(roots))):
        found.update(_code(path).encode())
    return found.hexdigest()[:16]


def _names(function: Callable[..., Any]) -> Iterator[str]:
    """All names that a function, or one that it closes over or calls, refers to."""
    seen: set[int] = set()
    todo: list[Any] = [function]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, CodeType):
            yield from one.co_names
            todo += [value for value in one.co_consts if isinstance(value, CodeType)]
        elif inspect.isfunction(one):
            if one.__module__.startswith("plexor."):
                yield one.__name__
                continue
            todo += [one.__code__, *(one.__defaults__ or ()), *(one.__kwdefaults__ or {}).values()]
            todo += [cell.cell_contents for cell in one.__closure__ or ()]
            todo += [one.__globals__.get(name) for name in one.__code__.co_names]


def _module(name: str) -> Path | None:
    """The file in which ``plexor.stats`` defines a name; None where it has none of that name."""
    module = getattr(getattr(stats, name, None), "__module__", "")
    path = SOURCES / f"{module.rpartition('.')[2]}.py"
    return path if module.startswith("plexor.stats.") and path.exists() else None


def _imported(paths: set[Path]) -> set[Path]:
    """These files, and the files of ``plexor.stats`` that they import, directly or not."""
    found: set[Path] = set()
    todo = list(paths)
    while todo:
        path = todo.pop()
        if path in found or path == WORDS:
            continue
        found.add(path)
        todo += [
            SOURCES / f"{node.module.rpartition('.')[2]}.py"
            for node in ast.walk(_tree(path))
            if isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith("plexor.stats.")
        ]
    return found


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _code(path: Path) -> str:
    return ast.dump(_WithoutWords().visit(ast.parse(path.read_text(encoding="utf-8"))))


class _WithoutWords(ast.NodeTransformer):
    """Empties docstrings, errors that are raised, and texts of four words or more, as notes are."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        words = isinstance(node.value, str) and node.value.count(" ") > 2
        return ast.Constant("") if words else node

    def visit_Raise(self, _: ast.Raise) -> ast.Raise:
        return ast.Raise()

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return ast.Pass()
        return self.generic_visit(node)
