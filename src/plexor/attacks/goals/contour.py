"""Goals about the outline of a class by a segmentation: wrong, erased, grown, invented or moved.

Each is about one class other than the background. Where a goal is undefined for a case, the margin
is NaN, and the case is neither attempted nor reached. The margin is also NaN for NaN outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.goals.flips import Flipping, Flips
from plexor.attacks.goals.goal import LossKind
from plexor.core.errors import PlanError
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task
from plexor.threat_model import goals
from plexor.threat_model.goals.outline import SLACK

_NOTHING = 1e-12
_SOFT = 0.25
"""Scale of the soft decision, as a share of the mean distance from undecided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LowerDice(Flipping, goals.LowerDice):
    """Reduce the Dice coefficient of a class with the truth below a number."""

    def check(self, task: Task) -> None:
        """Checks that the task outlines the class."""
        _outlined(task, self.kind, self.of)

    def flips(self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None) -> Flips:
        """Pixels of the class to miss, and other pixels to assign to it.

        With T pixels of the class, M of them missed and I others assigned to it, Dice is
        2 (T - M) / (2 (T - M) + M + I). It is below d if ``(2 - d) M + d I > 2 T (1 - d)``, which
        gives the weights.
        """
        outlined, label = _outlined(task, self.kind, self.of)
        inside = (truth == label).flatten(1)
        lead = outlined.lead(outputs, label).flatten(1)
        size = inside.sum(dim=1, keepdim=True)

        def enough(order: Tensor) -> Tensor:
            there = inside.gather(1, order)
            missed, invented = there.cumsum(dim=1), (~there).cumsum(dim=1)
            both = size - missed
            return 2 * both.double() / (2 * both + missed + invented) < self.below

        return Flips(
            lead=torch.where(inside, -lead, lead),
            counts=torch.ones_like(inside),
            weight=torch.where(inside, 2 - self.below, self.below).to(lead.dtype),
            enough=enough,
            possible=(size > 0).flatten(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase(Flipping, goals.Erase):
    """Remove a class from where it is outlined on the untouched image."""

    def check(self, task: Task) -> None:
        """Checks that the task outlines the class."""
        _outlined(task, self.kind, self.of)

    def flips(self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None) -> Flips:
        """Pixels of the class on the untouched image, to assign to any other class."""
        outlined, label = _outlined(task, self.kind, self.of)
        there = (outlined.decide(_known(before, self.kind)) == label).flatten(1)
        size = there.sum(dim=1, keepdim=True)
        need = size - torch.floor(self.keep * size.double() + SLACK)
        lead = -outlined.lead(outputs, label).flatten(1)
        return _at_least(need, lead, there, possible=size > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread(Flipping, goals.Spread):
    """Outline a class where it is not outlined on the untouched image."""

    def check(self, task: Task) -> None:
        """Checks that the task outlines the class."""
        _outlined(task, self.kind, self.of)

    def flips(self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None) -> Flips:
        """Pixels of other classes on the untouched image, to assign to this one."""
        outlined, label = _outlined(task, self.kind, self.of)
        there = (outlined.decide(_known(before, self.kind)) == label).flatten(1)
        size, room = there.sum(dim=1, keepdim=True), (~there).sum(dim=1, keepdim=True)
        reference = size if self.kind == "grow" else size + room
        need = torch.ceil(self.by * reference.double() - SLACK).clamp(min=1)
        possible = (need <= room) & (reference > 0)
        lead = outlined.lead(outputs, label).flatten(1)
        return _at_least(need, lead, ~there, possible=possible)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift(goals.Drift):
    """Move the centre of the outline of a class."""

    def check(self, task: Task) -> None:
        """Checks that the task outlines the class."""
        _outlined(task, self.kind, self.of)

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """Movement beyond ``by``: in the direction of movement, and along each axis up and down.

        Values are those of the decision, which changes in steps. Gradients are those of a soft
        decision, on a scale that follows the logits.
        """
        outlined, label = _outlined(task, self.kind, self.of)
        start_lead = outlined.lead(_known(before, self.kind), label).flatten(1)
        lead = outlined.lead(outputs, label).flatten(1)
        there = start_lead > 0
        scale = _SOFT * start_lead.abs().mean(dim=1, keepdim=True)
        soft = (lead / scale.clamp(min=_NOTHING)).sigmoid()
        hard = (lead > 0).to(lead.dtype) + (soft - soft.detach())
        place = _places(outputs)
        size = hard.sum(dim=1, keepdim=True)
        start = _centre(there.to(lead.dtype), place)
        moved = _centre(hard, place) - start
        found = torch.cat([_ahead(moved, _centre(soft, place) - start), moved, -moved], dim=1)
        # A class that has vanished has not moved; any pixel brings it back.
        found = found.where(size > 0, size)
        defined = there.any(dim=1) & ~lead.isnan().any(dim=1)
        return (found - self.by).where(defined[:, None], torch.nan)

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """Movement beyond ``by``, in pixels."""
        return self.ways(task, outputs, truth, before)[:, 0]

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """The margin, for every kind; it does not depend on the scale of the logits."""
        return self.margin(task, outputs, truth, before)


def _outlined(task: Task, kind: str, of: str) -> tuple[Segmentation, int]:
    """The segmentation task, and the label of the class."""
    if not isinstance(task, Segmentation):
        raise PlanError(f"goal: `{kind}` needs a segmentation, not {task.kind}")
    return task, task.label_of(of)


def _known(before: Tensor | None, kind: str) -> Tensor:
    """The outputs for the untouched images."""
    if before is None:
        raise PlanError(f"goal: `{kind}` needs what the model said before")
    return before


def _at_least(need: Tensor, lead: Tensor, counts: Tensor, *, possible: Tensor) -> Flips:
    """The requirement of ``need`` (N, 1) of the pixels that count."""

    def enough(order: Tensor) -> Tensor:
        return 1 + torch.arange(order.shape[1], device=order.device) >= need

    return Flips(
        lead=lead,
        counts=counts,
        weight=torch.ones_like(lead),
        enough=enough,
        possible=possible.flatten(),
    )


def _places(outputs: Tensor) -> Tensor:
    """Coordinates of each pixel, (P, axes), from the centre of the image."""
    axes = [
        torch.arange(n, device=outputs.device, dtype=outputs.dtype) - (n - 1) / 2
        for n in outputs.shape[2:]
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2)


def _centre(mass: Tensor, place: Tensor) -> Tensor:
    """Centre of masses (N, P), (N, axes); the centre of the image where there is no mass."""
    total = mass.sum(dim=1, keepdim=True)
    sums = torch.stack([(mass * along).sum(dim=1) for along in place.unbind(1)], dim=1)
    return sums / total.where(total > 0, 1.0)


def _ahead(moved: Tensor, inclined: Tensor) -> Tensor:
    """Length of ``moved`` (N, axes), (N, 1); at length 0, the gradient is along ``inclined``.

    ``inclined`` points to the least decided pixels; where it is 0, the first axis is used.
    """
    along = moved.detach()
    for other in (inclined.detach(), torch.eye(moved.shape[1], device=moved.device)[:1]):
        along = along.where((along != 0).any(dim=1, keepdim=True), other)
    unit = along / along.square().sum(dim=1, keepdim=True).sqrt()
    return (moved * unit).sum(dim=1, keepdim=True)
