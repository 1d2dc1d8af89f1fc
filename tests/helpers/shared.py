"""What takes long to make and is made once, however many processes run the tests."""

from __future__ import annotations

import fcntl
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that ``make`` fills, shared by all workers of one test run.

    The first worker makes it while the others wait. If it fails, it is not tried again: every test
    that needs it fails with the first error.

    Args:
        factory: pytest's fixture.
        name: of the folder.
        make: called with the empty folder.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, done, failed = (base / f"{name}{ending}" for ending in ("", ".done", ".failed"))
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() and not failed.exists():
            folder.mkdir()
            failed.write_text("its process ended")
            try:
                make(folder)
            except BaseException:
                failed.write_text(traceback.format_exc())
                raise
            failed.unlink()
            done.touch()
    if failed.exists():
        pytest.fail(f"{name} could not be made before:\n{failed.read_text()}", pytrace=False)
    return folder
