"""Makes a plan's probes ready: fits what is to be fitted, reads what was saved."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from plexor.attacks.by_shape import ByShape, Shape
from plexor.attacks.catalogue import load_fitted
from plexor.attacks.fitted import FitCard
from plexor.audits.executors import Executor, Job
from plexor.audits.executors.executor import FitDone
from plexor.audits.fit import Fit, fits_of, shapes_of
from plexor.audits.progress import Progress
from plexor.audits.sources import Sources
from plexor.audits.unit import Unit, units_of
from plexor.cases import Case
from plexor.core.ids import digest
from plexor.findings import RunDirectory
from plexor.models import TorchModel
from plexor.plans.plan import Plan
from plexor.probes.probe import Fitting, Piece, Probe, Saved, Surrogates
from plexor.shortcuts import Transplant

logger = logging.getLogger(__name__)

_READ_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A probe whose attack, or shortcut, is there.

    Attributes:
        probe: with it.
        fitted_from: ids of the fits that made it, or the hash of its file; hashes of the search and
            of its surrogates, or of a shortcut's files; empty for any other.
        about: how it was fitted, plain data for the summary; None for an attack that is not.
    """

    probe: Probe
    fitted_from: tuple[str, ...] = ()
    about: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """All that it takes to make an audit's probes ready.

    Attributes:
        run: where what is fitted is kept.
        plan: the plan.
        sources: what its attacks are fitted on, or read from.
        surrogates: file as the plan has it → the model.
        audited: the cases they will be judged on.
        job: model and seed.
        model_sha256: of all that decides the model's outputs.
        images_sha256: case id → hash, of audited cases and those of ``sources``.
        tell: told of how far it is.
    """

    run: RunDirectory
    plan: Plan
    sources: Sources
    surrogates: Mapping[str, TorchModel]
    audited: Sequence[Case]
    job: Job
    model_sha256: str
    images_sha256: Mapping[str, str]
    tell: Callable[[Progress], None]

    def ready(self, executor: Executor) -> list[Ready]:
        """Every probe of the plan; what was fitted before is not fitted again."""
        shapes = self._shapes() if self.sources.splits else {}
        found = (shapes[case.id] for case in self.audited if shapes)
        wanted = {shape for shape in found if not isinstance(shape, str)}
        probes = self.plan.all_probes()
        fits = {
            probe.id: fits_of(
                probe,
                self.sources.splits[probe.source.split],
                shapes=shapes,
                wanted=wanted,
                seed=self.plan.seed,
                model_sha256=self.model_sha256,
                images_sha256=self.images_sha256,
            )
            for probe in probes
            if isinstance(probe.source, Fitting)
        }
        self._carry_out([fit for some in fits.values() for fit in some], executor)
        return [self._ready(probe, fits.get(probe.id, []), shapes) for probe in probes]

    def units(self, ready: Ready) -> list[Unit]:
        """The audited cases under a probe, cut into units."""
        return units_of(
            ready.probe,
            self.audited,
            size=self.plan.unit_size,
            seed=self.plan.seed,
            model_sha256=self.model_sha256,
            images_sha256=self.images_sha256,
            fitted_from=ready.fitted_from,
            visibility=self.plan.visibility,
        )

    def _shapes(self) -> dict[str, Shape | str]:
        """Of all images; looked at once, and then known to the run."""
        if known := self.run.shapes():
            return {name: s if isinstance(s, str) else tuple(s) for name, s in known.items()}
        cases = list({case.id: case for case in [*self.sources.cases, *self.audited]}.values())
        shapes: dict[str, Shape | str] = {}
        for start in range(0, len(cases), _READ_AT_ONCE):
            some = cases[start : start + _READ_AT_ONCE]
            shapes |= shapes_of(some, self.job.model.task)
            self.tell(
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
                logger.warning("nothing can be fitted on %s: %s", case.id, reason)
        self.run.write_shapes(shapes)
        return shapes

    def _carry_out(self, fits: Sequence[Fit], executor: Executor) -> None:
        """Has every fit done that is not there yet, and keeps what comes of it."""
        missing = [fit for fit in fits if self.run.fit_account(fit.id) is None]
        total = sum(fit.n_batches for fit in fits)
        resumed = total - sum(fit.n_batches for fit in missing)
        batches = Counter[str]()

        def tell(fit: Fit) -> None:
            done = sum(min(batches[one.id], one.n_batches) for one in missing)
            self.tell(
                Progress(
                    stage="fit",
                    probe=f"fitting {fit.probe.id}",
                    done=resumed + done,
                    total=total,
                    resumed=resumed,
                )
            )

        def on_batch(fit: Fit) -> None:
            batches[fit.id] += 1
            tell(fit)

        with contextlib.closing(executor.fit(self.job, missing, on_batch=on_batch)) as results:
            for done in results:
                self._keep(done)
                batches[done.fit.id] = done.fit.n_batches  # it may have stopped before
                tell(done.fit)

    def _keep(self, done: FitDone) -> None:
        account = {
            "error": done.error,
            "seconds": done.seconds,
            "device": done.device,
            "threads": done.threads,
        }
        self.run.write_fit_account(done.fit.id, account)
        if done.fitted is None:
            logger.warning("%s could not be fitted: %s", done.fit.probe.id, done.error)
        else:
            done.fitted.save(self.run.fitted(done.fit.id))

    def _ready(self, probe: Probe, fits: Sequence[Fit], shapes: Mapping[str, object]) -> Ready:
        match probe.source:
            case Fitting(split=split):
                return self._fitted(probe, split, fits, shapes)
            case Saved(file=file):
                attack = load_fitted(self.plan.path(file))
                about = self._about([attack.card]) | {
                    "file": file.name,
                    "same_model": _same(attack.card, self.job.model.card.weights_sha256),
                }
                return Ready(
                    probe=replace(probe, attack=attack),
                    fitted_from=(self.sources.files[str(file)],),
                    about=about,
                )
            case Surrogates(attack=search, files=files):
                found = [self.surrogates[str(file)] for file in files]
                return Ready(
                    probe=replace(probe, attack=search.using(found)),
                    fitted_from=(
                        digest([type(search).__name__, asdict(search)]),
                        *(self.sources.files[str(file)] for file in files),
                    ),
                )
            case Piece(source_width=width) as piece:
                template = self.sources.templates[piece]
                return Ready(
                    probe=replace(
                        probe, shortcut=Transplant(template=template, source_width=width)
                    ),
                    fitted_from=(
                        f"{width} pixels",
                        *(self.sources.files[str(file)] for file in piece.files),
                    ),
                )
        return Ready(probe=probe)

    def _fitted(
        self, probe: Probe, split: str, fits: Sequence[Fit], shapes: Mapping[str, object]
    ) -> Ready:
        accounts = {fit.shape: self.run.fit_account(fit.id) or {} for fit in fits}
        failed = {shape: str(told["error"]) for shape, told in accounts.items() if told["error"]}
        parts = {
            fit.shape: load_fitted(self.run.fitted(fit.id))
            for fit in fits
            if fit.shape not in failed
        }
        cases = self.sources.splits[split]
        about = self._about([part.card for part in parts.values()]) | {
            "split": split,
            "n_split": len(cases),
            "n_unread": sum(isinstance(shapes[case.id], str) for case in cases),
            "same_model": True,
            "errors": list(failed.values()),
            "seconds": sum(float(told["seconds"]) for told in accounts.values()),
        }
        attack = ByShape(parts=parts, failed=failed, of=f"the {split} split")
        return Ready(
            probe=replace(probe, attack=attack),
            fitted_from=tuple(fit.id for fit in fits),
            about=about,
        )

    def _about(self, cards: Sequence[FitCard]) -> dict[str, object]:
        """What a summary says of a fit, whether it was made here or read."""
        groups = {case.group for case in self.audited}
        known = all(card.groups for card in cards)
        return {
            "split": None,
            "file": None,
            "shapes": [list(card.shape) for card in cards],
            "settings": dict(cards[0].options) if cards else {},
            "goal": dict(cards[0].goal) if cards else None,
            "n_split": None,
            "n_unread": 0,
            "n_cases": len(set().union(*(card.seen for card in cards))),
            "n_groups": len(set().union(*(card.groups for card in cards))) if known else None,
            "cases_in_both": _count(self.audited, cards),
            "groups_in_both": sum(any(card.saw_group(group) for card in cards) for group in groups)
            if known
            else None,
            "gradients": sum(card.n_gradients for card in cards),
            "forwards": sum(card.n_forwards for card in cards),
            "seconds": None,
            "errors": [],
        }


def _count(cases: Sequence[Case], cards: Sequence[FitCard]) -> int:
    """How many of the cases were fitted on."""
    return sum(any(card.saw(case.id) for card in cards) for case in cases)


def _same(card: FitCard, weights_sha256: str) -> bool | None:
    """Whether it was fitted on this model; None where one of them is not from a file."""
    if not card.model_sha256 or not weights_sha256:
        return None
    return card.model_sha256 == weights_sha256
