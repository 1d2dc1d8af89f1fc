"""Units side by side, on Ray's workers: processes of this machine, or a cluster's."""

from __future__ import annotations

import copy
import functools
import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from plexor.audits.ahead import read_images
from plexor.audits.execute import Outputs
from plexor.audits.executors.cluster import connected
from plexor.audits.executors.executor import Done, Job, clean_outputs
from plexor.audits.unit import Unit
from plexor.core.errors import PlanError, PlexorError
from plexor.core.version import __version__
from plexor.findings import CLEAN

logger = logging.getLogger(__name__)

_MOST_LOST = 3
_VERSIONS = {"Plexor": __version__, "torch": str(torch.__version__)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ray:
    """Several units at a time, each by a worker that reads its images itself.

    A worker that dies costs nothing but time: its unit is done again, by another. A Ray that this
    process has begun before (``ray.init``) is used as it is.

    Attributes:
        address: of a cluster, "HOST:PORT", or "auto" on one of its machines. None begins workers on
            this machine, which end with the audit.
        workers: units at a time; as many as there are processors, or GPUs, if None.
        threads: torch's threads in each worker. Findings depend on it by the last bits of sums.
        gpu: give each unit a GPU of its own, where Ray knows of any.
    """

    address: str | None = None
    workers: int | None = None
    threads: int = 1
    gpu: bool = True

    def __post_init__(self) -> None:
        for name, number in (("workers", self.workers), ("threads", self.threads)):
            if number is not None and number < 1:
                raise PlanError(f"ray: `{name}` must be at least 1, got {number}")

    def run(
        self, job: Job, units: Sequence[Unit], before: Mapping[str, Outputs]
    ) -> Generator[Done, None, None]:
        """See ``Executor``.

        Raises:
            MissingExtraError: Ray is not installed.
            PlanError: no cluster answers, it has no processor to spare, or a worker has another
                version of Plexor or torch or does not see the images.
            PlexorError: a unit took several workers with it.
        """
        if not units:
            return
        with connected(self.address, n_cpus=self._n_cpus()):
            crew = _Crew(self, job, units, before)
            try:
                yield from crew.results()
            finally:
                crew.stop()

    def _n_cpus(self) -> int:
        """Of this machine, where workers are begun on it."""
        n_here = len(os.sched_getaffinity(0))
        return self.threads * (self.workers or max(1, n_here // self.threads))


@dataclass(frozen=True, slots=True)
class _Order:
    """What a worker needs once, before its first unit. ``job`` is Ray's reference to it."""

    job: Any
    versions: tuple[tuple[str, str], ...]
    folder: Path
    an_image: Path
    device: str
    threads: int


def _perform(order: _Order, unit: Unit, before: Mapping[str, Outputs], batch_size: int) -> Done:
    """What a worker does."""
    job = _prepared(order)
    return job.perform(unit, read_images(unit.cases), before=before, batch_size=batch_size)


@functools.lru_cache(maxsize=1)
def _prepared(order: _Order) -> Job:
    """Makes a worker's process like the one that gave the order.

    Returns:
        The job, its model on the worker's device.
    """
    import ray

    host = socket.gethostname()
    for name, version in order.versions:
        if (found := _VERSIONS[name]) != version:
            raise PlanError(
                f"the worker on {host} has {name} {found}, and this is {version}: findings of two "
                "versions are not mixed; install the same on every machine"
            )
    if not (order.folder.is_dir() and (order.folder / order.an_image).exists()):
        raise PlanError(
            f"the worker on {host} does not see {order.folder / order.an_image}; keep the images "
            "where every machine finds them under the same path"
        )
    os.chdir(order.folder)  # a manifest's paths may start there
    torch.set_num_threads(order.threads)
    job: Job = ray.get(order.job)
    job.model.network.to(order.device)
    return job


class _Crew:
    """Workers on their way through an audit's units. Must be stopped."""

    def __init__(
        self, settings: Ray, job: Job, units: Sequence[Unit], before: Mapping[str, Outputs]
    ) -> None:
        import ray

        gpu = settings.gpu and ray.cluster_resources().get("GPU", 0) >= 1
        self._resource, self._share = ("GPU", 1) if gpu else ("CPU", settings.threads)
        self._most = settings.workers
        self._task = ray.remote(
            num_cpus=settings.threads,
            num_gpus=int(gpu),
            max_retries=0,  # a lost unit is sent again below, where it can be told and counted
        )(_perform)
        self._order = _Order(
            job=ray.put(_portable(job)),
            versions=tuple(_VERSIONS.items()),
            folder=Path.cwd(),
            an_image=units[0].cases[0].path,
            device="cuda" if gpu else "cpu",
            threads=settings.threads,
        )
        self._waiting = deque(sorted(units, key=lambda unit: unit.probe.id != CLEAN))
        self._busy: dict[Any, Unit] = {}
        self._before = dict(before)
        self._batch_size = job.batch_size
        self._n_lost: Counter[str] = Counter()

    def results(self) -> Iterator[Done]:
        """Each unit's, as it comes."""
        import ray

        self._send()
        while self._busy:
            (first, *_), _ = ray.wait(list(self._busy))
            done = self._received(first, self._busy.pop(first))
            self._send()  # no worker waits for what is done with its result
            if done is not None:
                yield done

    def stop(self) -> None:
        """Gives up what is under way."""
        import ray

        for task in self._busy:
            ray.cancel(task, force=True)

    def _send(self) -> None:
        """As many units as there are workers; the clean ones are all back before another goes."""
        while self._waiting and len(self._busy) < self._n_workers():
            unit = self._waiting[0]
            if unit.probe.id != CLEAN and any(u.probe.id == CLEAN for u in self._busy.values()):
                return
            self._waiting.popleft()
            ids = (case.id for case in unit.cases)
            before = {case_id: self._before[case_id] for case_id in ids if case_id in self._before}
            self._busy[self._task.remote(self._order, unit, before, self._batch_size)] = unit

    def _n_workers(self) -> int:
        """Asked anew each time: a cluster may grow."""
        import ray

        possible = int(ray.cluster_resources().get(self._resource, 0)) // self._share
        if possible < 1:
            raise PlanError(
                f"Ray has no {self._share} {self._resource} for a worker; add a machine"
            )
        return self._most or possible

    def _received(self, task: Any, unit: Unit) -> Done | None:
        """A unit's result; None if its worker died, and it waits again."""
        import ray

        try:
            done: Done = ray.get(task)
        except ray.exceptions.RayTaskError as error:
            raise error.cause or error from error
        except ray.exceptions.RayError as error:
            reason = str(error).split("\n", maxsplit=1)[0]
            self._n_lost[unit.id] += 1
            if self._n_lost[unit.id] == _MOST_LOST:
                raise PlexorError(
                    f"{unit.id} was lost {_MOST_LOST} times with the worker that had it, the last "
                    f"time because: {reason} Nothing written is lost; if memory ran out, take "
                    "fewer workers or a smaller batch size, and run the same command again"
                ) from error
            logger.warning("a worker was lost, its unit %s is done again: %s", unit.id, reason)
            self._waiting.appendleft(unit)
            return None
        if done.result.batch_size < self._batch_size:
            self._batch_size = done.result.batch_size
            logger.warning("out of memory; going on with batches of %d", self._batch_size)
        self._before |= clean_outputs(unit, done.result.findings)
        return done


def _portable(job: Job) -> Job:
    """The job with its model on the CPU, which every machine has."""
    if job.model.device.type == "cpu":
        return job
    model = copy.copy(job.model)
    model.network = copy.deepcopy(job.model.network).cpu()
    return replace(job, model=model)
