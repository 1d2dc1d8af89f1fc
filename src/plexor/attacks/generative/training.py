"""Trains a generator against a frozen model."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from plexor.attacks.fitted import Stream
from plexor.attacks.generative.drawing import Drawing, perturbation, standardised
from plexor.attacks.generative.network import (
    Painter,
    empty_discriminator,
    empty_generator,
    fill_at_random,
)
from plexor.attacks.generative.penalty import dissimilarity, smoothness, squares
from plexor.attacks.generative.recipe import Recipe
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.held_back import HeldBack, hold_back
from plexor.attacks.objective import Objective
from plexor.attacks.options import fit_loss
from plexor.attacks.threat import Threat
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.foreign_code import backward_pass
from plexor.models.model import Model

logger = logging.getLogger(__name__)

_LOOK_EVERY = 50
_STUCK = 0.5
"""Share of the held-back cases at the goal below which a training is repeated."""
_MOST_HELD_BACK = 256
_BETAS = (0.5, 0.999)
"""Of Adam, as Poursaeed et al. (CVPR 2018) and most generators since DCGAN have them."""
_PATTERN_RATE, _BLEND_RATE = 200, 3
"""Learning rates of the patterns and of their blend, as multiples of the network's. A pattern's
numbers cross the range from -1 to 1, while weights change by a small share."""


@dataclass(slots=True, kw_only=True)
class Training:
    """One training run.

    The model's gradient is taken at the perturbed image *as a file would store it*, and passed to
    the generator as if the image were not rounded (straight-through; Bengio et al., 2013,
    arXiv:1308.3432). The model's own parameters stay frozen.

    Cases whose untouched image is at the goal are excluded: they contribute nothing, and for a
    common class they would be most of each batch. This costs one query for each case.

    Attributes:
        recipe: the options.
        model: the attacked model.
        goal: the goal for every case.
        threat: the threat for every case.
        stream: the cases.
        drawing: the input of the generator, and the scaling of its output.
        seed: of the random draws.
    """

    recipe: Recipe
    model: Model
    goal: Goal
    threat: Threat
    stream: Stream
    drawing: Drawing
    seed: int
    network: Painter = field(init=False)
    rival: Rival | None = field(init=False)
    optimizer: torch.optim.Adam = field(init=False)
    at_goal: dict[str, bool] = field(init=False, default_factory=dict)

    @property
    def loss(self) -> LossKind:
        """The loss that is maximised."""
        return fit_loss(self.recipe.loss, self.model.task)

    def run(self) -> Painter:
        """The trained generator, on the cases' device.

        The weights are those of the best validation on the held-back cases: with the most cases at
        the goal, then with the lowest mean loss, and among validations with all cases at the goal
        the latest. Without held-back cases, or if all are at the goal untouched, they are the
        weights after the last step.

        A training that has been validated more often than ``recipe.patience`` times, and ends with
        less than half of the held-back cases at the goal, may be stuck. It is repeated from other
        random weights, ``recipe.restarts`` times at most, and the best of all is returned.
        """
        first = self.stream.first()
        # Raises for images without such a unit, even if none is trained on.
        self.threat.radii(first)
        device = first.images.device
        del first  # keep no batch in memory while reading others
        recipe, best = self.recipe, Progress(patience=self.recipe.patience)
        held_back = hold_back(self.stream, recipe.held_back, most=_MOST_HELD_BACK, seed=self.seed)
        validated = self._validated(held_back)
        for attempt in range(1 + recipe.restarts):
            progress = self._attempt(attempt, held_back, validated, device)
            best = progress if progress.best > best.best else best
            if not validated or not progress.stuck:
                break
            if attempt < recipe.restarts:
                logger.warning(
                    "%s: %.0f %% of the held-back cases reach the goal; training starts again from "
                    "other random weights",
                    self.stream.method,
                    100 * progress.best[0],
                )
        for objective in validated:
            self.stream.spent(objective)
        self.network.load_state_dict(best.weights)
        return self.network

    def _attempt(
        self, attempt: int, held_back: HeldBack, validated: list[Objective], device: torch.device
    ) -> Progress:
        """One training from random weights, and its best validation."""
        recipe, progress = self.recipe, Progress(patience=self.recipe.patience)
        self.network = empty_generator(
            recipe.architecture,
            self.stream.shape,
            width=recipe.width,
            patch=recipe.patch,
            patterns=recipe.patterns,
        )
        self._fill(self.network, "generator", attempt)
        self.network.to(device)
        self.rival = self._rival(device, attempt)
        self.optimizer = self._optimizer()
        for step, batch in zip(range(recipe.steps), self.stream.endlessly(), strict=False):
            for group in self.optimizer.param_groups:
                group["lr"] = group["peak"] * (1 + math.cos(math.pi * step / recipe.steps)) / 2
            self._learn(self._open(held_back.others(batch)))
            if (step + 1) % _LOOK_EVERY == 0 or step + 1 == recipe.steps:
                progress.note(*self._look(validated), self.network)
            if validated and progress.ended:
                break
        return progress

    def _learn(self, batch: Batch) -> None:
        """One step."""
        if len(batch) == 0:
            return
        objective = self._objective(batch)
        self.optimizer.zero_grad()
        lowered = self._lowered(objective)
        with backward_pass():
            lowered.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.network.keep_in_range()
        self.stream.spent(objective)

    def _lowered(self, objective: Objective) -> Tensor:
        """A number with the same gradient in the generator's weights as the training objective."""
        batch = objective.batch
        delta = perturbation(self.drawing, self.network, batch, self.threat)
        stored = self.threat.store(delta.detach(), batch)
        _, loss, gradient = objective.gradient(stored, self.loss)
        climbed = (gradient * delta).flatten(1).sum(1) * (loss < self.recipe.clip)
        lowered = self._visible(delta, batch) - climbed
        if self.rival is not None:
            untouched = standardised(batch.images, batch, self.threat)
            perturbed = standardised(batch.images + delta, batch, self.threat)
            self.rival.learn(untouched, perturbed.detach())
            lowered = lowered + self.recipe.discriminator * self.rival.seen(perturbed)
        return lowered.mean()

    def _visible(self, delta: Tensor, batch: Batch) -> Tensor:
        """The weighted penalties for visible perturbations, (N,)."""
        recipe, total = self.recipe, torch.zeros(len(batch), device=delta.device)
        if recipe.squares:
            total = total + recipe.squares * squares(delta, batch, self.threat)
        if recipe.smoothness:
            total = total + recipe.smoothness * smoothness(delta, batch, self.threat)
        if recipe.dissimilarity:
            unlike = dissimilarity(delta, batch, self.model.card.preprocess)
            total = total + recipe.dissimilarity * unlike
        return total

    @torch.no_grad()
    def _look(self, objectives: list[Objective]) -> tuple[float, float]:
        """Share of the held-back cases at the goal, and the mean training objective.

        0 and 0 without held-back cases, so that every validation counts as equal.
        """
        if not objectives:
            return 0.0, 0.0
        reached, lowered = [], []
        for objective in objectives:
            batch, task = objective.batch, self.model.task
            delta = perturbation(self.drawing, self.network, batch, self.threat)
            outputs = objective.outputs(self.threat.store(delta, batch))
            given = (batch.truth, self.loss, objective.before)
            loss = self.goal.loss(task, outputs, *given).clamp(max=self.recipe.clip)
            margin = self.goal.margin(task, outputs, batch.truth, objective.before)
            reached.append(~(margin <= 0))
            lowered.append(self._visible(delta, batch) - loss)
        return float(torch.cat(reached).float().mean()), float(torch.cat(lowered).mean())

    def _validated(self, held_back: HeldBack) -> list[Objective]:
        """The held-back cases that are not at the goal untouched."""
        opened = map(self._open, held_back.batches)
        return [self._objective(batch) for batch in opened if len(batch)]

    def _open(self, batch: Batch) -> Batch:
        """The cases of a batch that are not at the goal untouched."""
        new = [i for i, case_id in enumerate(batch.ids) if case_id not in self.at_goal]
        if new:
            new_cases = self._objective(batch.select(torch.tensor(new)))
            self.at_goal.update(
                zip(new_cases.batch.ids, (new_cases.untouched() > 0).tolist(), strict=True)
            )
            self.stream.spent(new_cases)
        index = [i for i, case_id in enumerate(batch.ids) if not self.at_goal[case_id]]
        return batch.select(torch.tensor(index, dtype=torch.int64))

    def _objective(self, batch: Batch) -> Objective:
        return Objective(self.model, batch, self.goal, precision=self.recipe.precision)

    def _optimizer(self) -> torch.optim.Adam:
        painter, rate = self.network, self.recipe.learning_rate
        groups = [
            {"params": painter.network.parameters(), "peak": rate},
            {"params": [painter.patterns], "peak": _PATTERN_RATE * rate},
            {"params": painter.blend.parameters(), "peak": _BLEND_RATE * rate},
        ]
        return torch.optim.Adam(groups, betas=_BETAS)

    def _fill(self, network: nn.Module, name: str, attempt: int) -> None:
        purpose = f"{name}-{attempt}" if attempt else name
        fill_at_random(network, seed_for(self.seed, self.stream.method, purpose))

    def _rival(self, device: torch.device, attempt: int) -> Rival | None:
        if not self.recipe.discriminator:
            return None
        network = empty_discriminator(self.stream.shape, self.recipe.width)
        self._fill(network, "discriminator", attempt)
        return Rival(network.to(device), self.recipe.learning_rate)


@dataclass(slots=True, kw_only=True)
class Progress:
    """Results of the validations on held-back cases, for early stopping.

    A validation is better than another with more cases at the goal, or with as many and a lower
    mean loss. Validations with all cases at the goal are equal.

    Attributes:
        patience: number of validations without improvement after which training ends.
        best: best result so far: share at the goal, and minus the loss, or 0 where all are there.
        weights: weights of the best validation, the latest of equal ones.
        n_seen: number of validations.
        waited: validations since the last improvement.
    """

    patience: int
    best: tuple[float, float] = (-1.0, 0.0)
    n_seen: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0

    def note(self, share: float, loss: float, network: nn.Module) -> None:
        """Records a validation."""
        self.n_seen += 1
        found = (share, 0.0 if share == 1 else -loss)
        self.waited = 0 if found > self.best else self.waited + 1
        if found >= self.best:
            self.best = found
            self.weights = {name: w.detach().clone() for name, w in network.state_dict().items()}

    @property
    def ended(self) -> bool:
        """Whether training should end."""
        return self.waited >= self.patience

    @property
    def stuck(self) -> bool:
        """Whether few cases reach the goal after more validations than ``patience``."""
        return self.n_seen > self.patience and self.best[0] < _STUCK


class Rival:
    """A discriminator that is trained together with the generator.

    Args:
        network: scores patches of (N, C, *spatial).
        learning_rate: of Adam.
    """

    def __init__(self, network: nn.Module, learning_rate: float) -> None:
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, betas=_BETAS)

    def learn(self, untouched: Tensor, perturbed: Tensor) -> None:
        """One step towards scores of 1 for untouched images and 0 for perturbed ones."""
        loss = (self.network(untouched) - 1).square().mean() + self.network(
            perturbed
        ).square().mean()
        self.optimizer.zero_grad()
        loss.mean().backward()
        self.optimizer.step()

    def seen(self, perturbed: Tensor) -> Tensor:
        """Mean squared difference of the scores from 1, (N,)."""
        found: Tensor = (self.network(perturbed) - 1).square().flatten(1).mean(1)
        return found
