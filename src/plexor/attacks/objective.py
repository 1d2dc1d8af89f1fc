"""What a search may ask of a model, and the count of what it asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from copy import copy
from typing import Literal

import torch
from torch import Tensor

from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.proposal import Proposal
from plexor.core.errors import ModelError
from plexor.models.batch import Batch
from plexor.models.device import is_out_of_memory
from plexor.models.model import Model

Precision = Literal["float32", "bfloat16", "float16"]
_FLAT = 1e-30
"""How fast a way rises at least, so that the least short of those that do not comes last."""


class Objective:
    """A goal for some cases against a model; every pass through the model is counted by case.

    All perturbations are (N, C, *spatial) in stored numbers, for the cases of ``batch`` in their
    order. A margin that is no number counts as reached: such outputs are for the judge to see, and
    the case has failed there.

    Args:
        model: what is asked.
        batch: the cases. Where their outputs ``before`` are not known, they are asked for once
            they are needed, at one forward pass a case.
        goal: what the margin and the losses are of.
        precision: of the passes that serve a search; "float32", or autocast to a shorter type.

    Attributes:
        batch: the cases.
        n_gradients: (N,) int64, forward-and-backward passes so far.
        n_forwards: (N,) int64, further forward passes.
    """

    def __init__(
        self, model: Model, batch: Batch, goal: Goal, *, precision: Precision = "float32"
    ) -> None:
        self.model = model
        self.goal = goal
        self.precision = precision
        self.n_gradients = torch.zeros(len(batch), dtype=torch.int64, device=batch.images.device)
        self.n_forwards = torch.zeros_like(self.n_gradients)
        self._rows = torch.arange(len(batch), device=batch.images.device)
        self.batch = batch
        self._before = batch.before
        self._slopes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def before(self) -> Tensor:
        """The model's outputs for the cases untouched, (N, ...); asks for them where not known."""
        if self._before is None:
            self._before = self.outputs(torch.zeros_like(self.batch.images))
        return self._before

    def select(self, index: Tensor) -> Objective:
        """The same for some of the cases; what they ask is counted here too."""
        some = object.__new__(Objective)
        some.model, some.goal, some.precision = self.model, self.goal, self.precision
        some.n_gradients, some.n_forwards = self.n_gradients, self.n_forwards
        some._rows = self._rows[index]
        some.batch = self.batch.select(index)
        before = self._start()
        some._before = None if before is None else before[index]
        some._slopes = None if self._slopes is None else self._slopes[index]
        return some

    def towards(self, goal: Goal) -> Objective:
        """The same cases for another goal; what is asked for it is counted here too."""
        other = copy(self)
        other.goal, other._slopes = goal, None
        return other

    def evened(self, slope: Callable[[Tensor, Tensor], Tensor], most: int) -> Objective:
        """The same cases, whose "margin" loss climbs the way whose boundary seems nearest.

        That is the one short by least over how fast it rises on the untouched image. The margin
        itself, of the way that is greatest, may be that of a boundary further off. Costs a gradient
        for each way looked at; nothing, and changes nothing, where there is one way.

        Args:
            slope: of gradients (N, C, *spatial) and ways (N,), how far a way rises on its way to
                its boundary for each of the threat's norm, (N,); 0 where it does not get there.
            most: look at so many ways only, the nearest to being taken; others are not climbed.
        """
        ways = self.goal.ways(self.model.task, self.before, self.batch.truth, self.before)
        if ways.shape[1] == 1 or most == 1:
            return self
        some, gradients, chosen = self._some_ways(torch.zeros_like(self.batch.images), most)
        each = zip(gradients.unbind(1), some.unbind(1), strict=True)
        found = torch.stack([slope(gradient, way) for gradient, way in each], dim=1)
        other = copy(self)
        other._slopes = torch.zeros_like(ways).scatter(1, chosen, found.to(ways.dtype))
        return other

    def untouched(self) -> Tensor:
        """The margin of the images as they are, (N,); asks no more than ``before``."""
        return self._margin(self.before)

    def outputs(self, delta: Tensor) -> Tensor:
        """The model's outputs; one forward pass."""
        self._count(self.n_forwards)
        with torch.no_grad(), self._autocast():
            return self.model.outputs(self.batch.images + delta, self.batch.scaling)

    def margin(self, delta: Tensor) -> Tensor:
        """The goal's margin, (N,); one forward pass."""
        return self._margin(self.outputs(delta))

    def reached(self, delta: Tensor) -> Tensor:
        """Whether the goal is reached, (N,) bool; one forward pass.

        All that a search may ask which sees decisions only.
        """
        return self.margin(delta) > 0

    def spent(self) -> Tensor:
        """Passes of both kinds so far for each of these cases, (N,) int64."""
        return (self.n_gradients + self.n_forwards)[self._rows]

    def gradient(self, delta: Tensor, loss: LossKind) -> tuple[Tensor, Tensor, Tensor]:
        """Margin (N,), loss (N,) and the loss's gradient at ``delta``; one gradient.

        The gradient is 0 where it is no finite number.

        Raises:
            ModelError: the model lets no gradient through.
        """
        self._count(self.n_gradients)
        trial, outputs = self._tracked(delta)
        batch, task = self.batch, self.model.task
        if self._slopes is None or loss != "margin":
            climbed = self.goal.loss(task, outputs, batch.truth, loss, self._start(loss))
        else:
            ways = self.goal.ways(task, outputs, batch.truth, self._start())
            nearest = (ways.detach() / self._slopes.clamp(min=_FLAT)).argmax(dim=1, keepdim=True)
            climbed = ways.gather(1, nearest).squeeze(1)
        (gradient,) = _gradients([climbed.sum()], trial)
        return self._margin(outputs.detach()), climbed.detach(), gradient

    def ways(self, delta: Tensor, most: int | None = None) -> tuple[Tensor, Tensor]:
        """Every way (N, K) to the goal, and their gradients (N, K, C, *spatial); K gradients.

        Args:
            delta: where.
            most: take only so many, the nearest to being taken.

        Raises:
            ModelError: the model lets no gradient through.
        """
        ways, gradients, _ = self._some_ways(delta, most)
        return ways, gradients

    def proposal(self, delta: Tensor) -> Proposal:
        """``delta`` and what it cost."""
        return Proposal(
            delta=delta, n_gradients=self.n_gradients.cpu(), n_forwards=self.n_forwards.cpu()
        )

    def _some_ways(self, delta: Tensor, most: int | None) -> tuple[Tensor, Tensor, Tensor]:
        """As ``ways``, and which of the goal's each of them is, (N, K)."""
        trial, outputs = self._tracked(delta)
        batch = self.batch
        ways = self.goal.ways(self.model.task, outputs, batch.truth, self._start())
        chosen = torch.arange(ways.shape[1], device=ways.device).expand(len(ways), -1)
        if most is not None and most < ways.shape[1]:
            chosen = ways.detach().topk(most, dim=1).indices
            ways = ways.gather(1, chosen)
        for _ in range(ways.shape[1]):
            self._count(self.n_gradients)
        gradients = _gradients([column.sum() for column in ways.unbind(1)], trial)
        return ways.detach(), torch.stack(gradients, dim=1), chosen

    def _tracked(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        trial = delta.detach().requires_grad_()
        with torch.enable_grad(), self._autocast():
            return trial, self.model.outputs(self.batch.images + trial, self.batch.scaling)

    def _margin(self, outputs: Tensor) -> Tensor:
        batch = self.batch
        margin = self.goal.margin(self.model.task, outputs, batch.truth, self._start())
        return torch.where(margin.isnan(), torch.inf, margin)

    def _start(self, loss: LossKind = "margin") -> Tensor | None:
        """The outputs ``before``, or None where neither they are known nor the goal needs them."""
        return self.before if self.goal.looks_back or loss == "ratio" else self._before

    def _count(self, counter: Tensor) -> None:
        counter.index_add_(0, self._rows, torch.ones_like(self._rows))

    def _autocast(self) -> contextlib.AbstractContextManager[object]:
        if self.precision == "float32":
            return contextlib.nullcontext()
        device = self.batch.images.device.type
        return torch.autocast(device, dtype=getattr(torch, self.precision))


def _gradients(of: list[Tensor], at: Tensor) -> list[Tensor]:
    """The gradient of each at ``at``; 0 where it is no finite number.

    Laid out as images are, not with channels last as convolutions leave it: what mixes the two
    layouts takes several times as long.
    """
    found = []
    for i, number in enumerate(of):
        try:
            (gradient,) = torch.autograd.grad(number, at, retain_graph=i + 1 < len(of))
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise ModelError(
                f"the model lets no gradient through, which this attack follows: {error}"
            ) from error
        found.append(gradient.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0).contiguous())
    return found
