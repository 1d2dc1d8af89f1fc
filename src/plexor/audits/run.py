"""Carries a plan out into a run directory, and goes on where it was stopped."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from plexor.attacks.catalogue import CATALOGUE
from plexor.attacks.engine import halving
from plexor.audits.access import check_access
from plexor.audits.checks import Check, check_groups, check_model
from plexor.audits.detectors import detections
from plexor.audits.execute import Outputs
from plexor.audits.executors import Done, Executor, Here, Job
from plexor.audits.executors.executor import clean_outputs
from plexor.audits.fits import Preparation
from plexor.audits.progress import Listener, Progress
from plexor.audits.provenance import images_sha256, provenance
from plexor.audits.sample import checked_cases, example_ids
from plexor.audits.sources import Sources
from plexor.audits.surrogates import load_surrogates, surrogate_cards
from plexor.audits.unit import Unit
from plexor.cases import Cohort, load_cohort, split_groups
from plexor.cases.rows import TruthKind
from plexor.core.errors import DataError, PlanError
from plexor.core.files import sole_writer
from plexor.core.ids import digest
from plexor.core.version import __version__
from plexor.findings import CLEAN, RunDirectory
from plexor.models import Model, load_model, read_training_groups
from plexor.models.device import choose_device
from plexor.models.task import Task
from plexor.plans.plan import Plan, load_plan
from plexor.probes.probe import Probe
from plexor.shortcuts.catalogue import DECIDED
from plexor.shortcuts.shortcut import check_canvas

logger = logging.getLogger(__name__)


def cohort_of(plan: Plan, task: str = "multiclass") -> Cohort:
    """The plan's whole cohort, split if the plan says so.

    Args:
        plan: what says where it is.
        task: kind of the task whose truths the labels are.

    Raises:
        DataError: the manifest is broken.
    """
    source = plan.cohort
    cohort = load_cohort(
        plan.path(source.manifest),
        root=None if source.root is None else plan.path(source.root),
        columns=source.columns,
        path_template=source.path_template,
        classes=source.classes,
        truth=truth_kind(task),
        no_finding=source.no_finding,
        masks=source.masks,
    )
    return cohort if source.split is None else split_groups(cohort, source.split, seed=plan.seed)


def truth_kind(task: str) -> TruthKind:
    """How a manifest writes the truths of that kind of task."""
    kinds: dict[str, TruthKind] = {
        "multilabel": "findings",
        "regression": "number",
        "segmentation": "mask",
    }
    return kinds.get(task, "class")


def model_of(plan: Plan, *, device: torch.device, allow_code: bool) -> Model:
    """The plan's model.

    Raises:
        ModelError: weights are missing or do not fit.
        PlanError: the model is code and may not be run.
    """
    return load_model(plan.model_source(), device=device, allow_code=allow_code)


def audit(
    plan: Plan | Path | str | Mapping[str, object],
    *,
    out: Path | str,
    model: Model | None = None,
    device: torch.device | str | None = None,
    batch_size: int = 64,
    allow_code: bool = False,
    executor: Executor | None = None,
    on_progress: Listener | None = None,
) -> RunDirectory:
    """Attacks, judges and measures; what is already in ``out`` is not done again.

    Args:
        plan: a plan, its YAML file, or the same as a mapping.
        out: the run directory.
        model: audited instead of the plan's, e.g. one made in a notebook.
        device: where to compute; a CUDA device if there is one, when None.
        batch_size: cases at a time; halved by itself when memory runs out. Findings depend on it by
            the device's arithmetic only, which for another number of cases may sum in another
            order; each one used is kept in ``provenance.json``.
        allow_code: let a plan's ``model.python`` be imported and called.
        executor: who does the work; this process (``Here()``) if not given, ``Ray(workers=4)`` for
            several units at a time. Findings are the same, to the bit where the number of torch's
            threads is.
        on_progress: told after each unit, and first of what was done before; in plans that fit
            attacks, before that of what is read and fitted; in plans with a detector, after that of
            each probe it has seen.

    Raises:
        PlexorError: plan, cohort or model make no sense, or ``out`` holds something else, a run of
            another version of Plexor or torch included. What goes wrong with a single case is a
            finding, not an exception.
    """
    if not isinstance(plan, Plan):
        plan = load_plan(Path(plan) if isinstance(plan, str) else plan)
    plan = plan.with_saved()
    run = RunDirectory(out)
    if model is None:
        model = model_of(plan, device=choose_device(device), allow_code=allow_code)
    cohort = cohort_of(plan, model.task.kind)
    audited = cohort if plan.cohort.audit is None else cohort.with_split(plan.cohort.audit)
    # The order of a manifest's rows is no part of a plan; units are cut in an order of their own.
    audited = replace(audited, cases=tuple(sorted(audited.cases, key=lambda case: case.id)))
    _check_classes(cohort, model)
    for probe in plan.all_probes():
        _check_task(probe, model.task)
        check_access(probe, model)
    surrogates = load_surrogates(plan, model)
    sources = Sources.of(plan, cohort)
    images = images_sha256([*audited.cases, *sources.cases])
    model_hash = model.identity()
    fingerprint = _fingerprint(audited, images, model_hash, sources)
    executor, tell = executor or Here(), on_progress or _nobody
    job = Job(
        model=model,
        seed=plan.seed,
        keep=example_ids(audited.cases, plan),
        batch_size=batch_size,
    )
    run.check(plan.resolved(), fingerprint)  # before the lock, a file that would stay behind
    with sole_writer(run.path):
        run.open(plan.resolved(), fingerprint)
        checks = _checks(plan, audited, model, batch_size)
        preparation = Preparation(
            run=run,
            plan=plan,
            sources=sources,
            surrogates=surrogates,
            audited=audited.cases,
            job=job,
            model_sha256=model_hash,
            images_sha256=images,
            tell=tell,
        )
        probes = preparation.ready(executor)
        units = [unit for ready in probes for unit in preparation.units(ready)]
        about = provenance(model, plan, cohort_sha256=audited.digest, images=images, checks=checks)
        about["fits"] = {ready.probe.id: ready.about for ready in probes if ready.about}
        if surrogates:
            about["surrogates"] = surrogate_cards(surrogates)
        note = _noting(run, about)
        _carry_out(units, run, job, executor, note=note, tell=tell)
        if plan.visibility.detector:
            about["detectors"] = detections(
                run,
                [probe.id for probe in plan.all_probes() if probe.threat is not None],
                {case.id: case.group for case in audited.cases},
                seed=plan.seed,
                device=model.device,
                tell=tell,
            )
        run.write_provenance(about | {"finished": True})
    return run


def _fingerprint(
    audited: Cohort, images: Mapping[str, str], model_hash: str, sources: Sources
) -> dict[str, str]:
    """What a run directory is claimed for, beside the plan."""
    return {
        "cohort": audited.digest,
        "images": digest(dict(images)),
        "model": model_hash,
        **({"fits": sources.sha256} if sources.sha256 else {}),
        "Plexor": __version__,
        "torch": str(torch.__version__),
    }


def _nobody(_: Progress) -> None:
    """Who is told where nobody asked."""


def _noting(run: RunDirectory, about: dict[str, object]) -> Callable[[Done], None]:
    """Begins ``provenance.json``; what is returned is told of each unit before it is kept.

    ``about`` gets "computed": every device, number of threads and batch size, earlier starts' too.
    Its "device" and "threads" are the last ones that computed, which may be a worker's.
    """
    earlier = run.provenance().get("computed") if run.has_provenance() else None
    computed = list(earlier) if isinstance(earlier, list) else []

    def write() -> None:
        last = {name: computed[-1][name] for name in ("device", "threads")} if computed else {}
        about.update(last, computed=computed)
        run.write_provenance(about | {"finished": False})

    def note(done: Done) -> None:
        where = {"device": done.device, "threads": done.threads}
        under = [where | {"batch_size": size} for size in dict.fromkeys(done.batch_sizes)]
        if new := [one for one in under if one not in computed]:
            computed.extend(new)
            write()

    write()
    return note


def _carry_out(
    units: Sequence[Unit],
    run: RunDirectory,
    job: Job,
    executor: Executor,
    *,
    note: Callable[[Done], None],
    tell: Listener,
) -> None:
    """Has every unit done that is not there yet, and keeps what comes of it."""
    before: dict[str, Outputs] = {}
    missing: list[Unit] = []
    resumed = 0
    total = sum(len(unit.cases) for unit in units)

    def told(unit: Unit, done: int) -> None:
        tell(Progress(probe=unit.probe.id, done=done, total=total, resumed=resumed))

    for unit in units:
        if not run.has_unit(unit.id):
            missing.append(unit)
            continue
        resumed += len(unit.cases)
        if unit.probe.id == CLEAN:
            before |= clean_outputs(unit, run.unit(unit.id))
    if resumed:
        told([*missing, *units][0], resumed)
    n_done = resumed
    with contextlib.closing(executor.run(job, missing, before)) as results:
        for done in results:
            note(done)
            if done.unit.probe.id == CLEAN:
                for reason in done.unread:
                    logger.warning("%s", reason)
            run.write_unit(done.unit.id, done.result.findings, done.result.examples)
            n_done += len(done.unit.cases)
            told(done.unit, n_done)


def _checks(plan: Plan, cohort: Cohort, model: Model, batch_size: int) -> list[Check]:
    """The checks of model and threats, on those of the first cases that go into one batch."""
    batch = checked_cases(cohort, model)
    for probe in plan.all_probes():
        if probe.threat is not None:
            probe.threat.radii(batch)
        if probe.kind == "shortcut":
            check_canvas(tuple(batch.images.shape[1:]))

    def work(part: slice) -> list[Check]:
        return check_model(model, batch.select(torch.arange(part.start, part.stop)))

    parts, _ = halving(work, len(batch), batch_size, model=model)
    weights = plan.model.weights
    trained_on = read_training_groups(plan.path(weights)) if weights else frozenset()
    groups = check_groups(trained_on, (case.group for case in cohort.cases))
    return [*(max(same, key=lambda c: bool(c.raised)) for same in zip(*parts, strict=True)), groups]


def _check_classes(cohort: Cohort, model: Model) -> None:
    if cohort.classes != model.task.classes and model.task.kind == "segmentation":
        if cohort.classes:
            raise DataError(
                f"the masks of {cohort.name} number the classes {', '.join(cohort.classes)}, the "
                f"model {', '.join(model.task.classes)}; both must be the same in one order"
            )
        return
    if strange := sorted(set(cohort.classes) - set(model.task.classes)):
        raise DataError(
            f"{cohort.name} has cases of {', '.join(strange)}, which the model does not know; "
            f"it knows {', '.join(model.task.classes)}"
        )


def _check_task(probe: Probe, task: Task) -> None:
    """Refuses an attack, a goal or a shortcut that the model's task gives nothing to do."""
    if probe.kind == "shortcut" and task.kind not in DECIDED:
        raise PlanError(
            f"{probe.name}: what a shortcut does is told by decisions that change, so it works for "
            f"{', '.join(DECIDED)}, not for {task.kind}"
        )
    if probe.goal is None:
        return
    probe.goal.check(task)
    tasks = CATALOGUE[probe.name].tasks
    if task.kind not in tasks:
        raise PlanError(f"{probe.name} works for {', '.join(tasks)}, not for {task.kind}")
