"""Pillow's switch that lets truncated files pass, held off while a file is read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_reading = 0
_allowed_before = False


@contextmanager
def whole_files() -> Iterator[None]:
    """Within it Pillow refuses a truncated file; what others have set is there again afterwards.

    Many programs set ``ImageFile.LOAD_TRUNCATED_IMAGES``, WeasyPrint by being imported. What is
    missing of a file is then read as 0, without a word. Several threads may read at a time.

    Example:
        >>> from PIL import ImageFile
        >>> ImageFile.LOAD_TRUNCATED_IMAGES = True
        >>> with whole_files():
        ...     ImageFile.LOAD_TRUNCATED_IMAGES
        False
        >>> ImageFile.LOAD_TRUNCATED_IMAGES
        True
        >>> ImageFile.LOAD_TRUNCATED_IMAGES = False
    """
    global _reading, _allowed_before  # noqa: PLW0603 (the switch is the module's, so its guard is)
    from PIL import ImageFile

    with _LOCK:
        if _reading == 0:
            _allowed_before = ImageFile.LOAD_TRUNCATED_IMAGES
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        _reading += 1
    try:
        yield
    finally:
        with _LOCK:
            _reading -= 1
            if _reading == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = _allowed_before


@contextmanager
def switch_kept() -> Iterator[None]:
    """Puts the switch back to what it was before, whatever is imported within."""
    from PIL import ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
