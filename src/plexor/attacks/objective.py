"""Queries of a model on behalf of a search, counted by case."""

from __future__ import annotations

import contextlib
import math
from copy import copy
from typing import Literal

import torch
from torch import Tensor

from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.proposal import Proposal
from plexor.models.batch import Batch
from plexor.models.foreign_code import backward_pass
from plexor.models.layout import layout_of
from plexor.models.model import Model, answer

Precision = Literal["float32", "bfloat16", "float16"]
_FLAT = 1e-30
"""Smallest slope assumed, so that ways that do not rise rank last."""


BROKEN = -torch.inf
"""Margin of a perturbation for which the model's outputs are not finite."""


class Objective:
    """A goal for some cases and a model; every pass through the model is counted by case.

    All perturbations are (N, C, *spatial) in stored numbers, in the order of the cases in
    ``batch``. A NaN margin counts as reached, so that the search proposes the perturbation and the
    judge reports the case as failed.

    Args:
        model: the model to query.
        batch: the cases. Outputs ``before`` that are unknown are computed when first needed, at one
            forward pass a case.
        goal: defines margins, losses and ways.
        precision: of the passes through the model: "float32", or the type to autocast to.

    Attributes:
        batch: the cases.
        n_gradients: (N,) int64, forward-and-backward passes so far.
        n_forwards: (N,) int64, further forward passes.

    Example:
        >>> import torch
        >>> from plexor.attacks import Misclassify, Objective
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> objective = Objective(model, batch, Misclassify())
        >>> objective.margin(torch.zeros_like(batch.images)).tolist()
        [-4.0, -4.0]
        >>> objective.n_forwards.tolist()
        [1, 1]
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
        """The model's outputs for the untouched images, (N, ...); one forward pass if unknown."""
        if self._before is None:
            self._before = self.outputs(torch.zeros_like(self.batch.images))
        return self._before

    def select(self, index: Tensor) -> Objective:
        """The objective of some of the cases; their passes are counted here too."""
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
        """The same cases with another goal; passes for it are counted here too."""
        other = copy(self)
        other.goal, other._slopes = goal, None
        return other

    def by_slopes(self, slopes: Tensor) -> Objective:
        """The same cases with a "margin" loss that follows the way with the nearest boundary.

        The distance to a way's boundary is estimated as the way divided by its slope.

        Args:
            slopes: rise of each way for each unit of distance, (N, K). A way of slope 0 ranks last;
                a way of negative slope is never followed.
        """
        other = copy(self)
        other._slopes = slopes
        return other

    def untouched(self) -> Tensor:
        """The margin of the untouched images, (N,); costs no more than ``before``."""
        return self._margin(self.before)

    def outputs(self, delta: Tensor) -> Tensor:
        """The model's outputs; one forward pass."""
        self._count(self.n_forwards)
        with torch.no_grad(), self._autocast():
            return answer(self.model, self.batch, self.batch.images + delta)

    def margin(self, delta: Tensor) -> Tensor:
        """The goal's margin, (N,); one forward pass.

        ``BROKEN``, below every other margin, where the outputs are not finite, so that no search
        prefers such a perturbation to one that the model answers. The lowest finite number where
        the outputs are finite and the goal has no meaning for them.
        """
        return self._trial_margin(self.outputs(delta))

    def reached(self, delta: Tensor) -> Tensor:
        """Whether the goal is reached, (N,) bool; one forward pass.

        The only query for a search that sees decisions alone.
        """
        return self.margin(delta) > 0

    def spent(self) -> Tensor:
        """Passes of both kinds so far for each case, (N,) int64."""
        return (self.n_gradients + self.n_forwards)[self._rows]

    def gradient(self, delta: Tensor, loss: LossKind) -> tuple[Tensor, Tensor, Tensor]:
        """Margin (N,), loss (N,) and gradient of the loss at ``delta``; one gradient.

        Gradient entries that are not finite are set to 0.

        Raises:
            ModelError: the model is not differentiable.
        """
        self._count(self.n_gradients)
        trial, outputs = self._tracked(delta)
        batch, task = self.batch, self.model.task
        if self._slopes is None or loss != "margin":
            climbed = self.goal.loss(task, outputs, batch.truth, loss, self._start(loss))
        else:
            ways = self.goal.ways(task, outputs, batch.truth, self._start())
            near = ways.detach() / self._slopes.clamp(min=_FLAT)
            near = torch.where(self._slopes < 0, -torch.inf, near)
            nearest = near.argmax(dim=1, keepdim=True)
            climbed = ways.gather(1, nearest).squeeze(1)
        (gradient,) = _gradients([climbed.sum()], trial)
        return self._trial_margin(outputs.detach()), climbed.detach(), gradient

    def all_ways(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """The goal's margin, (N,), and all ways to the goal, (N, K); one forward pass."""
        outputs = self.outputs(delta)
        batch = self.batch
        ways = self.goal.ways(self.model.task, outputs, batch.truth, self._start())
        return self._trial_margin(outputs), ways

    def ways(self, delta: Tensor, most: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Ways to the goal (N, K) and their gradients (N, K, C, *spatial); K gradients.

        Args:
            delta: the perturbation at which they are evaluated.
            most: number of ways to return, those closest to being reached; None for all.

        Returns:
            Ways, gradients, and the index of each way among all ways of the goal, (N, K) int64.

        Raises:
            ModelError: the model is not differentiable.
        """
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

    def proposal(self, delta: Tensor) -> Proposal:
        """``delta`` with its cost."""
        return Proposal(
            delta=delta.contiguous(),
            n_gradients=self.n_gradients.cpu(),
            n_forwards=self.n_forwards.cpu(),
        )

    def _tracked(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        trial = delta.detach().requires_grad_()
        with torch.enable_grad(), self._autocast():
            return trial, answer(self.model, self.batch, self.batch.images + trial)

    def _trial_margin(self, outputs: Tensor) -> Tensor:
        batch = self.batch
        margin = self.goal.margin(self.model.task, outputs, batch.truth, self._start())
        margin = margin.nan_to_num(nan=torch.finfo(margin.dtype).min)
        if math.isfinite(float(outputs.sum())):
            return margin
        finite = outputs.isfinite().flatten(1).all(dim=1)
        return torch.where(finite, margin, BROKEN)

    def _margin(self, outputs: Tensor) -> Tensor:
        batch = self.batch
        margin = self.goal.margin(self.model.task, outputs, batch.truth, self._start())
        return torch.where(margin.isnan(), torch.inf, margin)

    def _start(self, loss: LossKind = "margin") -> Tensor | None:
        """The outputs ``before``; None where they are unknown and the goal does not need them."""
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

    Laid out in memory as ``at`` is: what mixes two layouts takes several times as long.
    """
    found, layout = [], layout_of(at)
    for i, number in enumerate(of):
        with backward_pass():
            (gradient,) = torch.autograd.grad(number, at, retain_graph=i + 1 < len(of))
        if not math.isfinite(float(gradient.sum())):  # a sum takes half of the time
            gradient = gradient.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        found.append(gradient.contiguous(memory_format=layout))
    return found
