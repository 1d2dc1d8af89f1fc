"""Several questions on their way at once, answered in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


def in_flight(questions: Sequence[Q], ask: Callable[[Q], A], *, most: int) -> Iterator[A]:
    """Answers to questions, in order; several are asked at once, in threads.

    Once a question fails, no further one is asked; those on their way are waited for, and then the
    first error is raised.

    Args:
        questions: in the order of the answers.
        ask: called with one question; must be safe to call in several threads.
        most: questions on their way at once.

    Example:
        >>> list(in_flight([1, 2, 3], lambda n: n * n, most=2))
        [1, 4, 9]
    """
    if most == 1 or len(questions) == 1:
        yield from map(ask, questions)
        return
    rest, waiting = deque(questions), deque[Future[A]]()
    with ThreadPoolExecutor(most, thread_name_prefix="question") as pool:
        while waiting or rest:
            while rest and len(waiting) < most:
                waiting.append(pool.submit(ask, rest.popleft()))
            yield waiting.popleft().result()
