"""The examples in docstrings do what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
EXTRAS = ("ray", "jpeglib")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _module(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = [_module(path) for path in sorted(SOURCE.rglob("*.py")) if ">>> " in path.read_text()]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each docstring by itself, in an empty folder."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        pytest.skip(f"{error.name} is not installed")
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    examples = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    for test in examples:
        runner.run(test, out=said.append)
    assert examples, f"{name} shows `>>>` outside of a docstring that doctest finds"
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
