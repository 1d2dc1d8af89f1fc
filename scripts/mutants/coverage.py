"""Which functions of the package each test executes, fixtures and caches included."""

from __future__ import annotations

import functools
import gc
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

import pytest
from scripts.mutants.areas import SOURCE

Line = tuple[str, int]
"""Of a code object: its file and first line."""


class Coverage:
    """A pytest plugin that records calls while tests run.

    Attributes:
        seconds: node id → CPU time of setup, call and teardown.
        lines: node id → where the code that it executed begins.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.lines: dict[str, set[Line]] = {}
        self._codes: set[CodeType] = set()
        self._of_fixture: dict[tuple[str, str], set[Line]] = defaultdict(set)

    def run(self, item: pytest.Item, following: pytest.Item | None) -> None:
        """Runs one test and records it."""
        _clear_caches()
        begin, self._codes = time.process_time(), set()
        sys.settrace(self._trace)
        threading.settrace(self._trace)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        finally:
            sys.settrace(None)
            threading.settrace(None)
        self.seconds[item.nodeid] = time.process_time() - begin
        shared = (self._of_fixture[key] for key in _fixtures(item))
        self.lines[item.nodeid] = _lines(self._codes).union(*shared)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """A fixture that several tests share is recorded for each of them."""
        before, self._codes = self._codes, set()
        try:
            return (yield)
        finally:
            self._of_fixture[fixturedef.baseid, fixturedef.argname] |= _lines(self._codes)
            self._codes |= before

    def _trace(self, frame: FrameType, _event: str, _argument: object) -> None:
        self._codes.add(frame.f_code)


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


def _clear_caches() -> None:
    """What one test cached, another would be found not to execute."""
    for cached in gc.get_objects():
        if type(cached) is functools._lru_cache_wrapper:
            module = getattr(cached, "__module__", None) or ""
            if module.startswith(("tests.", "plexor.")):
                cached.cache_clear()
