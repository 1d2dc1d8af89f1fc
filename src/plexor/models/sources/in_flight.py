"""Several questions on their way at once, answered in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


def in_flight(
    questions: Sequence[Q],
    ask: Callable[[Q], A],
    *,
    most: int,
    check: Callable[[list[Q]], None] = lambda _: None,
) -> Iterator[tuple[Q, A]]:
    """Questions with their answers, in order; several are asked at once, in threads.

    Once a question fails, no further one is asked; those on their way are waited for and given, so
    that nothing that was paid is lost, and then the first error is raised.

    Args:
        questions: in the order of the answers.
        ask: called with one question; must be safe to call in several threads.
        most: questions on their way at once.
        check: called before a question is sent, with it and those on their way; an error that it
            raises is treated as that of a question.

    Example:
        >>> list(in_flight([1, 2, 3], lambda n: n * n, most=2))
        [(1, 1), (2, 4), (3, 9)]
    """
    rest, waiting = deque(questions), deque[tuple[Q, "Future[A]"]]()
    failure: Exception | None = None
    with ThreadPoolExecutor(most, thread_name_prefix="question") as pool:
        while waiting or (rest and failure is None):
            while rest and failure is None and len(waiting) < most:
                question = rest.popleft()
                try:
                    check([question, *(one for one, _ in waiting)])
                except Exception as error:  # noqa: BLE001 (raised below)
                    failure = error
                else:
                    waiting.append((question, pool.submit(ask, question)))
            if not waiting:
                break
            question, coming = waiting.popleft()
            try:
                answer = coming.result()
            except Exception as error:  # noqa: BLE001 (raised below)
                failure = failure or error
            else:
                yield question, answer
    if failure is not None:
        raise failure
