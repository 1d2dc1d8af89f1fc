"""Reading ahead: what goes wrong comes in its turn, and whoever stops is not kept waiting."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plexor.audits.ahead import Images, read_ahead
from plexor.cases import Case
from plexor.core.errors import DataError


def parts(*sizes: int) -> list[list[Case]]:
    names = iter("abcdefghijklmnop")
    return [
        [Case(id=next(names), path=Path(), truth="t", group="g") for _ in range(n)] for n in sizes
    ]


def unread(cases: Sequence[Case]) -> Images:
    return {case.id: DataError(f"no {case.id}") for case in cases}


def reading_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("read-ahead")]


def test_parts_come_in_order_each_with_its_cases_in_order() -> None:
    found = [list(images) for images in read_ahead(parts(3, 1, 2), unread)]
    assert found == [["a", "b", "c"], ["d"], ["e", "f"]]
    assert list(read_ahead([], unread)) == []
    assert reading_threads() == []


def test_equal_parts_in_a_row_are_read_once() -> None:
    asked: list[str] = []

    def read(cases: Sequence[Case]) -> Images:
        asked.extend(case.id for case in cases)
        return unread(cases)

    one, other = parts(2, 1)
    found = list(read_ahead([one, list(one), one, other, one, other, other], read))
    assert [list(images) for images in found] == [
        ["a", "b"], ["a", "b"], ["a", "b"], ["c"], ["a", "b"], ["c"], ["c"]
    ]  # fmt: skip
    assert asked == ["a", "b", "c", "a", "b", "c"]
    assert found[0] is found[1] is found[2]


def test_an_error_is_raised_when_its_part_has_its_turn() -> None:
    def read(cases: Sequence[Case]) -> Images:
        if cases[0].id == "d":
            raise RuntimeError("the reader broke")
        return unread(cases)

    ahead = read_ahead(parts(2, 2, 2), read)
    assert list(next(ahead)) == ["a", "b"]
    with pytest.raises(RuntimeError, match="the reader broke"):
        next(ahead)
    assert reading_threads() == []


def test_stopping_waits_for_one_image_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Pool(ThreadPoolExecutor):
        """Lets the reader go on once it was told to stop."""

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            go_on.set()
            super().shutdown(wait=wait)

    monkeypatch.setattr("plexor.audits.ahead.ThreadPoolExecutor", Pool)
    read: list[str] = []

    def slow(cases: Sequence[Case]) -> Images:
        read.extend(case.id for case in cases)
        if cases[0].id == "c":
            begun.set()
            assert go_on.wait(60)
        return unread(cases)

    with contextlib.closing(read_ahead(parts(2, 4, 2), slow)) as ahead:
        next(ahead)
        assert begun.wait(60)
    assert read == ["a", "b", "c"]
    assert reading_threads() == []
