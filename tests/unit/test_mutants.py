"""Mutants are one change each, where a test could notice it."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from scripts.mutants.areas import AREAS
from scripts.mutants.operators import Mutant, mutants_of

CODE = '''
"""A module about 3 < 4."""
LIMIT = 2

def least(numbers, low: int = 0, high: "1 < 2" = None):
    """Finds 1 + 1."""
    if high is None:
        raise ValueError(f"expected {low + 1}")
    found = min(numbers)
    if found < low and not high:
        return low, found * 2
    return [n for n in numbers if n]

class Kind:
    size = 4

    def grow(self):
        return -self.size
'''


@pytest.fixture
def mutants(tmp_path: Path) -> list[Mutant]:
    file = tmp_path / "module.py"
    file.write_text(CODE)
    return mutants_of(file)


def test_each_kind_of_change_is_made(mutants: list[Mutant]) -> None:
    found = {(mutant.before, mutant.after) for mutant in mutants}
    assert {
        ("found < low", "found <= low"),
        ("found < low", "found >= low"),
        ("found < low and (not high)", "found < low or not high"),
        ("found < low and (not high)", "found < low"),
        ("found < low and (not high)", "not high"),
        ("not high", "high"),
        ("min(numbers)", "max(numbers)"),
        ("found * 2", "found / 2"),
        ("2", "3"),
        ("2", "1"),
        ("-self.size", "self.size"),
        ("return (low, found * 2)", "return (found * 2, low)"),
        ("high is None", "high is not None"),
        (" for n in numbers if n", " for n in numbers"),
        ("4", "5"),
        ("0", "1"),
    } <= found


def test_messages_docstrings_and_annotations_are_left_alone(mutants: list[Mutant]) -> None:
    assert not [mutant for mutant in mutants if "low + 1" in mutant.before]
    assert not [mutant for mutant in mutants if "1 < 2" in mutant.before]
    assert not [mutant for mutant in mutants if "raise" in mutant.before.split(":")[0]]


def test_a_mutant_differs_from_the_module_in_its_one_place(mutants: list[Mutant]) -> None:
    original = ast.unparse(ast.parse(CODE)).splitlines()
    texts = [ast.unparse(mutant.tree()) for mutant in mutants]
    for text in texts:
        compile(text, "module.py", "exec")
        lost = Counter(original) - Counter(text.splitlines())
        assert 1 <= lost.total() <= 2
    assert len(set(texts)) == len(texts)


def test_a_mutant_knows_its_outermost_function(mutants: list[Mutant]) -> None:
    functions = {mutant.before: mutant.function for mutant in mutants}
    assert functions["found < low"] == "least"
    assert functions["-self.size"] == "Kind.grow"
    assert functions["4"] == ""
    assert functions["0"] == "", "a default is evaluated where the function is defined"


def test_a_mutant_keeps_its_identity_when_other_code_changes(
    mutants: list[Mutant], tmp_path: Path
) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "import sys\n" + CODE.replace("Finds 1", "Finds").replace("size = 4", "size = 5")
    )
    before, after = ({m.identity: m for m in some} for some in (mutants, mutants_of(file)))
    assert len(before) == len(mutants)
    assert {before[i].before for i in before.keys() - after.keys()} == {"4"}
    assert all(before[i].after == after[i].after for i in before.keys() & after.keys())


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_every_area_has_modules_and_tests(area: object) -> None:
    chosen = next(each for each in AREAS if each is area)
    assert chosen.module_files()
    assert chosen.test_files()
