"""Auto-PGD at each of the other decisions in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.gradient.apgd import APGD
from plexor.attacks.gradient.slope import check_averaged
from plexor.attacks.objective import Objective, Precision
from plexor.attacks.proposal import Proposal
from plexor.attacks.restarts import best_of
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.task import Multiclass, Task

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class APGDT:
    """Auto-PGD along one way to the goal at a time (APGD-T; Croce & Hein, ICML 2020).

    The ways are the other classes, the findings, or up and down; those nearest to being taken on
    the untouched image come first, and each is for the cases no earlier one has reached. Whichever
    way is taken counts. Where a goal has a single way, this is ``APGD``.

    Attributes:
        n_targets: ways tried at most.
        steps: gradients a restart.
        restarts: searches for each way, from a new random start.
        loss: what is climbed: "ratio" (from four classes up the targeted DLR loss; otherwise the
            way itself, which has no third to be measured by) or "margin" (the way itself).
        samples: gradients averaged at every step, see ``PGD``.
        stop_at_success: leave a case once it is reached, see ``PGD``.
        precision: of the search: "float32", "bfloat16" or "float16".
    """

    n_targets: int = 9
    steps: int = 100
    restarts: int = 1
    loss: Literal["margin", "ratio"] = "ratio"
    samples: int = 1
    stop_at_success: bool = False
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for name in ("n_targets", "steps", "restarts"):
            if getattr(self, name) < 1:
                raise PlanError(f"apgd-t: `{name}` must be at least 1, got {getattr(self, name)}")
        check_averaged("apgd-t", samples=self.samples)

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best storable perturbation seen; nothing where none beats doing nothing.

        Raises:
            PlanError: the threat is in L0.
        """
        objective = Objective(model, batch, goal, precision=self.precision)
        before = objective.before
        n_ways = goal.ways(model.task, before, batch.truth, before).shape[1]
        apgd = APGD(
            steps=self.steps,
            loss=self.loss,
            samples=self.samples,
            stop_at_success=self.stop_at_success,
        )

        def search(some: Objective, number: int) -> tuple[Tensor, Tensor]:
            towards = some if n_ways == 1 else _towards(some, number // self.restarts)
            return apgd.search(towards, threat, seed_for(seed, f"restart-{number}"))

        return best_of(objective, min(self.n_targets, n_ways) * self.restarts, search)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay:
    """A goal whose losses climb one of its ways; reached, like the goal, by any.

    Attributes:
        goal: what is wanted.
        rank: which way, of each case, counted from the one nearest to being taken untouched.
    """

    goal: Goal
    rank: int

    @property
    def name(self) -> str:
        """The goal's."""
        return self.goal.name

    def check(self, task: Task) -> None:
        """As the goal does."""
        self.goal.check(task)

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The goal's."""
        return self.goal.ways(task, outputs, truth, before)

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The goal's."""
        return self.goal.margin(task, outputs, truth, before)

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """The way, or the targeted DLR loss (Croce & Hein, 2020, equation 7)."""
        if before is None:
            raise PlanError("goal: which way is nearest is told by what the model said before")
        nearest = self.ways(task, before, truth, before).argsort(
            dim=1, descending=True, stable=True
        )
        chosen = nearest[:, self.rank : self.rank + 1]
        way = self.ways(task, outputs, truth, before).gather(1, chosen).squeeze(1)
        if kind != "ratio" or not isinstance(task, Multiclass) or len(task.classes) < 4:
            return way
        highest = outputs.topk(4, dim=1).values
        return way / (highest[:, 0] - (highest[:, 2] + highest[:, 3]) / 2 + _NOTHING)


def _towards(objective: Objective, rank: int) -> Objective:
    """The same objective, its losses those of one way."""
    some = objective.select(torch.arange(len(objective), device=objective.batch.images.device))
    some.goal = OneWay(goal=objective.goal, rank=rank)
    return some
