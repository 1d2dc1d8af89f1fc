"""Trains a generator against a frozen model."""

from __future__ import annotations

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
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.threat import Threat
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.model import Model

_LOOK_EVERY = 50
_MOST_HELD_BACK = 256
_BETAS = (0.5, 0.999)
"""Of Adam, as Poursaeed et al. (CVPR 2018) and most generators since DCGAN have them."""
_PATTERN_RATE, _BLEND_RATE = 200, 3
"""How much faster the patterns and their blend are learnt than the network's weights. A pattern's
numbers go from end to end, -1 to 1, while a weight changes by a small part of itself."""


@dataclass(slots=True, kw_only=True)
class Training:
    """One training run.

    The model is asked for its gradient at the perturbed image *as a file would hold it*, through
    ``Objective``, and that gradient is handed on to the generator as if rounding had not been
    (Bengio et al., 2013, arXiv:1308.3432). The model's own parameters stay frozen.

    Cases that are at the goal untouched are left out: they have nothing to teach, and of a common
    class they would be most of each batch. The model is asked once for each case whether it is.

    Attributes:
        recipe: the options.
        model: what is attacked.
        goal: what is wanted.
        threat: within what.
        stream: the cases.
        drawing: what the generator sees.
        seed: of its draws.
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

    def run(self) -> Painter:
        """The trained generator, on the cases' device.

        Of all looks at the held-back cases, the weights are those with which most of them were at
        the goal, of several such those with the lowest mean loss, and once all were at the goal,
        the latest. Without held-back cases, or if all are at the goal untouched, they are the last
        after all steps.
        """
        recipe, first = self.recipe, self.stream.first()
        # Refuses images that have no such unit, also if none is learnt from.
        self.threat.radii(first)
        device = first.images.device
        del first  # no batch is held while others go by
        self.network = empty_generator(
            recipe.architecture,
            self.stream.shape,
            width=recipe.width,
            patch=recipe.patch,
            patterns=recipe.patterns,
        )
        self._fill(self.network, "generator")
        self.network.to(device)
        self.rival = self._rival(device)
        self.optimizer = self._optimizer()
        held_back, progress = self._held_back(), Progress(patience=recipe.patience)
        for step, batch in zip(range(recipe.steps), self.stream.endlessly(), strict=False):
            for group in self.optimizer.param_groups:
                group["lr"] = group["peak"] * (1 + math.cos(math.pi * step / recipe.steps)) / 2
            self._learn(self._open(held_back.others(batch)))
            if (step + 1) % _LOOK_EVERY == 0 or step + 1 == recipe.steps:
                progress.note(*self._look(held_back.objectives), self.network)
            if held_back.objectives and progress.ended:
                break
        for objective in held_back.objectives:
            self.stream.spent(objective)
        self.network.load_state_dict(progress.weights)
        return self.network

    def _learn(self, batch: Batch) -> None:
        """One step."""
        if len(batch) == 0:
            return
        objective = self._asked(batch)
        self.optimizer.zero_grad()
        self._lowered(objective).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.network.keep_in_range()
        self.stream.spent(objective)

    def _lowered(self, objective: Objective) -> Tensor:
        """A number whose gradient in the generator's weights is that of what is lowered."""
        batch = objective.batch
        delta = perturbation(self.drawing, self.network, batch, self.threat)
        stored = self.threat.store(delta.detach(), batch)
        _, loss, gradient = objective.gradient(stored, self.recipe.loss)
        climbed = (gradient * delta).flatten(1).sum(1) * (loss < self.recipe.clip)
        lowered = self._visible(delta, batch) - climbed
        if self.rival is not None:
            untouched = standardised(batch.images, batch, self.threat)
            perturbed = standardised(batch.images + delta, batch, self.threat)
            self.rival.learn(untouched, perturbed.detach())
            lowered = lowered + self.recipe.discriminator * self.rival.seen(perturbed)
        return lowered.mean()

    def _visible(self, delta: Tensor, batch: Batch) -> Tensor:
        """The weighted terms of how visible the perturbations are, (N,)."""
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
        """Share of the held-back cases at the goal, and the mean of what is lowered.

        Without any, 0 and 0: each look is as good as the one before.
        """
        if not objectives:
            return 0.0, 0.0
        reached, lowered = [], []
        for objective in objectives:
            batch, task = objective.batch, self.model.task
            delta = perturbation(self.drawing, self.network, batch, self.threat)
            outputs = objective.outputs(self.threat.store(delta, batch))
            asked = (batch.truth, self.recipe.loss, objective.before)
            loss = self.goal.loss(task, outputs, *asked).clamp(max=self.recipe.clip)
            margin = self.goal.margin(task, outputs, batch.truth, objective.before)
            reached.append(~(margin <= 0))
            lowered.append(self._visible(delta, batch) - loss)
        return float(torch.cat(reached).float().mean()), float(torch.cat(lowered).mean())

    def _held_back(self) -> HeldBack:
        """Goes through the stream until there are enough; asks the model for those it keeps."""
        found = HeldBack()
        for batch in self.stream if self.recipe.held_back else ():
            room = _MOST_HELD_BACK - len(found.ids)
            index = [i for i, case_id in enumerate(batch.ids) if self._is_held_back(case_id)][:room]
            found.ids.update(batch.ids[i] for i in index)
            some = self._open(batch.select(torch.tensor(index, dtype=torch.int64)))
            found.objectives += [self._asked(some)] if len(some) else []
            if len(found.ids) >= _MOST_HELD_BACK:
                break
        return found

    def _is_held_back(self, case_id: str) -> bool:
        draw = seed_for(self.seed, self.stream.method, "held-back", case_id)
        return draw < self.recipe.held_back * 2**63

    def _open(self, batch: Batch) -> Batch:
        """The cases of a batch that are not at the goal untouched."""
        new = [i for i, case_id in enumerate(batch.ids) if case_id not in self.at_goal]
        if new:
            asked = self._asked(batch.select(torch.tensor(new)))
            self.at_goal.update(zip(asked.batch.ids, (asked.untouched() > 0).tolist(), strict=True))
            self.stream.spent(asked)
        index = [i for i, case_id in enumerate(batch.ids) if not self.at_goal[case_id]]
        return batch.select(torch.tensor(index, dtype=torch.int64))

    def _asked(self, batch: Batch) -> Objective:
        return Objective(self.model, batch, self.goal, precision=self.recipe.precision)

    def _optimizer(self) -> torch.optim.Adam:
        painter, rate = self.network, self.recipe.learning_rate
        groups = [
            {"params": painter.network.parameters(), "peak": rate},
            {"params": [painter.patterns], "peak": _PATTERN_RATE * rate},
            {"params": painter.blend.parameters(), "peak": _BLEND_RATE * rate},
        ]
        return torch.optim.Adam(groups, betas=_BETAS)

    def _fill(self, network: nn.Module, name: str) -> None:
        fill_at_random(network, seed_for(self.seed, self.stream.method, name))

    def _rival(self, device: torch.device) -> Rival | None:
        if not self.recipe.discriminator:
            return None
        network = empty_discriminator(self.stream.shape, self.recipe.width)
        self._fill(network, "discriminator")
        return Rival(network.to(device), self.recipe.learning_rate)


@dataclass(slots=True)
class HeldBack:
    """Cases that are not learnt from.

    Attributes:
        ids: which.
        objectives: those of them that are not at the goal untouched, kept in memory.
    """

    ids: set[str] = field(default_factory=set)
    objectives: list[Objective] = field(default_factory=list)

    def others(self, batch: Batch) -> Batch:
        """The cases of a batch that are learnt from."""
        index = [i for i, case_id in enumerate(batch.ids) if case_id not in self.ids]
        return batch.select(torch.tensor(index, dtype=torch.int64))


@dataclass(slots=True, kw_only=True)
class Progress:
    """What the looks at held-back cases came to, and when they tell to stop.

    A look is better than another if more cases are at the goal, or as many with a lower mean loss;
    if all are, none is better.

    Attributes:
        patience: looks without a better one that are waited for.
        best: the best look so far: share at the goal, and minus the loss, or 0 where all are there.
        weights: those of the best look, the latest of equals.
        waited: looks since there was a better one.
    """

    patience: int
    best: tuple[float, float] = (-1.0, 0.0)
    weights: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0

    def note(self, share: float, loss: float, network: nn.Module) -> None:
        """One more look."""
        found = (share, 0.0 if share == 1 else -loss)
        self.waited = 0 if found > self.best else self.waited + 1
        if found >= self.best:
            self.best = found
            self.weights = {name: w.detach().clone() for name, w in network.state_dict().items()}

    @property
    def ended(self) -> bool:
        """Whether there is no progress any more."""
        return self.waited >= self.patience


class Rival:
    """A discriminator, which learns beside the generator.

    Args:
        network: scores patches of (N, C, *spatial).
        learning_rate: of Adam.
    """

    def __init__(self, network: nn.Module, learning_rate: float) -> None:
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, betas=_BETAS)

    def learn(self, untouched: Tensor, perturbed: Tensor) -> None:
        """One step towards 1 for the untouched images and 0 for the perturbed ones."""
        told = (self.network(untouched) - 1).square().mean() + self.network(
            perturbed
        ).square().mean()
        self.optimizer.zero_grad()
        told.mean().backward()
        self.optimizer.step()

    def seen(self, perturbed: Tensor) -> Tensor:
        """How far the images are from being taken for untouched, (N,)."""
        found: Tensor = (self.network(perturbed) - 1).square().flatten(1).mean(1)
        return found
