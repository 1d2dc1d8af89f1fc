"""Ray's workers and the queue of an audit's pieces of work."""

from __future__ import annotations

import copy
import functools
import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from plexor.audits.ahead import read_images
from plexor.audits.execute import Outputs
from plexor.audits.executors.executor import Done, FitDone, Job, clean_outputs
from plexor.audits.fit import Fit
from plexor.audits.unit import Unit
from plexor.core.errors import PlanError, PlexorError
from plexor.core.version import __version__
from plexor.findings import CLEAN

logger = logging.getLogger(__name__)

_MOST_LOST = 3
_VERSIONS = {"Plexor": __version__, "torch": str(torch.__version__)}

Piece = TypeVar("Piece", Unit, Fit)
Result = TypeVar("Result", Done, FitDone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Resources of a crew; see ``Ray``."""

    workers: int | None
    threads: int
    gpu: bool


@dataclass(frozen=True, slots=True)
class _Order:
    """Data that a worker needs once, before its first piece. ``job`` is a Ray object reference."""

    job: Any
    versions: tuple[tuple[str, str], ...]
    folder: Path
    an_image: Path
    device: str
    threads: int


def _perform(order: _Order, unit: Unit, before: Mapping[str, Outputs], batch_size: int) -> Done:
    """Executes a unit, in a worker."""
    job = _prepared(order)
    return job.perform(unit, read_images(unit.cases), before=before, batch_size=batch_size)


def _fit(order: _Order, fit: Fit) -> FitDone:
    """Executes a fit, in a worker; progress is reported only at its end."""
    return _prepared(order).fit(fit, on_batch=lambda _: None)


@functools.lru_cache(maxsize=1)
def _prepared(order: _Order) -> Job:
    """Sets up a worker's process like the one that sent the order.

    Returns:
        The job, with its model on the worker's device.
    """
    import ray

    host = socket.gethostname()
    for name, version in order.versions:
        if (found := _VERSIONS[name]) != version:
            raise PlanError(
                f"the worker on {host} has {name} {found}, but this process {version}: findings "
                "of two versions are not mixed; install the same on every machine"
            )
    if not (order.folder.is_dir() and (order.folder / order.an_image).exists()):
        raise PlanError(
            f"the worker on {host} cannot read {order.folder / order.an_image}; put the images "
            "where every machine has them under the same path"
        )
    os.chdir(order.folder)  # a manifest's paths may be relative to this folder
    torch.set_num_threads(order.threads)
    job: Job = ray.get(order.job)
    job.model.to(torch.device(order.device))
    return job


class Crew(Generic[Piece, Result]):
    """Workers and the pieces of work that wait for them. Must be stopped after use.

    Args:
        terms: number of workers, and resources of each.
        job: data common to all pieces.
        function: function that a worker calls with the order, the piece and the values of
            ``arguments``.
        pieces: at least one, in the order of sending.
    """

    def __init__(
        self, terms: Terms, job: Job, function: Callable[..., Result], pieces: Sequence[Piece]
    ) -> None:
        import ray

        gpu = terms.gpu and ray.cluster_resources().get("GPU", 0) >= 1
        self._resource, self._share = ("GPU", 1) if gpu else ("CPU", terms.threads)
        self._most = terms.workers
        self._task = ray.remote(
            num_cpus=terms.threads,
            num_gpus=int(gpu),
            max_retries=0,  # a lost piece is counted, logged and sent again below
        )(function)
        self._order = _Order(
            job=ray.put(_portable(job)),
            versions=tuple(_VERSIONS.items()),
            folder=Path.cwd(),
            an_image=pieces[0].cases[0].path,
            device="cuda" if gpu else "cpu",
            threads=terms.threads,
        )
        self._waiting: deque[Piece] = deque(pieces)
        self._busy: dict[Any, Piece] = {}
        self._n_lost: Counter[str] = Counter()

    def may_go(self, _: Piece, /) -> bool:
        """Whether everything that the piece needs is available."""
        return True

    def arguments(self, _: Piece, /) -> tuple[object, ...]:
        """Arguments of the worker's function after the order and the piece."""
        return ()

    def take(self, _: Result, /) -> None:
        """Stores what later pieces need of a result."""

    def results(self) -> Iterator[Result]:
        """Yields the result of each piece as it arrives."""
        import ray

        self._send()
        while self._busy:
            (first, *_), _ = ray.wait(list(self._busy))
            done = self._received(first, self._busy.pop(first))
            self._send()  # before the result is processed, so that no worker idles
            if done is not None:
                yield done

    def stop(self) -> None:
        """Cancels the running pieces."""
        import ray

        for task in self._busy:
            ray.cancel(task, force=True)

    def _send(self) -> None:
        """Sends pieces in order until every worker has one."""
        while self._waiting and len(self._busy) < self._n_workers():
            if not self.may_go(self._waiting[0]):
                return
            piece = self._waiting.popleft()
            self._busy[self._task.remote(self._order, piece, *self.arguments(piece))] = piece

    def _n_workers(self) -> int:
        """Current number of workers; queried each time, since a cluster may grow."""
        import ray

        possible = int(ray.cluster_resources().get(self._resource, 0)) // self._share
        if possible < 1:
            raise PlanError(
                f"Ray has no {self._share} {self._resource} for a worker; add a machine"
            )
        return self._most or possible

    def _received(self, task: Any, piece: Piece) -> Result | None:
        """The result of a piece; None if its worker died and the piece was queued again."""
        import ray

        try:
            done: Result = ray.get(task)
        except ray.exceptions.RayTaskError as error:
            raise error.cause or error from error
        except ray.exceptions.RayError as error:
            reason = _first_sentence(str(error))
            self._n_lost[piece.id] += 1
            if self._n_lost[piece.id] == _MOST_LOST:
                raise PlexorError(
                    f"{piece.id} was lost {_MOST_LOST} times because its worker died, the last "
                    f"time with: {reason} Nothing written is lost; if memory ran out, use "
                    "fewer workers or a smaller batch size, and run the same command again"
                ) from error
            logger.warning("a worker died; its piece %s is repeated: %s", piece.id, reason)
            self._waiting.appendleft(piece)
            return None
        self.take(done)
        return done


class UnitCrew(Crew[Unit, Done]):
    """Units; the others are sent only after all clean units are done."""

    def __init__(
        self, terms: Terms, job: Job, units: Sequence[Unit], before: Mapping[str, Outputs]
    ) -> None:
        clean_first = sorted(units, key=lambda unit: unit.probe.id != CLEAN)
        super().__init__(terms, job, _perform, clean_first)
        self._before = dict(before)
        self._batch_size = job.batch_size

    def may_go(self, piece: Unit, /) -> bool:
        """See ``Crew``."""
        clean_busy = any(unit.probe.id == CLEAN for unit in self._busy.values())
        return piece.probe.id == CLEAN or not clean_busy

    def arguments(self, piece: Unit, /) -> tuple[object, ...]:
        """See ``Crew``."""
        ids = (case.id for case in piece.cases)
        before = {case_id: self._before[case_id] for case_id in ids if case_id in self._before}
        return before, self._batch_size

    def take(self, result: Done, /) -> None:
        """See ``Crew``."""
        if result.result.batch_size < self._batch_size:
            self._batch_size = result.result.batch_size
            logger.warning("out of memory; continuing with batches of %d", self._batch_size)
        self._before |= clean_outputs(result.unit, result.result.findings)


class FitCrew(Crew[Fit, FitDone]):
    """Fits, which are independent of each other."""

    def __init__(self, terms: Terms, job: Job, fits: Sequence[Fit]) -> None:
        super().__init__(terms, job, _fit, fits)


def _first_sentence(text: str) -> str:
    """Ray's messages go on with advice about Ray's own logs."""
    sentence, _, _ = text.split("\n", maxsplit=1)[0].partition(". ")
    return sentence.removesuffix(".") + "."


def _portable(job: Job) -> Job:
    """The job with its model on the CPU, which exists on every machine."""
    if job.model.device.type == "cpu":
        return job
    return replace(job, model=copy.deepcopy(job.model).to(torch.device("cpu")))
