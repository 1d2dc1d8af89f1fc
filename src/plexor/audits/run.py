"""The function ``plexor.audit``, which runs a plan; ``plexor.audits`` is the package.

An unfinished run of the same plan is resumed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from plexor.attacks.randomness import JUDGED
from plexor.audits.backward import check_backward, network_cards
from plexor.audits.checks import Check, check_channels, check_groups, checked_in_parts
from plexor.audits.detectors import detections
from plexor.audits.executors import Executor, Here, Job
from plexor.audits.fits import Fits
from plexor.audits.guides import guides_of
from plexor.audits.inputs import Inputs, model_of
from plexor.audits.missing import carry_out, noting
from plexor.audits.progress import Listener
from plexor.audits.provenance import provenance
from plexor.audits.sample import checked_cases, example_ids
from plexor.audits.session import Session
from plexor.audits.steadiness import Asked
from plexor.audits.surrogates import surrogate_cards
from plexor.audits.unit import Unit, units_of
from plexor.core.errors import PlanError
from plexor.core.files import sole_writer
from plexor.core.progress import stepping
from plexor.core.version import __version__
from plexor.findings import RunDirectory
from plexor.models import Batch, Model, read_training_groups
from plexor.models.device import choose_device
from plexor.models.model import Limited
from plexor.plans.plan import Plan, load_plan
from plexor.probes import Ready


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
    quiet: bool = False,
    by: str = "",
) -> RunDirectory:
    """Applies a plan's probes to a model, and stores judged findings in a run directory.

    Units whose findings are already in ``out`` are not repeated.

    Args:
        plan: a plan, its YAML file, or a mapping with its content.
        out: the run directory.
        model: the model to audit instead of the plan's, e.g. one made in a notebook.
        device: where to compute; None takes a CUDA device if there is one.
        batch_size: cases per batch; halved when memory runs out. Findings depend on it only through
            the device's arithmetic, which may sum in another order for another number of cases.
            Each batch size used is recorded in ``provenance.json``.
        allow_code: allow code that the plan names, e.g. ``model.python``, to be imported and run.
        executor: what executes the units: this process (``Here()``) by default, ``Ray(workers=4)``
            for several units at a time. Findings are the same, bit for bit if the number of torch's
            threads is the same.
        on_progress: takes the place of the bar that is shown in a terminal (elsewhere a line a
            minute, on standard error). Called after each unit, and once at the start with the
            units already done. In plans that fit attacks also before, after each part read or
            fitted; in plans with a detector also at the end, after each probe.
        quiet: show no progress; ``on_progress`` is called all the same.
        by: name of the person who runs the audit, for the report.

    Returns:
        The run directory. ``plexor.audit`` gives it as a ``plexor.Run``, which prints its figures
        and has ``findings()``, ``summary()``, ``examples()`` and ``report()``.

    Raises:
        PlexorError: plan, cohort or model are invalid, or ``out`` holds something else, such as a
            run of another version of Plexor or torch. An error in a single case becomes a finding,
            not an exception.

    Example:
        >>> run = plexor.audit("plan.yaml", out="runs/first")  # doctest: +SKIP
        >>> run.findings()[["case_id", "probe", "decision_after"]]  # doctest: +SKIP
    """
    if not isinstance(plan, Plan):
        plan = load_plan(Path(plan) if isinstance(plan, str) else plan)
    plan = plan.with_saved()
    probes = plan.all_probes()
    run = RunDirectory(out)
    executor = executor or Here()
    if model is None:
        model = model_of(plan, device=choose_device(device), allow_code=allow_code)
    _check_rate(model, executor)
    inputs = Inputs.of(plan, probes, model, allow_code=allow_code)
    job = Job(
        model=model,
        seed=plan.seed,
        keep=example_ids(inputs.cases, plan.n_examples, seed=plan.seed),
        batch_size=batch_size,
    )
    fingerprint = inputs.fingerprint() | {"Plexor": __version__, "torch": str(torch.__version__)}
    run.check(plan.resolved(), fingerprint)  # before the lock, whose file would be left behind
    with sole_writer(run.path), _told(on_progress, quiet=quiet) as report_progress:
        run.open(plan.resolved(), fingerprint)
        session = Session.begun(run, by=by)
        batch = checked_cases(inputs.audited, model.task, model.device)
        checks = _checks(plan, inputs, model, batch, batch_size)
        job = replace(job, draws=_draws(checks))
        asked = Asked.begun(run, model, batch, varies=_varies(checks))
        del batch
        ready = _made_ready(inputs, run, job, executor, report_progress)
        about = _about(inputs, ready, model, [*checks, *asked.checks]) | asked.about()
        carry_out(
            _units(plan, inputs, ready),
            run,
            job,
            executor,
            note=noting(run, about),
            report_progress=report_progress,
        )
        if plan.visibility.detector:
            about["detectors"] = detections(
                run,
                [probe.id for probe in probes if probe.threat is not None],
                {case.id: case.group for case in inputs.cases},
                seed=plan.seed,
                device=model.device,
                report_progress=report_progress,
            )
        run.write_provenance(asked.ended(about) | {"finished": True})
        session.note()
    return run


def _check_rate(model: Model, executor: Executor) -> None:
    """Refuses several processes for a server whose rate is limited: each would keep the rate."""
    per_second = model.per_second if isinstance(model, Limited) else None
    if per_second is not None and executor.several_processes:
        raise PlanError(
            f"{model.card.architecture} is to be asked at most {per_second:g} times a second, "
            "which several workers cannot keep to together; leave out --workers and --ray "
            "(`request.in_flight` says how many requests are sent at once)"
        )


def _made_ready(
    inputs: Inputs,
    run: RunDirectory,
    job: Job,
    executor: Executor,
    report_progress: Listener,
) -> list[Ready]:
    """Every probe in the plan's order, ready, after all fits."""
    fits = Fits(
        run=run,
        sources=inputs.sources,
        audited=inputs.cases,
        job=job,
        model_sha256=inputs.model_sha256,
        images_sha256=inputs.images_sha256,
        report_progress=report_progress,
    ).carry_out(inputs.probes, executor)
    materials = replace(inputs.materials, fits=fits)
    return [inputs.early.get(probe.id) or probe.ready(materials) for probe in inputs.probes]


def _units(plan: Plan, inputs: Inputs, ready: Sequence[Ready]) -> list[Unit]:
    """The units: the audited cases under each probe, in parts."""
    return [
        unit
        for one in ready
        for unit in units_of(
            one,
            inputs.cases,
            size=plan.unit_size,
            seed=plan.seed,
            model_sha256=inputs.model_sha256,
            images_sha256=inputs.images_sha256,
            visibility=plan.visibility,
        )
    ]


def _about(
    inputs: Inputs, ready: Sequence[Ready], model: Model, checks: list[Check]
) -> dict[str, object]:
    """The content of ``provenance.json`` before anything is computed."""
    about = provenance(
        model,
        inputs.probes,
        model_sha256=inputs.model_sha256,
        cohort_sha256=inputs.audited.digest,
        images=dict(inputs.images_sha256),
        checks=checks,
    )
    about["fits"] = {one.probe.id: one.fit for one in ready if one.fit}
    if inputs.materials.models:
        about["surrogates"] = surrogate_cards(inputs.materials.models)
    if inputs.materials.networks:
        about["stand_ins"] = network_cards(inputs.materials.networks)
    return about


def _draws(checks: Sequence[Check]) -> int:
    """Times the judge asks about each image: once, unless the model's outputs vary."""
    return JUDGED if _varies(checks) else 1


def _varies(checks: Sequence[Check]) -> bool:
    return any(check.id == "non-deterministic" and check.raised for check in checks)


@contextlib.contextmanager
def _told(on_progress: Listener | None, *, quiet: bool) -> Iterator[Listener]:
    """The function given, or one that moves a bar."""
    if on_progress is not None:
        yield on_progress
        return
    with stepping("audit", unit="case-probes", quiet=quiet) as advance:
        yield lambda news: advance(
            news.done, news.total, news.probe, unit=news.unit, seconds_left=news.seconds_left
        )


def _checks(plan: Plan, inputs: Inputs, model: Model, batch: Batch, batch_size: int) -> list[Check]:
    """Runs the checks of model and probes, on those of the first cases that fit into one batch."""
    for probe in inputs.probes:
        probe.check_images(batch)
        check_backward(probe, model, batch, inputs.materials.networks)

    guides = partial(guides_of, inputs.probes, model, inputs.materials.networks)
    of_model = checked_in_parts(model, batch, batch_size, guides)
    weights = plan.model.weights
    trained_on = read_training_groups(plan.path(weights)) if weights else frozenset()
    groups = check_groups(trained_on, (case.group for case in inputs.cases))
    threats = [probe.threat for probe in inputs.probes if probe.kind == "attack" and probe.threat]
    return [*of_model, groups, check_channels(batch, threats)]
