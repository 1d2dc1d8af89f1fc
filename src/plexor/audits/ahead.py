"""Reads cases' images a part at a time: the next part's while one's are worked on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from plexor.cases import Case, Image, read_case
from plexor.core.errors import DataError, PlexorError

Images = dict[str, Image | PlexorError]
"""Case id → the stored image, or why it could not be read."""


def read_images(cases: Sequence[Case]) -> Images:
    """Each case's image, or why there is none."""
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
    """Each part's images, in turn; two parts' are held at most.

    Close it when done, be it by an exception. Cases are read one by one, so that closing waits for
    no more than one of them.

    Args:
        parts: cases, in the order they will be worked on.
        read: called in a thread of its own, with one case; what it raises is raised here, when the
            part's turn comes.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
    try:
        reading: list[Future[Images]] = []
        for part in (*parts, ()):
            ready = reading
            reading = [pool.submit(read, [case]) for case in part]
            if ready:
                found = (future.result() for future in ready)
                yield {case_id: image for part in found for case_id, image in part.items()}
    finally:
        pool.shutdown(cancel_futures=True)
