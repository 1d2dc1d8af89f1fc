"""The protocol of an executor, which carries out units and fits."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from plexor.attacks import tied
from plexor.attacks.fitted import Fitted
from plexor.audits.ahead import Images
from plexor.audits.execute import Outputs, UnitResult, execute
from plexor.audits.fit import Fit
from plexor.audits.provenance import device_name
from plexor.audits.stream import CaseStream
from plexor.audits.unit import Unit
from plexor.cases import Image
from plexor.cases.image import LOSSLESS
from plexor.core.errors import ModelError, PlexorError
from plexor.core.seeds import seed_for
from plexor.findings import CLEAN, Finding
from plexor.models import Model
from plexor.models.device import is_out_of_memory, keep_freed_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished unit, with the circumstances that its findings depend on.

    Attributes:
        unit: the unit.
        result: its outcome.
        device: where it was computed.
        threads: torch's, there.
        batch_sizes: the initial one, and the one that fitted into memory.
        unread: errors raised on reading images.
    """

    unit: Unit
    result: UnitResult
    device: str
    threads: int
    batch_sizes: tuple[int, int]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitDone:
    """A finished fit.

    Attributes:
        fit: the fit.
        fitted: the fitted attack; None if it failed.
        error: the reason of a failure, else "".
        seconds: duration.
        device: where it was computed.
        threads: torch's, there.
    """

    fit: Fit
    fitted: Fitted | None
    error: str
    seconds: float
    device: str
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Data common to all units of an audit.

    Attributes:
        model: what is audited.
        seed: the run's.
        keep: ids of cases whose image files are wanted.
        batch_size: initial batch size.
        draws: number of times the judge asks the model about each image; several if its outputs
            vary.
    """

    model: Model
    seed: int
    keep: frozenset[str]
    batch_size: int
    draws: int = 1

    def perform(
        self, unit: Unit, images: Images, *, before: Mapping[str, Outputs], batch_size: int
    ) -> Done:
        """Executes one unit in this process; arguments as in ``execute``."""
        keep_freed_memory()
        result = execute(
            unit,
            images,
            self.model,
            before=before,
            seed=self.seed,
            batch_size=batch_size,
            keep=self.keep,
            draws=self.draws,
        )
        return Done(
            unit=unit,
            result=result,
            device=device_name(self.model.device),
            threads=torch.get_num_threads(),
            batch_sizes=(batch_size, result.batch_size),
            unread=tuple(str(i) for i in images.values() if not isinstance(i, Image)),
        )

    def fit(self, fit: Fit, *, on_batch: Callable[[Fit], None]) -> FitDone:
        """Executes one fit in this process; a failure is returned in the result.

        Raises:
            ModelError: a batch does not fit into memory.
        """
        seed = seed_for(self.seed, "fit", fit.probe_id, *map(str, fit.shape))
        stream = CaseStream(
            cases=fit.cases,
            model=self.model,
            batch_size=fit.fitting.batch_size,
            seed=seed,
            on_batch=lambda: on_batch(fit),
        )
        begun = time.perf_counter()
        fitted, error = None, ""
        try:
            fitting = fit.fitting
            fitted = tied.fit(
                fitting.attack,
                self.model,
                stream,
                fitting.goal,
                fitting.threat,
                n_channels=fit.shape[0],
                seed=seed,
            )
        except PlexorError as reason:
            error = str(reason)
        except (RuntimeError, MemoryError) as reason:
            if not is_out_of_memory(reason):
                raise
            raise ModelError(
                f"out of memory while {fit.probe_id} was fitted in batches of "
                f"{fit.fitting.batch_size}; write a smaller `fit_batch`"
            ) from reason
        return FitDone(
            fit=fit,
            fitted=fitted,
            error=error,
            seconds=time.perf_counter() - begun,
            device=device_name(self.model.device),
            threads=torch.get_num_threads(),
        )


class Executor(Protocol):
    """Executes fits and units. The caller stores the results.

    An executor writes no files.
    """

    @property
    def several_processes(self) -> bool:
        """Whether copies of the model are asked in several processes, each by itself."""
        ...

    def fit(
        self, job: Job, fits: Sequence[Fit], *, on_batch: Callable[[Fit], None]
    ) -> Generator[FitDone, None, None]:
        """Executes each fit once, in any order. Close the iterator when done.

        Args:
            job: data common to the fits.
            fits: the fits to execute; may be empty.
            on_batch: called after each batch of a fit, if the executor can know it.
        """
        ...

    def run(
        self, job: Job, units: Sequence[Unit], before: Mapping[str, Outputs]
    ) -> Generator[Done, None, None]:
        """Executes each unit once, a clean unit before others of its cases, which need its outputs.

        Close the iterator when done, also after an exception; running units are then cancelled.

        Args:
            job: data common to the units.
            units: the units to execute, of the same cases a clean one first; may be empty.
            before: case id → outputs for the untouched image, from clean units that are not among
                ``units``.
        """
        ...


def clean_outputs(unit: Unit, findings: Iterable[Finding]) -> Iterator[tuple[str, Outputs]]:
    """Case id → outputs of a clean unit's cases, without failed ones; empty for other units."""
    for finding in findings:
        if unit.probe.id == CLEAN and finding.status == "ok" and finding.stored == LOSSLESS:
            yield finding.case_id, finding.outputs_after
