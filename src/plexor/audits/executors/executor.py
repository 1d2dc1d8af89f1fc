"""What an audit asks of whoever carries its units out."""

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
from plexor.models.device import is_out_of_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A unit that was carried out, and what findings depend on beside the unit itself.

    Attributes:
        unit: the unit.
        result: what it came to.
        device: where it was computed.
        threads: torch's, there.
        batch_sizes: the one begun with, and the one that fitted in the end.
        unread: why images could not be read.
    """

    unit: Unit
    result: UnitResult
    device: str
    threads: int
    batch_sizes: tuple[int, int]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitDone:
    """A fit that was carried out.

    Attributes:
        fit: which one.
        fitted: what it came to; None where it failed.
        error: why it failed, else "".
        seconds: it took.
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
    """What the units of an audit have in common.

    Attributes:
        model: what is audited.
        seed: the run's.
        keep: ids of cases whose image files are wanted.
        batch_size: cases at a time, to begin with.
    """

    model: Model
    seed: int
    keep: frozenset[str]
    batch_size: int

    def perform(
        self, unit: Unit, images: Images, *, before: Mapping[str, Outputs], batch_size: int
    ) -> Done:
        """Carries one unit out in this process; arguments as in ``execute``."""
        result = execute(
            unit,
            images,
            self.model,
            before=before,
            seed=self.seed,
            batch_size=batch_size,
            keep=self.keep,
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
        """Carries out one fit in this process; the result holds the error of a fit that failed.

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
                f"out of memory when {fit.probe_id} was fitted in batches of "
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
    """Carries units out, and fits before them. Whoever asked keeps what comes of them.

    An executor writes nothing.
    """

    def fit(
        self, job: Job, fits: Sequence[Fit], *, on_batch: Callable[[Fit], None]
    ) -> Generator[FitDone, None, None]:
        """Each fit once, in any order; none are as good as any. Close it when done.

        Args:
            job: what they have in common.
            fits: those wanted.
            on_batch: told of each batch that a fit has dealt with, as far as that can be known.
        """
        ...

    def run(
        self, job: Job, units: Sequence[Unit], before: Mapping[str, Outputs]
    ) -> Generator[Done, None, None]:
        """Each unit once, in any order, but for the clean ones: the others need their outcome.

        Close it when done, be it by an exception: what is under way is then given up.

        Args:
            job: what the units have in common.
            units: those wanted; none are as good as any.
            before: case id → outputs for the untouched image, of clean units that are not among
                ``units``.
        """
        ...


def clean_outputs(unit: Unit, findings: Iterable[Finding]) -> Iterator[tuple[str, Outputs]]:
    """Case id → outputs of a clean unit's cases that did not fail; nothing of another unit's."""
    for finding in findings:
        if unit.probe.id == CLEAN and finding.status == "ok" and finding.stored == LOSSLESS:
            yield finding.case_id, finding.outputs_after
