"""Reads images part by part, the next part while the current one is processed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby

from plexor.cases import Case, Image, read_case
from plexor.core.errors import DataError, PlexorError

Images = dict[str, Image | PlexorError]
"""Case id → the stored image, or the error raised on reading it."""


def read_images(cases: Sequence[Case]) -> Images:
    """Reads each case's image, or returns the error."""
    images: Images = {}
    for case in cases:
        try:
            images[case.id] = read_case(case)
        except DataError as error:
            images[case.id] = error
    return images


def read_ahead(
    parts: Sequence[Sequence[Case]], read: Callable[[Sequence[Case]], Images]
) -> Generator[Images, None, None]:
    """Yields the images of each part in turn; at most two parts are in memory.

    Equal parts that follow each other, such as the same cases under several probes, are read once.

    Close the iterator when done, also after an exception. Closing waits for at most one case.

    Args:
        parts: cases, in the order of processing.
        read: called with one case, in a separate thread; its exceptions are raised here, when the
            part is due.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
    stopping = threading.Event()

    def one_by_one(part: Sequence[Case]) -> Images:
        images: Images = {}
        for case in part:
            if stopping.is_set():
                break
            images |= read([case])
        return images

    try:
        reading: Future[Images] | None = None
        n_times = 0
        for part, equal in groupby((*map(tuple, parts), ())):
            ready, n_ready = reading, n_times
            reading, n_times = pool.submit(one_by_one, part), len(list(equal))
            if ready is not None:
                images = ready.result()
                del ready
                for _ in range(n_ready):
                    yield images
                del images
    finally:
        stopping.set()
        pool.shutdown(cancel_futures=True)
