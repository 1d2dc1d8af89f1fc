"""A universal perturbation that changes a hidden layer the most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from plexor.attacks.description import EVERY_TASK
from plexor.attacks.fitted import Fitted, Stream
from plexor.attacks.goals import Goal
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.pattern import (
    Canvas,
    UniversalPerturbation,
    one_unit,
    reached,
)
from plexor.attacks.threat import Threat
from plexor.attacks.universal.layer import Response, find_layer, quarter_layer
from plexor.core.errors import PlanError
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

METHOD = "universal-singular"


@dataclass(frozen=True, slots=True, kw_only=True)
class UniversalSingular:
    """Singular vector of a hidden layer's Jacobian (Khrulkov & Oseledets, CVPR 2018).

    Maximises ``Σ |J(x) v|_q^q`` over the cases x, among all patterns v of norm 1, where J is the
    layer's Jacobian at x: the (p, q)-singular vector of the stacked Jacobians, with p the threat's
    norm. Uses the generalised power method, which needs products with J and its transpose only:
    ``v ← steepest(Σ Jᵀ ψ(J v))`` with ``ψ(y) = sign(y) |y|^(q-1)``.

    The fit does not depend on the goal, except for the sign of the vector: the sign that brings
    more cases to the goal is taken.

    Attributes:
        layer: name of the layer in ``network.named_modules()``. None takes the first layer with an
            output of at most a quarter of the network's input along every axis, or else the
            outputs; "" takes the outputs.
        q: exponent of the norm of the layer's response, at least 1.
        iterations: of the power method, each over all cases, at about two gradients a case.

    Example:
        >>> from plexor.attacks import Become, Threat, UniversalSingular
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> goal, threat = Become(target="bright"), Threat(norm="linf", radius=3)
        >>> attack = UniversalSingular(layer="", iterations=3)
        >>> fitted = attack.fit(model, [batch], goal, threat, seed=0)
        >>> proposal = fitted(model, batch, goal, threat, seed=0)
        >>> proposal.delta.mean((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Khrulkov & Oseledets, CVPR 2018, arXiv:1709.03582"
    summary: ClassVar[str] = "one perturbation for all images, that changes a hidden layer the most"
    applied: ClassVar[Access] = "none"
    layers: ClassVar[bool] = True
    fitted: ClassVar[type[Fitted]] = UniversalPerturbation

    layer: str | None = None
    q: float = 10.0
    iterations: int = 20

    def __post_init__(self) -> None:
        if not 1 <= self.q < float("inf"):
            raise PlanError(f"{METHOD}: `q` must be at least 1 and finite, got {self.q}")
        check_counts(METHOD, iterations=self.iterations)

    def fit(
        self, model: Model, batches: Iterable[Batch], goal: Goal, threat: Threat, *, seed: int
    ) -> UniversalPerturbation:
        """The singular vector, scaled to the radius; see ``FittedAttack.fit``.

        Raises:
            ModelError: the layer's output cannot be differentiated.
        """
        goal.check(model.task)
        check_norm(METHOD, threat, self.norms)
        stream = Stream(method=METHOD, batches=batches)
        first = stream.first()
        canvas = Canvas.of(threat, first)
        if self.layer is None:
            stream.n_forwards += 1
        layer = find_layer(model, quarter_layer(model, first) if self.layer is None else self.layer)
        generator = torch.Generator().manual_seed(seed_for(seed, METHOD))
        noise = torch.randn(stream.shape, generator=generator).to(first.images.device)
        direction = canvas.steepest(noise)
        for _ in range(self.iterations):
            direction = canvas.steepest(self._pull(model, layer, stream, threat, direction))
        patterns = [canvas.store(sign * threat.radius * direction) for sign in (1, -1)]
        best = max(patterns, key=lambda pattern: reached(pattern, model, stream, goal, threat))
        card = stream.card(self, model, goal, threat, seed=seed)
        return UniversalPerturbation(pattern=best.cpu(), card=card)

    def n_batches(self, per_pass: int) -> int:
        """See ``FittedAttack.n_batches``; both signs are evaluated in the end."""
        return 1 + (self.iterations + 2) * per_pass

    def _pull(
        self, model: Model, layer: nn.Module, stream: Stream, threat: Threat, direction: Tensor
    ) -> Tensor:
        """``Σ Jᵀ ψ(J v)`` over all cases, up to a factor, (C, *spatial).

        Responses are divided by the greatest so far, since their (q-1)th powers would overflow
        float32.
        """
        total = torch.zeros_like(direction)
        peak = torch.full((), torch.finfo(direction.dtype).tiny, device=direction.device)
        for batch in stream:
            low, high = threat.bounds(batch)
            unit = one_unit(batch, threat) * (high > low)
            response = Response(model, layer, batch)
            moved = response.moved(unit * direction)
            before, peak = peak, torch.maximum(peak, moved.abs().amax().to(peak.dtype))
            weight = moved.sign() * (moved / peak).abs() ** (self.q - 1)
            pull = (unit * response.pull(weight)).sum(0)
            total = total * (before / peak) ** (self.q - 1) + pull
            stream.n_gradients += 2 * len(batch)
        return total
