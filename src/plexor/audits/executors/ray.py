"""Parallel execution on Ray's workers, processes of this machine or of a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

from plexor.audits.execute import Outputs
from plexor.audits.executors.cluster import connected
from plexor.audits.executors.crew import FitCrew, Terms, UnitCrew
from plexor.audits.executors.executor import Done, FitDone, Job
from plexor.audits.fit import Fit
from plexor.audits.unit import Unit
from plexor.core.errors import PlanError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ray:
    """Executes several units at a time, each in a worker that reads its images itself.

    If a worker dies, its unit is repeated by another. If this process has already called
    ``ray.init``, that connection is used.

    Attributes:
        address: address of a cluster, "HOST:PORT", or "auto" on one of its machines. None starts
            workers on this machine, which stop when the audit ends.
        workers: number of workers; None takes the number of processors, or of GPUs.
        threads: torch's threads in each worker. Findings depend on it through the last bits of
            sums.
        gpu: give each worker its own GPU, if Ray has any.
    """

    address: str | None = None
    workers: int | None = None
    threads: int = 1
    gpu: bool = True

    def __post_init__(self) -> None:
        for name, number in (("workers", self.workers), ("threads", self.threads)):
            if number is not None and number < 1:
                raise PlanError(f"ray: `{name}` must be at least 1, got {number}")

    @property
    def several_processes(self) -> bool:
        """See ``Executor``: yes, for one worker too, beside which this process asks."""
        return True

    def fit(
        self, job: Job, fits: Sequence[Fit], *, on_batch: Callable[[Fit], None]
    ) -> Generator[FitDone, None, None]:
        """See ``Executor``; progress is reported once a fit is done, not before.

        Raises:
            PlexorError: as for ``run``.
        """
        del on_batch  # a worker cannot report progress
        if not fits:
            return
        with connected(self.address, n_cpus=self._n_cpus()):
            crew = FitCrew(self._terms, job, fits)
            try:
                yield from crew.results()
            finally:
                crew.stop()

    def run(
        self, job: Job, units: Sequence[Unit], before: Mapping[str, Outputs]
    ) -> Generator[Done, None, None]:
        """See ``Executor``.

        Raises:
            MissingExtraError: Ray is not installed.
            PlanError: no cluster answers, it has no free processor, or a worker has another version
                of Plexor or torch or cannot read the images.
            PlexorError: several workers died on one unit.
        """
        if not units:
            return
        with connected(self.address, n_cpus=self._n_cpus()):
            crew = UnitCrew(self._terms, job, units, before)
            try:
                yield from crew.results()
            finally:
                crew.stop()

    @property
    def _terms(self) -> Terms:
        return Terms(workers=self.workers, threads=self.threads, gpu=self.gpu)

    def _n_cpus(self) -> int:
        """Number of processors for workers on this machine."""
        n_here = len(os.sched_getaffinity(0))
        return self.threads * (self.workers or max(1, n_here // self.threads))
