"""Checks of a model's gradients, on which every gradient-based search depends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plexor.attacks.goals import Goal, LowerDice, Misclassify
from plexor.attacks.gradient import PGD
from plexor.attacks.objective import Objective
from plexor.attacks.threat import Threat
from plexor.audits.check import Check, worst
from plexor.core.errors import ModelError
from plexor.models.batch import Batch
from plexor.models.classification import Binary, Multiclass, Multilabel
from plexor.models.foreign_code import backward_pass
from plexor.models.hiding_layers import hiding_layers
from plexor.models.model import Model, answer
from plexor.models.segmentation import Segmentation
from plexor.models.stand_ins import written
from plexor.models.task import Task

_CHECKS = ("zero-gradients", "false-gradients", "unbounded-fails")
_GROSS = 4.0
"""Tolerated ratio of gradient to finite difference; curvature over one level is far less."""
_HALF = 0.5
_WITHSTAND = 0.1
_ROUNDING = 32 * torch.finfo(torch.float32).eps
"""Relative rounding error of a network's output in float32."""
_LEVELS = 256
_ANYTHING = Threat(norm="linf", radius=100, unit="percent")
_MISSED = 0.5
"""Dice below which an outline counts as lost."""
_SEARCH = PGD(steps=20, random_start=False, loss="margin", stop_at_success=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slope:
    """Gradient of the objective at the untouched images.

    Attributes:
        gradient: (N, C, *spatial).
        scale: greatest absolute output, (N,).
    """

    gradient: Tensor
    scale: Tensor


Guides = Callable[[Batch], Sequence[Model]]
"""From cases to the models whose gradients all attacks follow in place of the audited model's own;
empty if one follows those."""


def own_only(_: Batch) -> Sequence[Model]:
    """Of attacks that follow the model's own gradients."""
    return ()


def check_gradients(model: Model, batch: Batch, guides: Guides = own_only) -> list[Check]:
    """Runs every check of gradients that suits the task; undecided without access to gradients.

    Args:
        model: the audited model.
        batch: some of its cases.
        guides: asked where the model's own gradients do not pass. Theirs are checked instead, the
            worst of them counts, and they need not predict the model's output.
    """
    if model.access != "gradients":
        seen = f"the model gives its {model.access} only, no gradients"
        return [Check(id=name, raised=None, message=seen) for name in _CHECKS]
    own = _checks(model, batch)
    others = guides(batch) if any(check.raised for check in own) else ()
    if not others:
        return own
    return worst(_checks_in_place(guide, batch) for guide in others)


def _checks_in_place(guide: Model, batch: Batch) -> list[Check]:
    """The checks of gradients that attacks follow in place of the model's own."""
    seen = "by the gradient that the attacks follow in place of the model's own"
    return [
        replace(check, raised=None, message="the attacks follow another gradient than the model's")
        if check.id == "false-gradients"
        else replace(check, message=f"{check.message}, {seen}")
        for check in _checks(guide, batch)
    ]


def _checks(model: Model, batch: Batch) -> list[Check]:
    try:
        slope = _slope(model, batch)
    except ModelError as error:
        seen = f"no gradient: {error.__cause__ or error}"
        checks = [Check(id=name, raised=True, message=seen) for name in _CHECKS[:2]]
    else:
        checks = [_zero(slope), _false(model, batch, slope)]
        del slope  # as large as the images
    if checks[0].raised and (layers := _in_the_way(model, batch)):
        checks[0] = replace(checks[0], message=f"{checks[0].message}; {layers}")
    if _decides(model.task):
        checks.append(_unbounded(model, batch, Misclassify()))
    elif isinstance(model.task, Segmentation):
        checks.append(_unbounded_outlines(model, batch, model.task))
    return checks


def _in_the_way(model: Model, batch: Batch) -> str:
    """The layers that hide the gradient, and the line of a plan that passes them by; else ""."""
    some = batch.select(torch.zeros(1, dtype=torch.int64, device=batch.images.device))
    found = hiding_layers(model, some).stand_ins
    if not found:
        return ""
    line = ", ".join(f"{name}: {written(one)}" for name, one in found.items())
    return f"hidden by {', '.join(found)}: an attack with `backward: {{{line}}}` passes by"


def _decides(task: Task) -> bool:
    return isinstance(task, Multiclass | Binary | Multilabel)


def _climbed(model: Model, batch: Batch, outputs: Tensor) -> Tensor:
    """The objective, (N,): the margin, the mean margin of pixels, or the output of a regression."""
    if _decides(model.task):
        return Misclassify().loss(model.task, outputs, batch.truth, "margin")
    if isinstance(model.task, Segmentation):
        labels = range(1, 1 + len(model.task.foreground))
        leads = torch.stack([model.task.lead(outputs, label) for label in labels])
        return leads.abs().flatten(2).mean(dim=(0, 2))
    return outputs.flatten(1).mean(dim=1)


def _slope(model: Model, batch: Batch) -> _Slope:
    images = batch.images.detach().clone().requires_grad_()
    outputs = answer(model, batch, images)
    climbed = _climbed(model, batch, outputs).sum()
    with backward_pass():
        (gradient,) = torch.autograd.grad(climbed, images)
    return _Slope(gradient=gradient, scale=outputs.detach().flatten(1).abs().amax(dim=1))


def _zero(slope: _Slope) -> Check:
    greatest = slope.gradient.flatten(1).abs().amax(1)
    without = int((~(greatest > 0)).sum())  # NaN counts as no gradient
    return Check(
        id="zero-gradients",
        raised=without > 0,
        message=f"the gradient is zero or no number for {without} of {len(greatest)} cases",
    )


def _false(model: Model, batch: Batch, slope: _Slope) -> Check:
    """Compares the gradient with a central difference, one level to either side along it."""
    level = torch.where(batch.quantum > 0, batch.quantum, (batch.high - batch.low) / _LEVELS)
    ndim = slope.gradient.ndim
    length = slope.gradient.flatten(1).norm(dim=1)
    along = (
        level * slope.gradient / length.clamp(min=torch.finfo().tiny).view(-1, *[1] * (ndim - 1))
    )
    with torch.no_grad():
        ahead, behind = (
            _climbed(model, batch, answer(model, batch, batch.images + step))
            for step in (along, -along)
        )
    said, done = 2 * level.flatten() * length, ahead - behind
    rounding = _ROUNDING * slope.scale
    wrong = ~((done >= said / _GROSS - rounding) & (done <= said * _GROSS + rounding))
    reach = (slope.gradient.abs() * (batch.high - batch.low)).flatten(1).sum(dim=1)
    vanishing = (reach > 0) & (reach < torch.finfo().eps * slope.scale)
    n_wrong, n_vanishing = int(wrong.sum()), int((vanishing & ~wrong).sum())
    return Check(
        id="false-gradients",
        raised=n_wrong + n_vanishing >= _HALF * len(batch),
        message=f"the gradient is wrong by a factor above {_GROSS:g}, or no number, for {n_wrong} "
        f"of {len(batch)} cases, and negligibly small for {n_vanishing} more",
    )


def _unbounded_outlines(model: Model, batch: Batch, task: Segmentation) -> Check:
    """Attacks, without bounds, the class that most cases have, on the cases that have it."""
    labels = range(1, 1 + len(task.foreground))
    there = torch.stack([(batch.truth == label).flatten(1).any(dim=1) for label in labels])
    label = int(there.sum(dim=1).argmax())
    if not there[label].any():
        return Check(id="unbounded-fails", raised=None, message="no case has a class to outline")
    some = batch.select(torch.nonzero(there[label]).flatten())
    return _unbounded(model, some, LowerDice(of=task.foreground[label], below=_MISSED))


def _unbounded(model: Model, batch: Batch, goal: Goal) -> Check:
    """Searches the whole storable range; cases that meet the goal at the start count as reached."""
    try:
        delta = _SEARCH(model, batch, goal, _ANYTHING, seed=0).delta
        reached = Objective(model, batch, goal).reached(delta)
    except ModelError as error:
        return Check(id="unbounded-fails", raised=True, message=f"the search failed: {error}")
    withstood = int((~reached).sum())
    return Check(
        id="unbounded-fails",
        raised=withstood > _WITHSTAND * len(batch),
        message=f"{withstood} of {len(batch)} cases withstood a search without bounds",
    )
