"""Execution of one unit after the other in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

from plexor.audits.ahead import read_ahead, read_images
from plexor.audits.execute import Outputs
from plexor.audits.executors.executor import Done, FitDone, Job, clean_outputs
from plexor.audits.fit import Fit
from plexor.audits.unit import Unit


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
        """See ``Executor``; clean units are executed first."""
        known = dict(before)
        batch_size = job.batch_size
        with contextlib.closing(read_ahead([unit.cases for unit in units], read_images)) as ahead:
            for unit, images in zip(units, ahead, strict=True):
                done = job.perform(unit, images, before=known, batch_size=batch_size)
                batch_size = done.result.batch_size
                known |= clean_outputs(unit, done.result.findings)
                yield done
