"""What an attack hands to the judge, and what it must look like to be an attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from plexor.attacks.goals import Goal
from plexor.attacks.threat import Threat
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Perturbations proposed by an attack; the judge measures them again.

    Attributes:
        delta: (N, C, *spatial), in stored numbers, to be added to the images.
        n_gradients: (N,) int64, forward-and-backward passes spent on each case.
        n_forwards: (N,) int64, further forward passes.
        found_by: of an attack that combines several, the name of the one that reached each case's
            goal, "" where none did; empty for any other attack.
        by_position: of an attack that changes one position at a time, the greatest margin found by
            changing each position alone, (N, *spatial) float32 on the CPU, NaN where it was not
            tried; None for any other attack. The judge does not measure these again.
        edits: of an attack that edits files, for each case the edit that ``delta`` results from,
            which an ``EditingCodec`` can write; empty for any other attack.
    """

    delta: Tensor
    n_gradients: Tensor
    n_forwards: Tensor
    found_by: tuple[str, ...] = ()
    by_position: Tensor | None = None
    edits: tuple[object | None, ...] = ()

    @classmethod
    def nothing(cls, batch: Batch) -> Proposal:
        """The images as they are, at no cost."""
        count = torch.zeros(len(batch), dtype=torch.int64)
        return cls(delta=torch.zeros_like(batch.images), n_gradients=count, n_forwards=count)


class Attack(Protocol):
    """A search. Its fields are its whole configuration."""

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes a perturbation within ``threat`` for every case.

        A case's proposal depends on the case, the model and ``seed``, not on its neighbours.
        """
        ...


def normal_noise(batch: Batch, seed: int, name: str) -> Tensor:
    """Standard normal noise shaped like the images, each case from a stream of its own.

    Drawn on the CPU, so that every device sees the same numbers.
    """
    draws = [
        torch.randn(batch.images.shape[1:], generator=stream(seed, name, case_id))
        for case_id in batch.ids
    ]
    return torch.stack(draws).to(batch.images.device)


def uniform_draws(batch: Batch, seed: int, name: str, shape: tuple[int, ...]) -> Tensor:
    """Numbers drawn uniformly from [0, 1), (N, *shape), otherwise as ``normal_noise``."""
    draws = [torch.rand(shape, generator=stream(seed, name, case_id)) for case_id in batch.ids]
    return torch.stack(draws).to(batch.images.device)


def stream(seed: int, name: str, case_id: str) -> torch.Generator:
    """The random stream, on the CPU, for one use of one case."""
    return torch.Generator().manual_seed(seed_for(seed, name, case_id))
