"""Audits that are stopped and started again, for ``python -m tests.helpers.killed``.

Starting torch takes seconds, so one process imports everything once and forks a child for each
start of an audit. It must have a single thread when it does: it neither computes nor reads images.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from plexor.audits import audit
from plexor.cases.formats import png
from plexor.cli import app
from plexor.plans import load_plan

_IMPORTED_ONCE = (png,)  # and not in every child

_MOST_STARTS = 200


def fork(work: Callable[[], object]) -> int:
    """The id of a child that does the work and ends with status 0, or 1 after a traceback."""
    assert threading.active_count() == 1
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        torch.set_num_threads(1)
        work()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:  # noqa: BLE001 (a child must not go on as its parent)
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(status)


def wait(child: int) -> int:
    """A child's exit status; minus the signal's number if one ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def signal_at_write(number: int, kind: signal.Signals) -> None:
    """Lets this process signal itself in the midst of its write of that number, counted from 1."""
    fsync, numbers = os.fsync, itertools.count(1)

    def counting(file: int) -> None:
        if next(numbers) == number:
            os.kill(os.getpid(), kind)
        fsync(file)

    patch("plexor.core.files.os.fsync", counting).start()


def n_units(run: Path) -> int:
    """Unit files there."""
    return len(list((run / "units").glob("*.parquet")))


def at_random(plan: Path, folder: Path, kills: int) -> dict[str, object]:
    """Kills audits at random moments of the time that one takes, each time going on.

    A directory that is complete before its kill comes is left, and a new one begun.
    """
    begin = time.monotonic()
    assert wait(fork(lambda: audit(plan, out=folder / "whole"))) == 0
    duration = time.monotonic() - begin
    delays = np.random.default_rng(0)
    n_done: list[int] = []
    number = 0
    for _ in range(_MOST_STARTS):
        run = folder / f"killed-{number}"
        child = fork(lambda run=run: audit(plan, out=run))  # type: ignore[misc]
        if len(n_done) < kills:
            time.sleep(delays.uniform(0, duration))
            os.kill(child, signal.SIGKILL)
        status = wait(child)
        if status == 0:
            number += 1
            if len(n_done) == kills:
                break
        else:
            assert status == -signal.SIGKILL, status
            n_done.append(n_units(run))
    return {"n_units_at_kill": n_done, "n_units": n_units(folder / "whole"), "n_runs": number}


def at_every_write(plan: Path, folder: Path) -> dict[str, object]:
    """Kills the n-th start of an audit in the midst of its n-th write, until one survives."""
    run = folder / "killed-writing"
    for start in range(1, _MOST_STARTS):

        def work(start: int = start) -> None:
            signal_at_write(start, signal.SIGKILL)
            audit(plan, out=run)

        if (status := wait(fork(work))) == 0:
            return {"n_starts": start}
        assert status == -signal.SIGKILL, status
    raise AssertionError("no start survived")


def by_keyboard(plan: Path, folder: Path) -> dict[str, object]:
    """Interrupts the command line as Ctrl-C does, then runs the same command again."""
    run, errors = folder / "interrupted", folder / "errors.txt"

    def command() -> None:
        with errors.open("w") as file:
            os.dup2(file.fileno(), sys.stderr.fileno())
            sys.argv = ["plexor", "audit", str(plan), "--out", str(run)]
            app.main()

    def interrupted() -> None:
        # a job started in the background inherits that Ctrl-C is ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal_at_write(12, signal.SIGINT)
        command()

    first = wait(fork(interrupted))
    said, n_done = errors.read_text(), n_units(run)
    second = wait(fork(command))
    return {"status": first, "said": said, "n_units": n_done, "status_again": second}


def main() -> None:
    """``PLAN FOLDER``; prints what happened as JSON. An uninterrupted run stands in ``whole``."""
    plan, folder = map(Path, sys.argv[1:])
    load_plan(plan)  # the schema of all plans is made once, and not in every child
    told = {
        "random": at_random(plan, folder, kills=20),
        "write": at_every_write(plan, folder),
        "keyboard": by_keyboard(plan, folder),
    }
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main()
