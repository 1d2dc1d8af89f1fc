"""Execution of one unit after the other in this process."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from plexor.audits.ahead import read_ahead, read_images
from plexor.audits.execute import Outputs
from plexor.audits.executors.executor import Done, FitDone, Job, clean_outputs
from plexor.audits.fit import Fit
from plexor.audits.unit import Unit
from plexor.findings import CLEAN
from plexor.models.model import Waits

_ABREAST = 2
"""Units at once, of a model that is waited for: while one ends, the other goes on asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Executes units in order on the model's device, and reads the next unit's images meanwhile."""

    @property
    def several_processes(self) -> bool:
        """See ``Executor``: no."""
        return False

    def fit(
        self, job: Job, fits: Sequence[Fit], *, on_batch: Callable[[Fit], None]
    ) -> Generator[FitDone, None, None]:
        """See ``Executor``."""
        for fit in fits:
            yield job.fit(fit, on_batch=on_batch)

    def run(
        self, job: Job, units: Sequence[Unit], before: Mapping[str, Outputs]
    ) -> Generator[Done, None, None]:
        """See ``Executor``; units are executed in their order."""
        if isinstance(job.model, Waits) and job.model.waits:
            yield from _abreast(job, units, before)
            return
        known = dict(before)
        batch_size = job.batch_size
        with contextlib.closing(read_ahead([unit.cases for unit in units], read_images)) as ahead:
            for unit, images in zip(units, ahead, strict=True):
                done = job.perform(unit, images, before=known, batch_size=batch_size)
                batch_size = done.result.batch_size
                known |= clean_outputs(unit, done.result.findings)
                yield done


def _abreast(
    job: Job, units: Sequence[Unit], before: Mapping[str, Outputs]
) -> Generator[Done, None, None]:
    """Units in several threads, received in their order; all clean ones before any other."""
    units = sorted(units, key=lambda unit: unit.probe.id != CLEAN)
    known = dict(before)
    running: deque[tuple[Unit, Future[Done]]] = deque()

    def received() -> Done:
        unit, future = running.popleft()
        done = future.result()
        known.update(clean_outputs(unit, done.result.findings))
        return done

    with (
        contextlib.closing(read_ahead([unit.cases for unit in units], read_images)) as ahead,
        ThreadPoolExecutor(_ABREAST, thread_name_prefix="unit") as pool,
    ):
        for unit, images in zip(units, ahead, strict=True):
            while len(running) == _ABREAST or (
                unit.probe.id != CLEAN and any(other.probe.id == CLEAN for other, _ in running)
            ):
                yield received()
            given = dict(known)
            future = pool.submit(job.perform, unit, images, before=given, batch_size=job.batch_size)
            running.append((unit, future))
        while running:
            yield received()
