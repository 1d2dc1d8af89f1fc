"""Everything that can be known of an audit before it computes anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from plexor.audits.access import check_access
from plexor.audits.backward import check_backward
from plexor.audits.checks import check_taken, checked_in_parts
from plexor.audits.inputs import check_classes, check_moved, cohort_of
from plexor.audits.pass_time import seconds_per_case
from plexor.audits.passes import passes_of
from plexor.audits.sample import checked_cases
from plexor.audits.sources import Sources
from plexor.cases import Cohort
from plexor.core.errors import PlexorError
from plexor.models import Batch, Model, ModelCard, ModelSource, open_model
from plexor.models.device import choose_device
from plexor.models.features import check_features
from plexor.models.loading import card_of
from plexor.models.sources.opening import completed
from plexor.models.task import Task, task_from
from plexor.plans import Plan
from plexor.probes import PlannedProbe

Place = tuple[str | int, ...]
_CODE = ("python", "predict", "torchscript", "exported")
"""Keys of a plan's ``model`` that run code."""
_FEW_GROUPS = 25
"""Groups below which intervals say little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Something that would stop the audit.

    Attributes:
        place: keys and indices of the plan that it is about.
        text: what is wrong.
    """

    place: Place
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePreview:
    """A probe as the audit would carry it out.

    Attributes:
        id: the probe's.
        kind: "clean", "attack", "control" or another.
        sees: what it needs of the model.
        passes: greatest number of passes for a case; NaN if not known beforehand.
    """

    id: str
    kind: str
    sees: str
    passes: float


@dataclass(slots=True, kw_only=True)
class Preview:
    """What an audit would do.

    Attributes:
        probes: in the order of the plan, controls last.
        doubts: what would stop the audit, every one.
        notes: what else to know.
        n_cases: cases that would be audited; None where the cohort cannot be read.
        n_groups: their groups.
        cohort: its name.
        seconds: estimate of the time, from passes timed on this machine; NaN without a model.
        device: on which they were timed.
    """

    probes: tuple[ProbePreview, ...]
    doubts: list[Doubt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_cases: int | None = None
    n_groups: int = 0
    cohort: str = ""
    seconds: float = math.nan
    device: str = ""

    @property
    def passes(self) -> float:
        """Greatest number of passes in all, of the probes for which it is known."""
        known = [probe.passes for probe in self.probes if not math.isnan(probe.passes)]
        return math.fsum(known) * (self.n_cases or 0)

    def attempt(self, place: Place, check: Callable[[], object]) -> bool:
        """Runs a check; an error becomes a doubt. Returns whether it passed."""
        try:
            check()
        except PlexorError as error:
            self.doubts.append(Doubt(place=place, text=str(error)))
            return False
        return True


def preview(
    plan: Plan, *, device: torch.device | str | None = None, allow_code: bool = False
) -> Preview:
    """Checks a plan against its files, and says what its audit would do.

    Reads the manifest, the weights' card and a few images; writes nothing. The model is checked on
    these images as an audit checks it, and refused for the same reasons. A model that is code is
    not run unless allowed, and a server is not asked, so that only their card is held against the
    images, and these are not timed.

    Args:
        plan: a valid plan.
        device: where passes are timed; None takes a CUDA device if there is one.
        allow_code: allow code that the plan names as its model to be imported and run.
    """
    try:
        plan = plan.with_saved()
    except PlexorError as error:
        found = _begun(plan)
        found.doubts.append(Doubt(place=("probes",), text=str(error)))
        return found
    found = _begun(plan)
    card = _card(plan, found)
    task = card.task.kind if card else _planned_task(plan)
    cohorts: list[Cohort] = []
    if not found.attempt(("cohort", "manifest"), lambda: cohorts.append(cohort_of(plan, task))):
        return found
    (cohort,) = cohorts
    audited = _audited(plan, cohort, found)
    _check_files(plan, cohort, found)
    named = card.task if card else _task(plan, cohort, found)
    if named is None or audited is None:
        return found
    if card is not None:
        _check_card(plan, card, cohort, found)
    found.notes.extend(
        f"`backward.python: {one.python}` is code; audit with --allow-code"
        for one in dict.fromkeys(one for _, probe in _planned(plan) for one in probe.needs.coded)
    )
    batches: list[Batch] = []
    chosen = choose_device(device)
    if found.attempt(
        ("cohort", "manifest"), lambda: batches.append(checked_cases(audited, named, chosen))
    ):
        _check_probes(plan, named, batches[0], found)
        taken = card is not None and found.attempt(
            ("model",), partial(check_taken, card, batches[0])
        )
        runs = allow_code or _code_of(plan.model_source()) is None
        if taken and runs and not found.doubts:
            _run(plan, batches[0], found, chosen, allow_code=allow_code)
    return found


def _begun(plan: Plan) -> Preview:
    probes = tuple(
        ProbePreview(id=one.id, kind=one.kind, sees=_sees(one), passes=passes_of(one))
        for one in plan.all_probes()
    )
    return Preview(probes=probes)


def _sees(probe: PlannedProbe) -> str:
    return probe.needs.access if probe.kind == "attack" else ""


def _card(plan: Plan, found: Preview) -> ModelCard | None:
    """The card of the audited model; None if it has to be trained first, or is not known."""
    source = plan.model_source()
    if source.weights is not None and not source.weights.exists() and plan.train is not None:
        found.notes.append(f"{source.weights} is not there yet: plexor train writes it")
        return None
    if source.weights is None and source.python is None and source.foreign is None:
        if plan.train is None:
            found.notes.append("no `model`: give it in Python, plexor.audit(plan, model=...)")
        return None
    if (key := _code_of(source)) is not None:
        found.notes.append(
            f"`model.{key}: {getattr(source, key)}` is code; audit with --allow-code"
        )
    cards: list[ModelCard] = []
    place: Place = ("model", "weights") if source.weights is not None else ("model",)
    found.attempt(place, lambda: cards.append(card_of(completed(source))))
    return cards[0] if cards else None


def _code_of(source: ModelSource) -> str | None:
    """The key of a model that runs code when it is opened; None for data and servers."""
    return next((key for key in _CODE if getattr(source, key) is not None), None)


def _planned_task(plan: Plan) -> str:
    return plan.model.task or (plan.train.task if plan.train else "multiclass")


def _task(plan: Plan, cohort: Cohort, found: Preview) -> Task | None:
    """The task of a model that has no card yet; None where it is not known, or makes no sense."""
    unit = plan.model.unit or (plan.train.unit if plan.train else None)
    tasks: list[Task] = []
    classes = plan.model.classes or cohort.classes
    found.attempt(
        ("train",), lambda: tasks.append(task_from(_planned_task(plan), classes, unit=unit))
    )
    return tasks[0] if tasks else None


def _audited(plan: Plan, cohort: Cohort, found: Preview) -> Cohort | None:
    """The cases that would be audited, and what a training needs."""
    parts: list[Cohort] = []
    if plan.train is not None and plan.model.weights is not None:
        for needed in ("train", "validation"):
            if not plan.path(plan.model.weights).exists():
                found.attempt(("cohort",), partial(cohort.with_split, needed))
    name = plan.cohort.audit
    found.attempt(
        ("cohort", "audit"),
        lambda: parts.append(cohort if name is None else cohort.with_split(name)),
    )
    if not parts:
        return None
    audited = replace(parts[0], cases=tuple(sorted(parts[0].cases, key=lambda case: case.id)))
    found.cohort = plan.name
    found.n_cases = len(audited)
    found.n_groups = len({case.group for case in audited.cases})
    if found.n_groups < _FEW_GROUPS:
        found.notes.append(
            f"only {found.n_groups} groups would be audited, so intervals will be wide"
        )
    if found.n_groups == found.n_cases:
        found.notes.append("every case is a group of its own; name the patient if some share one")
    return audited


def _check_card(plan: Plan, card: ModelCard, cohort: Cohort, found: Preview) -> None:
    found.attempt(("cohort",), lambda: check_classes(cohort, card.task))
    found.attempt(
        ("cohort", "features"),
        lambda: check_features(card.features, plan.cohort.features, cohort=cohort.name),
    )


def _check_files(plan: Plan, cohort: Cohort, found: Preview) -> None:
    """Files and splits that the training and the probes are made from."""
    if plan.train is not None and plan.train.start is not None:
        start = plan.path(plan.train.start)
        if not start.exists():
            text = f"{start} is not there; name an existing file"
            found.doubts.append(Doubt(place=("train", "start"), text=text))
    for number, probe in _planned(plan):
        found.attempt(("probes", number), partial(Sources.of, [probe], cohort, path=plan.path))


def _check_probes(plan: Plan, task: Task, batch: Batch, found: Preview) -> None:
    for number, probe in _planned(plan):
        place: Place = ("probes", number)
        for check in (
            partial(probe.check, task),
            partial(check_moved, probe, plan.cohort.features),
            partial(probe.check_images, batch),
        ):
            found.attempt(place, check)


def _planned(plan: Plan) -> Iterator[tuple[int, PlannedProbe]]:
    """Each probe that the plan asks for, with the number of its entry."""
    for number, entry in enumerate(plan.probes):
        for probe in entry.probes():
            yield number, probe


def _run(
    plan: Plan, batch: Batch, found: Preview, device: torch.device, *, allow_code: bool
) -> None:
    """Opens the model, and checks it on a few cases; estimates the time of the audit."""
    source, models = plan.model_source(), list[Model]()
    found.attempt(
        ("model",),
        lambda: models.append(open_model(source, device=device, allow_code=allow_code)),
    )
    if not models:
        return
    (model,) = models
    for number, probe in _planned(plan):
        place: Place = ("probes", number)
        if found.attempt(place, partial(check_access, probe, model)) and not probe.needs.coded:
            found.attempt((*place, "backward"), partial(check_backward, probe, model, batch, {}))
    if source.url is not None:
        found.notes.append("the server is not asked here, so that no time is given")
        return
    if found.attempt(("model",), lambda: checked_in_parts(model, batch, len(batch))):
        _time(model, batch, found, device)


def _time(model: Model, batch: Batch, found: Preview, device: torch.device) -> None:
    """Estimates the seconds from a pass of each kind over a few cases."""
    forward = seconds_per_case(model, batch, gradients=False)
    both = forward
    if model.access == "gradients":
        both = seconds_per_case(model, batch, gradients=True)
    found.seconds = (found.n_cases or 0) * math.fsum(
        probe.passes * (both if probe.sees == "gradients" else forward)
        for probe in found.probes
        if not math.isnan(probe.passes)
    )
    found.device = str(device)
