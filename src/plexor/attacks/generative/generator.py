"""Generators: a network that outputs a perturbation for each image, or one for all images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from plexor.attacks.description import EVERY_NORM, EVERY_TASK
from plexor.attacks.fitted import FitCard, Fitted, Stream, read_fitted, save_fitted
from plexor.attacks.generative.drawing import OfEachImage, OfNoise, perturbation
from plexor.attacks.generative.network import Painter, empty_generator
from plexor.attacks.generative.recipe import Recipe
from plexor.attacks.generative.training import Training
from plexor.attacks.goals import Goal
from plexor.attacks.options import FitLoss
from plexor.attacks.pattern import Canvas, UniversalPerturbation
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import DataError, brief
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedGenerator:
    """A trained generator: one forward pass of its own network a case.

    As an attack it uses neither the model nor the goal and costs no queries; ``card`` has the cost
    of the fit.

    Attributes:
        network: the generator.
        card: settings, data and cost of the fit.
    """

    network: Painter
    card: FitCard

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the network's output for every case, even where it lowers the margin.

        Raises:
            DataError: the images have another shape than those of the fit.
            PlanError: the threat is another one.
        """
        self.card.check(batch, threat)
        network = self.network.to(batch.images.device)
        with torch.inference_mode():
            delta = threat.store(perturbation(OfEachImage(), network, batch, threat), batch)
        return replace(Proposal.nothing(batch), delta=delta.clone())

    def save(self, path: Path) -> None:
        """Writes weights and card to one safetensors file."""
        save_fitted(path, self.network.state_dict(), self.card)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file that ``save`` wrote.

        Raises:
            DataError: the file is missing or damaged, or holds no generator.
        """
        weights, card = read_fitted(path)
        options: Any = card.options
        try:
            network = empty_generator(
                options["architecture"],
                card.shape,
                width=options["width"],
                patch=options["patch"],
                patterns=options["patterns"],
            )
            network.load_state_dict(weights, assign=True)
        except Exception as error:  # a card may hold anything
            raise DataError(
                f"{path} holds no generator of the architecture on its card: {brief(error)}; fit "
                "again"
            ) from error
        return cls(network=network.eval().requires_grad_(requires_grad=False), card=card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator(Recipe):
    """A network trained to output a perturbation for each image.

    After Poursaeed et al. (CVPR 2018): the network's output is clipped to -1 to 1, scaled to the
    radius (L∞ number by number, L2 and L1 by its length), and restricted to the image's range and
    the threat's region. Beyond the paper: a blend of learnt patterns (see ``Painter``), every norm,
    goals of any task, volumes, images as stored, and penalties for visible changes. ``Recipe`` has
    the options.

    Example:
        >>> from plexor.attacks import Become, Generator, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> goal, threat = Become(target="bright"), Threat(norm="linf", radius=3)
        >>> fitted = Generator(steps=20, width=8).fit(model, [batch], goal, threat, seed=0)
        >>> proposal = fitted(model, batch, goal, threat, seed=0)
        >>> proposal.delta.mean((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = EVERY_NORM
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = (
        "Poursaeed et al., CVPR 2018, arXiv:1712.02328; with a discriminator Xiao et al., "
        "IJCAI 2018, arXiv:1801.02610"
    )
    summary: ClassVar[str] = (
        "a network trained to produce a perturbation for each image in one pass"
    )
    applied: ClassVar[Access] = "none"
    layers: ClassVar[bool] = False
    fitted: ClassVar[type[Fitted]] = FittedGenerator

    method: ClassVar[str] = "generator"

    def fit(
        self, model: Model, batches: Iterable[Batch], goal: Goal, threat: Threat, *, seed: int
    ) -> FittedGenerator:
        """Trains a generator; see ``FittedAttack.fit``."""
        goal.check(model.task)
        stream = Stream(method=self.method, batches=batches)
        network = Training(
            recipe=self,
            model=model,
            goal=goal,
            threat=threat,
            stream=stream,
            drawing=OfEachImage(),
            seed=seed,
        ).run()
        card = stream.card(self, model, goal, threat, seed=seed)
        return FittedGenerator(
            network=network.cpu().eval().requires_grad_(requires_grad=False), card=card
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UniversalGenerator(Recipe):
    """A network trained to output one perturbation for all images from constant noise.

    The universal attack of Poursaeed et al. (CVPR 2018), otherwise as ``Generator``. The result of
    the fit is the final output, a ``UniversalPerturbation``. One pattern is enough.

    Example:
        >>> from plexor.attacks import Become, Threat, UniversalGenerator
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> goal, threat = Become(target="bright"), Threat(norm="linf", radius=3)
        >>> fitted = UniversalGenerator(steps=20, width=8).fit(model, [batch], goal, threat, seed=0)
        >>> fitted.pattern.mean().item()
        3.0
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = EVERY_NORM
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Poursaeed et al., CVPR 2018, arXiv:1712.02328"
    summary: ClassVar[str] = "one perturbation for all images, produced by a network trained for it"
    applied: ClassVar[Access] = "none"
    layers: ClassVar[bool] = False
    fitted: ClassVar[type[Fitted]] = UniversalPerturbation

    patterns: int = 1
    loss: FitLoss = "auto"

    method: ClassVar[str] = "universal-generator"

    def fit(
        self, model: Model, batches: Iterable[Batch], goal: Goal, threat: Threat, *, seed: int
    ) -> UniversalPerturbation:
        """The output of the trained network; see ``FittedAttack.fit``."""
        goal.check(model.task)
        stream = Stream(method=self.method, batches=batches)
        first = stream.first()
        draws = torch.Generator().manual_seed(seed_for(seed, self.method, "noise"))
        noise = torch.randn((1, *stream.shape), generator=draws).to(first.images.device)
        drawing = OfNoise(noise)
        network = Training(
            recipe=self,
            model=model,
            goal=goal,
            threat=threat,
            stream=stream,
            drawing=drawing,
            seed=seed,
        ).run()
        with torch.no_grad():
            pattern = drawing.pattern(network, first, threat)[0]
        card = stream.card(self, model, goal, threat, seed=seed)
        return UniversalPerturbation(
            pattern=Canvas.of(threat, first).store(pattern).cpu(), card=card
        )
