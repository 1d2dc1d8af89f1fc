"""No test draws from a generator that others draw from: its numbers would go by their order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
MAKERS = {"default_rng", "Generator", "RandomState", "Random"}
_ONE = "RNG = np.random.default_rng(0)\n\ndef test_a() -> None:\n    assert RNG.random() < 1\n"


def _generators(tree: ast.Module) -> set[str]:
    """Names of a module that hold a generator of random numbers."""
    named: set[str] = set()
    for statement in tree.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            continue
        called = {
            node.func.attr
            for node in ast.walk(statement)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        if called & MAKERS:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            named |= {target.id for target in targets if isinstance(target, ast.Name)}
    return named


def _shared(source: str) -> Iterator[str]:
    """Tests and fixtures of a file that draw from a generator of its module."""
    tree = ast.parse(source)
    generators = _generators(tree)
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and (
            function.name.startswith("test_") or function.decorator_list
        ):
            used = set(_drawn_from(function))
            if used & generators:
                yield function.name


def _drawn_from(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id


def test_a_shared_generator_is_found() -> None:
    assert list(_shared(_ONE)) == ["test_a"]


def test_no_test_draws_from_a_generator_of_its_module() -> None:
    found = {
        str(path.relative_to(TESTS)): shared
        for path in sorted(TESTS.rglob("test_*.py"))
        if (shared := list(_shared(path.read_text("utf-8"))))
    }
    assert found == {}
