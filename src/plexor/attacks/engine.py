"""Runs an attack on the cases to attempt, and splits batches when memory runs out."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from plexor.attacks.features import with_features
from plexor.attacks.goals import Goal
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import ModelError, PlanError
from plexor.models.batch import Batch
from plexor.models.device import is_out_of_memory
from plexor.models.features import Features
from plexor.models.model import HasNetwork, Model
from plexor.models.recompute import recomputing
from plexor.models.task import Task

logger = logging.getLogger(__name__)

T = TypeVar("T")


def propose(
    model: Model,
    batch: Batch,
    attack: Attack,
    goal: Goal,
    threat: Threat,
    *,
    attempted: Tensor,
    seed: int,
) -> Proposal:
    """The attack's proposal for every case; no change where not ``attempted``, (N,) bool."""
    chosen = torch.nonzero(attempted).flatten()
    if len(chosen) == len(batch):  # no copies: images may be large
        return with_features(attack, model, batch, goal, threat, seed=seed)
    found = Proposal.nothing(batch)
    if len(chosen) == 0:
        return found
    some = batch.select(chosen.to(batch.images.device))
    made = with_features(attack, model, some, goal, threat, seed=seed)
    found.delta[chosen.to(found.delta.device)] = made.delta
    found_by = dict(zip(chosen.tolist(), made.found_by, strict=False))
    by_position = None
    if made.by_position is not None:
        by_position = torch.full((len(batch), *made.by_position.shape[1:]), torch.nan)
        by_position[chosen] = made.by_position
    edits = dict(zip(chosen.tolist(), made.edits, strict=False))
    return Proposal(
        delta=found.delta,
        n_gradients=found.n_gradients.index_copy(0, chosen, made.n_gradients),
        n_forwards=found.n_forwards.index_copy(0, chosen, made.n_forwards),
        found_by=tuple(found_by.get(row, "") for row in range(len(batch))),
        by_position=by_position,
        edits=tuple(map(edits.get, range(len(batch)))) if edits else (),
        features=_spread(made.features, batch, chosen),
    )


def _spread(moved: Features | None, batch: Batch, chosen: Tensor) -> Features | None:
    """The features of a whole batch, those of the chosen cases moved; None where all are held."""
    if moved is None or batch.features is None:
        return None
    rows = chosen.to(moved.values.device)
    return replace(moved, values=batch.features.values.index_copy(0, rows, moved.values))


def unreached(goal: Goal, task: Task, batch: Batch) -> Tensor:
    """Cases whose goal is not reached on the untouched image, (N,) bool on the CPU.

    Args:
        goal: what is wanted.
        task: the model's.
        batch: the cases; ``before`` has the outputs for the untouched images.

    Raises:
        PlanError: these outputs are not known.
    """
    if batch.before is None:
        raise PlanError("attack: the outputs for the untouched images are not known; set `before`")
    return (goal.margin(task, batch.before, batch.truth, batch.before) <= 0).cpu()


def halving(
    work: Callable[[slice], T], n_cases: int, batch_size: int, *, model: Model | None = None
) -> tuple[list[T], int]:
    """Calls ``work`` on slices of at most ``batch_size`` cases, halved when memory runs out.

    Args:
        work: called with a slice of the cases.
        n_cases: number of cases.
        batch_size: largest slice at first.
        model: the model that ``work`` differentiates, or None. Where a single case does not fit
            into memory, the activations of its network are recomputed in the backward pass instead
            of kept.

    Returns:
        The result for each slice, and the batch size that fitted, for use in further calls.

    Raises:
        ModelError: a single case does not fit into memory.
    """
    network: nn.Module | None = model.network if isinstance(model, HasNetwork) else None
    done: list[T] = []
    start, size = 0, batch_size
    with contextlib.ExitStack() as stack:
        while start < n_cases:
            n = min(size, n_cases - start)
            try:
                done.append(work(slice(start, start + n)))
                start += n
                continue
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if n == 1 and network is None:
                    raise ModelError(
                        "out of memory with a single case; use a smaller model or image, or a "
                        "machine with more memory"
                    ) from error
            size = max(1, n // 2)
            if n > 1:
                logger.warning("out of memory; continuing with batches of %d", size)
            elif network is not None:
                logger.warning("out of memory with a single case; recomputing activations")
                stack.enter_context(recomputing(network))
                network = None
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    return done, size
