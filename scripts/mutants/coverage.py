"""Which functions of the package each test executes, fixtures and caches included."""

from __future__ import annotations

import functools
import gc
import hashlib
import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from scripts.mutants.areas import FOLDER, ROOT, SOURCE

Line = tuple[str, int]
"""Of a code object: its file and first line."""


class Coverage:
    """A pytest plugin that records calls while tests run.

    Attributes:
        seconds: node id → CPU time of setup, call and teardown.
        seconds_alone: the same with all fixtures, for a test that is the first to need them.
        lines: node id → where the code that it executed begins.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.seconds_alone: dict[str, float] = {}
        self.lines: dict[str, set[Line]] = {}
        self._codes: set[CodeType] = set()
        self._hashes: dict[str, str] = {}
        self._fixture_seconds: dict[tuple[str, str], float] = defaultdict(float)
        self._of_fixture: dict[tuple[str, str], set[Line]] = defaultdict(set)

    def run(self, item: pytest.Item, following: pytest.Item | None) -> None:
        """Runs one test and records it."""
        clear_caches()
        begin, self._codes = _cpu_seconds(), set()
        sys.settrace(self._trace)
        threading.settrace(self._trace)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        finally:
            sys.settrace(None)
            threading.settrace(None)
        seconds = _cpu_seconds() - begin
        self.seconds[item.nodeid] = seconds
        self.seconds_alone[item.nodeid] = seconds + sum(
            self._fixture_seconds[key] for key in _fixtures(item)
        )
        shared = (self._of_fixture[key] for key in _fixtures(item))
        self.lines[item.nodeid] = _lines(self._codes).union(*shared)

    def load(self, area: str, items: list[pytest.Item]) -> list[pytest.Item]:
        """Loads what an earlier run recorded; returns the tests that must be run again.

        A record holds as long as the package, the tests' helpers and the test's own file are
        unchanged.
        """
        file, common = FOLDER / f"{area}-coverage.json", _common_hash()
        found = json.loads(file.read_text()) if file.exists() else {}
        self._hashes = {i.nodeid: f"{common} {_hash(i.path)}" for i in items}
        for name, (known, seconds, alone, lines) in found.items():
            if self._hashes.get(name) == known:
                self.seconds[name], self.seconds_alone[name] = seconds, alone
                self.lines[name] = {(path, line) for path, line in lines}
        return [item for item in items if item.nodeid not in self.lines]

    def save(self, area: str) -> None:
        """Keeps the record for later runs."""
        kept = {
            name: (
                self._hashes[name],
                self.seconds[name],
                self.seconds_alone[name],
                sorted(lines),
            )
            for name, lines in self.lines.items()
        }
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{area}-coverage.json").write_text(json.dumps(kept))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """A fixture that several tests share is recorded for each of them."""
        begin, before, self._codes = _cpu_seconds(), self._codes, set()
        try:
            return (yield)
        finally:
            self._fixture_seconds[fixturedef.baseid, fixturedef.argname] = _cpu_seconds() - begin
            self._of_fixture[fixturedef.baseid, fixturedef.argname] |= _lines(self._codes)
            self._codes |= before

    def _trace(self, frame: FrameType, _event: str, _argument: object) -> None:
        self._codes.add(frame.f_code)


def _cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    return sum(os.times()[:4])


@functools.cache
def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _common_hash() -> str:
    shared = [*SOURCE.rglob("*.py"), *(ROOT / "tests" / "helpers").rglob("*.py")]
    files = sorted([*shared, *(ROOT / "tests").rglob("conftest.py")])
    return hashlib.sha256("".join(map(_hash, files)).encode()).hexdigest()[:16]


def _lines(codes: set[CodeType]) -> set[Line]:
    source = str(SOURCE)
    return {
        (code.co_filename, code.co_firstlineno)
        for code in list(codes)  # threads may still add some
        if code.co_filename.startswith(source)
    }


def _fixtures(item: pytest.Item) -> list[tuple[str, str]]:
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return []
    return [
        (definition.baseid, definition.argname)
        for definitions in info.name2fixturedefs.values()
        for definition in definitions
    ]


def clear_caches() -> None:
    """What one test cached, another would be found not to execute."""
    for cached in _caches(len(sys.modules)):
        cached.cache_clear()


@functools.lru_cache(maxsize=1)
def _caches(_n_modules: int) -> list[Any]:
    """Every cached function of the package and the tests; looked for when a module was added."""
    return [
        one
        for one in gc.get_objects()
        if type(one) is functools._lru_cache_wrapper
        and (getattr(one, "__module__", None) or "").startswith(("tests.", "plexor."))
    ]
