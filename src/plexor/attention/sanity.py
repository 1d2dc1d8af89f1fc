"""Whether a map hangs on what the network has learnt: weights are drawn anew."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike

from plexor.models.model import Model, network_of
from plexor.stats import Estimate, clustered_mean

MOST = 0.5
"""Rank correlation from which a map counts as kept; a choice of ours, Adebayo et al. give none."""
Verdict = Literal["destroyed", "kept", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanity:
    """The check of Adebayo et al., NeurIPS 2018: random weights must destroy a map.

    Attributes:
        correlation: mean rank correlation of the maps of one image before and after.
        verdict: "destroyed" where the whole interval lies below one half, "kept" where it lies at
            one half or above, else "cannot tell".
        n_flat: cases left out, since one of their maps is constant.
    """

    correlation: Estimate
    verdict: Verdict
    n_flat: int

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        said = {
            "destroyed": "Random weights destroy the map, as they must if it shows what the "
            "network has learnt.",
            "kept": "The map stays much the same with random weights: it shows the image or the "
            "form of the network rather than what it has learnt. Do not read this map.",
            "cannot tell": "Whether random weights destroy the map cannot be told from these "
            "cases; read it with doubt.",
        }
        return said[self.verdict]


def randomised(model: Model, *, seed: int) -> Model:
    """A copy of the model whose weights are all drawn anew; the model itself is unchanged.

    Every layer is initialised as torch does by default. Parameters of layers without an
    initialisation of their own are drawn from a normal distribution with their own mean and
    standard deviation.

    Raises:
        PlanError: the model has no network.
    """
    twin = copy.deepcopy(model)
    network = network_of(twin, method="the check with random weights")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for layer in network.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
                continue
            for parameter in layer.parameters(recurse=False):
                spread = float(parameter.std()) if parameter.numel() > 1 else 1.0
                parameter.normal_(float(parameter.mean()), spread)
    return twin


def sanity(
    correlations: ArrayLike, groups: Sequence[str] | None = None, *, level: float = 0.95
) -> Sanity:
    """The verdict from the rank correlation of each case's maps before and after.

    Args:
        correlations: (n,), see ``rank_correlation``; NaN where a map is constant. With several
            draws of weights, each case's mean.
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.

    Example:
        >>> sanity([0.1, -0.05, 0.08, 0.0]).verdict
        'destroyed'
    """
    values = np.asarray(correlations, float)
    known = np.flatnonzero(~np.isnan(values))
    names = None if groups is None else [str(groups[i]) for i in known.tolist()]
    found = clustered_mean(values[known], names, level=level)
    verdict: Verdict = "cannot tell"
    if found.high < MOST:
        verdict = "destroyed"
    elif found.low >= MOST:
        verdict = "kept"
    return Sanity(correlation=found, verdict=verdict, n_flat=int(values.size - known.size))
