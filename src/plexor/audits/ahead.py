"""Reads units' images: the next one's while the attack is busy with one's."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from plexor.audits.unit import Unit
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
    units: Sequence[Unit], read: Callable[[Sequence[Case]], Images]
) -> Generator[Images, None, None]:
    """Each unit's images, in turn; two units' are held at most.

    Close it when done, be it by an exception. Cases are read one by one, so that closing waits for
    no more than one of them.

    Args:
        units: in the order they will be worked on.
        read: called in a thread of its own, with one case; what it raises is raised here, when the
            unit's turn comes.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
    try:
        reading: list[Future[Images]] = []
        for unit in (*units, None):
            ready = reading
            reading = [pool.submit(read, [case]) for case in unit.cases] if unit else []
            if ready:
                found = (future.result() for future in ready)
                yield {case_id: image for part in found for case_id, image in part.items()}
    finally:
        pool.shutdown(cancel_futures=True)
