"""Runs a study step by step, and resumes an unfinished run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from plexor.core.progress import Advance, stepping
from plexor.findings.study_file import StudyResult, read_study
from plexor.studies.step import Request

Watch = Callable[[str, str], AbstractContextManager[Advance]]
"""(a step's title, what it counts) → shows its progress while the step runs."""


def run_study(name: str, request: Request, *, watch: Watch | None = None) -> StudyResult:
    """Runs a study; an unfinished run of the same study is resumed.

    Args:
        name: see ``STUDIES``.
        request: scale, directory, data and device.
        watch: shows the progress of each step.

    Raises:
        PlexorError: the data are unsuitable, or the directory holds something else.
    """
    from plexor.studies.recipe import steps_of

    steps = steps_of(name, request)
    for number, step in enumerate(steps, 1):
        with (watch or _silent)(
            f"step {number} of {len(steps)}, {step.title}", step.unit
        ) as report_progress:
            step.run(report_progress)
    return read_study(request.out)


@contextlib.contextmanager
def _silent(_title: str, _unit: str) -> Iterator[Advance]:
    with stepping("", unit="", quiet=True) as advance:
        yield advance
