"""Auto-PGD towards each other decision in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from torch import Tensor

from plexor.attacks.best import best_of
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal, OneWay
from plexor.attacks.gradient.apgd import APGD
from plexor.attacks.gradient.slope import check_averaged
from plexor.attacks.objective import Objective, Precision
from plexor.attacks.options import check_counts, check_names
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.layout import as_network_computes
from plexor.models.model import Model
from plexor.threat_model import Access

_Loss = Literal["margin", "ratio"]
_LOSSES = get_args(_Loss)


@dataclass(frozen=True, slots=True, kw_only=True)
class APGDT:
    """Auto-PGD along one way to the goal at a time (APGD-T; Croce & Hein, ICML 2020).

    The ways to a goal are the other classes, the labels, or up and down. Ways are searched in the
    order in which the untouched image is closest to them, each for the cases that have not reached
    the goal. A case succeeds along any way. For a goal with one way, this is ``APGD``.

    Attributes:
        n_targets: greatest number of ways to search.
        steps: gradients in each restart.
        restarts: searches for each way, each from a new random start.
        loss: the loss that is maximised: "ratio" (the targeted DLR loss, for four classes or more;
            otherwise the way itself) or "margin" (the way itself).
        samples: gradients averaged at every step, see ``PGD``.
        stop_at_success: stop searching for a case once its goal is reached, see ``PGD``.
        precision: of the search: "float32", "bfloat16" or "float16".

    Example:
        >>> from plexor.attacks import APGDT, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=3)
        >>> proposal = APGDT(steps=10)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Croce & Hein, ICML 2020, arXiv:2003.01690"
    summary: ClassVar[str] = (
        "Auto-PGD towards each other class, label or direction in turn, the nearest first"
    )

    n_targets: int = 9
    steps: int = 100
    restarts: int = 1
    loss: _Loss = "ratio"
    samples: int = 1
    stop_at_success: bool = False
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_names("apgd-t", loss=self.loss, losses=_LOSSES, precision=self.precision)
        check_counts("apgd-t", n_targets=self.n_targets, steps=self.steps, restarts=self.restarts)
        check_averaged("apgd-t", samples=self.samples)

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best storable perturbation seen; no change where none raises the margin.

        Raises:
            PlanError: the threat is in L0.
        """
        batch = as_network_computes(model, batch)
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
            return apgd.search(some, threat, seed_for(seed, f"restart-{number}"))

        goals = [OneWay(goal=goal, rank=rank) for rank in range(min(self.n_targets, n_ways))]
        return best_of(objective, self.restarts, search, goals=goals if n_ways > 1 else [goal])
