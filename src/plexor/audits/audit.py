"""Carries a plan out into a run directory, and goes on where it was stopped."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from plexor.attacks.catalogue import find
from plexor.attacks.engine import halving
from plexor.audits.ahead import Images, read_ahead
from plexor.audits.checks import Check, check_groups, check_model
from plexor.audits.execute import Outputs, UnitResult, alike, execute
from plexor.audits.plan import Plan, Probe, load_plan
from plexor.audits.provenance import images_sha256, model_sha256, provenance
from plexor.audits.unit import Unit, units_of
from plexor.cases import Case, Cohort, Image, load_cohort, read_case, split_groups
from plexor.cases.image import LOSSLESS
from plexor.cases.rows import TruthKind
from plexor.core.errors import DataError, PlanError, PlexorError
from plexor.core.files import sole_writer
from plexor.core.ids import digest
from plexor.core.seeds import seed_for
from plexor.core.version import __version__
from plexor.findings import CLEAN, RunDirectory
from plexor.models import Batch, Model, encode, load_model, read_training_groups
from plexor.models.device import choose_device
from plexor.models.task import Task

logger = logging.getLogger(__name__)

_CHECKED_CASES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """News of an audit: ``done`` of ``total`` case-probes, ``resumed`` of them done before."""

    probe: str
    done: int
    total: int
    resumed: int


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
    kinds: dict[str, TruthKind] = {"multilabel": "findings", "regression": "number"}
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
    on_progress: Callable[[Progress], None] | None = None,
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
        on_progress: told after each unit.

    Raises:
        PlexorError: plan, cohort or model make no sense, or ``out`` holds something else, a run of
            another version of Plexor or torch included. What goes wrong with a single case is a
            finding, not an exception.
    """
    if not isinstance(plan, Plan):
        plan = load_plan(Path(plan) if isinstance(plan, str) else plan)
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
    images = images_sha256(audited.cases)
    model_hash = model_sha256(model)
    fingerprint = {
        "cohort": audited.digest,
        "images": digest(images),
        "model": model_hash,
        "Plexor": __version__,
        "torch": str(torch.__version__),
    }
    units = [
        unit
        for probe in plan.all_probes()
        for unit in units_of(
            probe,
            audited.cases,
            size=plan.unit_size,
            seed=plan.seed,
            model_sha256=model_hash,
            images_sha256=images,
        )
    ]
    perform = partial(
        execute,
        model=model,
        seed=plan.seed,
        keep=_example_ids(audited.cases, plan),
    )
    run.check(plan.resolved(), fingerprint)  # before the lock, a file that would stay behind
    with sole_writer(run.path):
        run.open(plan.resolved(), fingerprint)
        checks = _checks(plan, audited, model, batch_size)
        about = provenance(model, plan, cohort_sha256=audited.digest, images=images, checks=checks)
        note = _noting(run, about)
        _carry_out(units, run, perform, batch_size, note=note, on_progress=on_progress)
        run.write_provenance(about | {"finished": True})
    return run


def _noting(run: RunDirectory, about: dict[str, object]) -> Callable[[int], None]:
    """Begins ``provenance.json``; what is returned is told each batch size before it is relied on.

    ``about`` gets "computed": every device, number of threads and batch size, earlier starts' too.
    """
    earlier = run.provenance().get("computed") if run.has_provenance() else None
    computed = list(earlier) if isinstance(earlier, list) else []
    about["computed"] = computed
    run.write_provenance(about | {"finished": False})

    def note(batch_size: int) -> None:
        under = {name: about[name] for name in ("device", "threads")} | {"batch_size": batch_size}
        if under not in computed:
            computed.append(under)
            run.write_provenance(about | {"finished": False})

    return note


def _carry_out(
    units: Sequence[Unit],
    run: RunDirectory,
    perform: Callable[..., UnitResult],
    batch_size: int,
    *,
    note: Callable[[int], None],
    on_progress: Callable[[Progress], None] | None,
) -> None:
    """Does every unit that is not there yet, in order: the clean ones come first."""
    before: dict[str, Outputs] = {}
    done = resumed = 0
    total = sum(len(unit.cases) for unit in units)
    missing = [unit for unit in units if not run.has_unit(unit.id)]
    with contextlib.closing(read_ahead(missing, _read)) as ahead:
        for unit in units:
            if run.has_unit(unit.id):
                resumed += len(unit.cases)
            else:
                images = next(ahead)
                if unit.probe.id == CLEAN:
                    _warn(images)
                note(batch_size)
                result = perform(unit, images, before=before, batch_size=batch_size)
                batch_size = result.batch_size
                note(batch_size)
                run.write_unit(unit.id, result.findings, result.examples)
            if unit.probe.id == CLEAN:
                before |= dict(_clean_outputs(run, unit))
            done += len(unit.cases)
            if on_progress is not None:
                on_progress(Progress(probe=unit.probe.id, done=done, total=total, resumed=resumed))


def _clean_outputs(run: RunDirectory, unit: Unit) -> Iterator[tuple[str, Outputs]]:
    """Case id → outputs, of the unit's cases that did not fail."""
    for finding in run.unit(unit.id):
        if finding.status == "ok" and finding.stored == LOSSLESS:
            yield finding.case_id, finding.outputs_after


def _read(cases: Sequence[Case]) -> Images:
    """Each case's image, or why there is none."""
    images: Images = {}
    for case in cases:
        try:
            images[case.id] = read_case(case)
        except DataError as error:
            images[case.id] = error
    return images


def _warn(images: Mapping[str, Image | PlexorError]) -> None:
    for image in images.values():
        if not isinstance(image, Image):
            logger.warning("%s", image)


def _checks(plan: Plan, cohort: Cohort, model: Model, batch_size: int) -> list[Check]:
    """The checks of model and threats, on those of the first cases that go into one batch."""
    batch = _sample(cohort, model)
    for probe in plan.all_probes():
        if probe.threat is not None:
            probe.threat.radii(batch)

    def work(part: slice) -> list[Check]:
        return check_model(model, batch.select(torch.arange(part.start, part.stop)))

    parts, _ = halving(work, len(batch), batch_size)
    weights = plan.model.weights
    trained_on = read_training_groups(plan.path(weights)) if weights else frozenset()
    groups = check_groups(trained_on, (case.group for case in cohort.cases))
    return [*(max(same, key=lambda c: c.raised) for same in zip(*parts, strict=True)), groups]


def _sample(cohort: Cohort, model: Model) -> Batch:
    """Those of the first cases that are most alike."""
    found = _read(cohort.cases[:_CHECKED_CASES])
    readable = [(c, i) for c in cohort.cases if isinstance(i := found.get(c.id), Image)]
    if not readable:
        raise DataError(f"none of the first {len(found)} images can be read: {found.popitem()[1]}")
    ((commonest, _),) = Counter(alike(image) for _, image in readable).most_common(1)
    some = [(case, image) for case, image in readable if alike(image) == commonest]
    return Batch.of(
        [case.id for case, _ in some],
        [image for _, image in some],
        encode(model.task, [case.truth for case, _ in some]),
        model.device,
    )


def _example_ids(cases: Sequence[Case], plan: Plan) -> frozenset[str]:
    """Cases shown in the report: the classes in turn, within a class by a draw of their own.

    Where truth is a number, all are of one class.
    """
    by_class: dict[str, list[str]] = {}
    for case in sorted(cases, key=lambda c: seed_for(plan.seed, "example", c.id)):
        name = case.truth if isinstance(case.truth, str) else ""
        by_class.setdefault(name, []).append(case.id)
    rounds = range(max(map(len, by_class.values()), default=0))
    in_turn = [ids[i] for i in rounds for _, ids in sorted(by_class.items()) if i < len(ids)]
    return frozenset(in_turn[: plan.n_examples])


def _check_classes(cohort: Cohort, model: Model) -> None:
    if strange := sorted(set(cohort.classes) - set(model.task.classes)):
        raise DataError(
            f"{cohort.name} has cases of {', '.join(strange)}, which the model does not know; "
            f"it knows {', '.join(model.task.classes)}"
        )


def _check_task(probe: Probe, task: Task) -> None:
    """Refuses an attack or a goal that the model's task gives nothing to do."""
    if probe.goal is None:
        return
    probe.goal.check(task)
    tasks = find(probe.name).tasks
    if task.kind not in tasks:
        raise PlanError(f"{probe.name} works for {', '.join(tasks)}, not for {task.kind}")
