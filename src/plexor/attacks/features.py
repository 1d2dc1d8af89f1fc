"""Attacks that move a model's features with the image: the two take turns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plexor.attacks.goals import Goal
from plexor.attacks.proposal import Attack, Proposal, uniform_draws
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.features import Features
from plexor.models.foreign_code import backward_pass
from plexor.models.model import Model, answer

_STEPS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """Features after a search.

    Attributes:
        features: moved.
        n_gradients: spent on each case, (N,) int64 on the CPU.
    """

    features: Features
    n_gradients: Tensor


def with_features(
    attack: Attack, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
) -> Proposal:
    """The attack's proposal, with the features moved as the threat allows.

    Features and image are searched in turns, with the other held: the features for the untouched
    image, the image for these features, the features for the changed image. Each turn starts from
    the result of the last and keeps the best point of its own, so that the result is a lower bound
    of the harm that is possible, as with any search. Where the threat moves no feature, this is the
    attack.

    Args:
        attack: searches the image.
        model: the attacked model, which shows its gradients.
        batch: the cases.
        goal: of both searches.
        threat: of the image, and of the features in ``threat.features``.
        seed: of the attack.

    Raises:
        PlanError: the threat moves a feature that the cases do not have.
    """
    features = batch.features
    if not threat.features or features is None:
        return attack(model, batch, goal, threat, seed=seed)
    if batch.before is None:
        with torch.no_grad():
            batch = replace(batch, before=answer(model, batch, batch.images))
    held = torch.zeros_like(batch.images)
    first = _search(model, batch, held, goal, threat, start=features)
    at_first = replace(batch, features=first.features)
    found = attack(model, at_first, goal, threat, seed=seed)
    last = _search(model, batch, found.delta, goal, threat, start=first.features)
    return replace(
        found,
        features=last.features,
        n_gradients=found.n_gradients + first.n_gradients + last.n_gradients,
    )


def random_features(batch: Batch, threat: Threat, *, seed: int) -> Features | None:
    """Features moved by their whole radius, up or down at random; None where all are held."""
    if batch.features is None or not threat.features:
        return None
    draws = uniform_draws(batch, seed, "features", (len(batch.features.names),))
    sign = torch.where(draws < 0.5, -1.0, 1.0)
    radii = batch.features.radii(threat.features)
    return replace(batch.features, values=batch.features.values + sign * radii)


def _search(
    model: Model, batch: Batch, delta: Tensor, goal: Goal, threat: Threat, *, start: Features
) -> _Moved:
    """Projected ascent on the margin by the sign of its gradient, with the image held.

    The first step reaches a corner of the box, where a function that is nearly linear has its
    greatest value; later steps are shorter.
    """
    assert batch.features is not None  # noqa: S101 (the caller asked)
    origin, radii = batch.features.values, batch.features.radii(threat.features)
    images, now = (batch.images + delta).detach(), start.values
    best, most = now, torch.full((len(batch),), -torch.inf, device=now.device)
    for step in range(_STEPS):
        values = now.detach().requires_grad_()
        with torch.enable_grad():
            moved = replace(batch, features=replace(start, values=values))
            outputs = answer(model, moved, images)
            margin = goal.loss(model.task, outputs, batch.truth, "margin", batch.before)
        gradient = _gradient(margin.sum(), values)
        better = margin.detach() > most
        best, most = (
            torch.where(better[:, None], now, best),
            torch.where(better, margin.detach(), most),
        )
        stride = 2 * (1 - step / _STEPS) * radii
        now = torch.clamp(now + stride * gradient.sign(), origin - radii, origin + radii)
    cost = torch.full((len(batch),), _STEPS, dtype=torch.int64)
    return _Moved(features=replace(start, values=best.detach()), n_gradients=cost)


def _gradient(of: Tensor, at: Tensor) -> Tensor:
    """The gradient; 0 where it is no finite number, or where the model does not use a feature."""
    with backward_pass():
        (found,) = torch.autograd.grad(of, at, allow_unused=True)
    return torch.zeros_like(at) if found is None else found.nan_to_num(0.0, 0.0, 0.0)
