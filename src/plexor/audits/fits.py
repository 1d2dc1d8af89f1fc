"""Fitting of a plan's fitted attacks, before their probes are executed."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plexor.attacks.by_shape import Shape
from plexor.attacks.catalogue import load_fitted
from plexor.audits.executors import Executor, Job
from plexor.audits.executors.executor import FitDone
from plexor.audits.fit import Fit, fits_of, shapes_of
from plexor.audits.progress import Listener, Progress
from plexor.audits.sources import Sources
from plexor.cases import Case
from plexor.findings import RunDirectory
from plexor.probes import FitResult, PlannedProbe, SplitFits

logger = logging.getLogger(__name__)

_READ_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """The inputs of an audit's fits.

    Attributes:
        run: the run directory, which stores the fitted attacks.
        sources: the cases on which they are fitted.
        audited: the cases on which they will be judged.
        job: model and seed.
        model_sha256: hash of everything that determines the model's outputs.
        images_sha256: case id → hash, of audited cases and those of ``sources``.
        report_progress: called after each batch, and after each part of the images is read for its
            shapes.
    """

    run: RunDirectory
    sources: Sources
    audited: Sequence[Case]
    job: Job
    model_sha256: str
    images_sha256: Mapping[str, str]
    report_progress: Listener

    def carry_out(self, probes: Sequence[PlannedProbe], executor: Executor) -> dict[str, SplitFits]:
        """Probe id → outcome of its fits; fits that the run already has are reused."""
        if not self.sources.splits:
            return {}
        shapes = self._shapes()
        found = (shapes[case.id] for case in self.audited)
        wanted = {shape for shape in found if not isinstance(shape, str)}
        asked = [(probe, fitting) for probe in probes if (fitting := probe.needs.fitting)]
        fits = {
            probe.id: fits_of(
                probe,
                fitting,
                self.sources.splits[fitting.split],
                shapes=shapes,
                wanted=wanted,
                seed=self.job.seed,
                model_sha256=self.model_sha256,
                images_sha256=self.images_sha256,
            )
            for probe, fitting in asked
        }
        self._carry_out([fit for some in fits.values() for fit in some], executor)
        return {
            probe.id: self._outcome(fits[probe.id], self.sources.splits[fitting.split], shapes)
            for probe, fitting in asked
        }

    def _shapes(self) -> dict[str, Shape | str]:
        """Case id → shape of every image, or the error; stored in the run."""
        if known := self.run.shapes():
            return {name: s if isinstance(s, str) else tuple(s) for name, s in known.items()}
        cases = list({case.id: case for case in [*self.sources.cases, *self.audited]}.values())
        shapes: dict[str, Shape | str] = {}
        for start in range(0, len(cases), _READ_AT_ONCE):
            some = cases[start : start + _READ_AT_ONCE]
            shapes |= shapes_of(some, self.job.model.task)
            self.report_progress(
                Progress(
                    stage="read",
                    probe="shapes of images",
                    done=len(shapes),
                    total=len(cases),
                    resumed=0,
                )
            )
        for case in self.sources.cases:
            if isinstance(reason := shapes[case.id], str):
                logger.warning("%s is left out of fits: %s", case.id, reason)
        self.run.write_shapes(shapes)
        return shapes

    def _carry_out(self, fits: Sequence[Fit], executor: Executor) -> None:
        """Executes the fits that the run does not have yet, and stores their outcome."""
        missing = [fit for fit in fits if self.run.fit_account(fit.id) is None]
        total = sum(fit.n_batches for fit in fits)
        resumed = total - sum(fit.n_batches for fit in missing)
        batches = Counter[str]()

        def report(fit: Fit) -> None:
            done = sum(min(batches[one.id], one.n_batches) for one in missing)
            self.report_progress(
                Progress(
                    stage="fit",
                    probe=f"fitting {fit.probe_id}",
                    done=resumed + done,
                    total=total,
                    resumed=resumed,
                )
            )

        def on_batch(fit: Fit) -> None:
            batches[fit.id] += 1
            report(fit)

        with contextlib.closing(executor.fit(self.job, missing, on_batch=on_batch)) as results:
            for done in results:
                self._keep(done)
                batches[done.fit.id] = done.fit.n_batches  # a fit may stop early
                report(done.fit)

    def _keep(self, done: FitDone) -> None:
        account = {
            "error": done.error,
            "seconds": done.seconds,
            "device": done.device,
            "threads": done.threads,
        }
        self.run.write_fit_account(done.fit.id, account)
        if done.fitted is None:
            logger.warning("%s could not be fitted: %s", done.fit.probe_id, done.error)
        else:
            done.fitted.save(self.run.fitted(done.fit.id))

    def _outcome(
        self, fits: Sequence[Fit], split: Sequence[Case], shapes: Mapping[str, object]
    ) -> SplitFits:
        return SplitFits(
            results=tuple(self._result(fit) for fit in fits),
            n_split=len(split),
            n_unread=sum(isinstance(shapes[case.id], str) for case in split),
        )

    def _result(self, fit: Fit) -> FitResult:
        account = self.run.fit_account(fit.id) or {}
        error = str(account["error"])
        return FitResult(
            id=fit.id,
            shape=fit.shape,
            fitted=None if error else load_fitted(self.run.fitted(fit.id)),
            error=error,
            seconds=float(account["seconds"]),
        )
