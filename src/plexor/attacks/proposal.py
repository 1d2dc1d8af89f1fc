"""The result of an attack, its protocol, and its random draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from plexor.attacks.goals import Goal
from plexor.attacks.threat import Threat
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch, stacked
from plexor.models.features import Features
from plexor.models.layout import layout_of
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
        features: the features moved with the images, in the batch's columns and units; None where
            they are held.
    """

    delta: Tensor
    n_gradients: Tensor
    n_forwards: Tensor
    found_by: tuple[str, ...] = ()
    by_position: Tensor | None = None
    edits: tuple[object | None, ...] = ()
    features: Features | None = None

    @classmethod
    def nothing(cls, batch: Batch) -> Proposal:
        """No change, at no cost."""
        count = torch.zeros(len(batch), dtype=torch.int64)
        return cls(delta=torch.zeros_like(batch.images), n_gradients=count, n_forwards=count)


class Attack(Protocol):
    """A search for perturbations; its fields are its whole configuration."""

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes a perturbation within ``threat`` for every case.

        The proposal for a case depends on the case, the model and ``seed``, and not on the other
        cases of the batch.
        """
        ...


def normal_noise(batch: Batch, seed: int, name: str) -> Tensor:
    """Standard normal noise of the images' shape, from one random stream for each case.

    Drawn on the CPU, so that the numbers do not depend on the device; laid out as the images.
    """
    draws = [
        torch.randn(batch.images.shape[1:], generator=stream(seed, name, case_id))
        for case_id in batch.ids
    ]
    noise = stacked(draws).to(batch.images.device)
    return noise.contiguous(memory_format=layout_of(batch.images))


def uniform_draws(batch: Batch, seed: int, name: str, shape: tuple[int, ...]) -> Tensor:
    """Uniform draws from [0, 1), (N, *shape), otherwise as ``normal_noise``."""
    draws = [torch.rand(shape, generator=stream(seed, name, case_id)) for case_id in batch.ids]
    return torch.stack(draws).to(batch.images.device)


def stream(seed: int, name: str, case_id: str) -> torch.Generator:
    """The random stream on the CPU for one case and one named purpose."""
    return torch.Generator().manual_seed(seed_for(seed, name, case_id))
