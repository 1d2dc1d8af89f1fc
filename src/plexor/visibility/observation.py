"""How well a reader or a model observer tells perturbed images from originals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.stats import Estimate, auc, clustered_proportion
from plexor.stats.argument import Groups, group_codes
from plexor.stats.grouped_variance import mean_spread
from plexor.visibility.array import Floats

Codes = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """How well perturbed images are told from originals, on cases not used for training.

    Attributes:
        auc: single images: probability that a perturbed image is rated above an original one,
            of the same case or another.
        d_prime: single images: difference of the means in standard deviations.
        forced_choice: both images of a case side by side: share of pairs in which the perturbed
            image is picked. What the two have in common cancels, so that this task is easier.
        d_prime_forced_choice: the d' of the forced choice; ``forced_choice = Φ(d'/√2)`` where the
            difference is normal.
        n_training: pairs used for training.
    """

    auc: Estimate
    d_prime: Estimate
    forced_choice: Estimate
    d_prime_forced_choice: Estimate
    n_training: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "n_training": self.n_training,
            "auc": self.auc.to_dict(),
            "d_prime": self.d_prime.to_dict(),
            "forced_choice": self.forced_choice.to_dict(),
            "d_prime_forced_choice": self.d_prime_forced_choice.to_dict(),
        }


def learnt_from(n: int, groups: Groups | None, *, seed: int) -> Flags:
    """The pairs used for training, (n,) bool: those of half of the groups; the others are tested.

    Args:
        n: number of pairs.
        groups: the group of each pair; None where pairs are independent.
        seed: of the draw of the halves.

    Example:
        >>> learnt_from(4, None, seed=0).sum()
        np.int64(2)
    """
    codes, n_groups = (np.arange(n), n) if groups is None else group_codes(groups, n)
    order = np.random.default_rng([seed, 0]).permutation(n_groups)
    return np.isin(codes, order[: n_groups // 2])


def tested_groups(groups: Groups, learn: Flags) -> Codes:
    """Group numbers of the pairs tested."""
    codes, _ = group_codes(groups, len(learn))
    return codes[~learn]


def observation(
    alone: Floats,
    beside: Floats,
    groups: Codes | None,
    *,
    n_training: int,
    seed: int,
    level: float = 0.95,
    note: str = "",
) -> Observation:
    """Estimates from decision variables of the pairs tested.

    Args:
        alone: rating of the original and of the perturbed image by themselves, (m, 2); higher is
            more perturbed.
        beside: rating of the perturbed image minus that of the original, side by side, (m,); at 0
            a coin is tossed.
        groups: group number of each pair, (m,); None where pairs are independent.
        n_training: pairs used for training.
        seed: of the coin.
        level: nominal coverage.
        note: why nothing can be estimated, if so.
    """
    coin = np.random.default_rng([seed, 2]).random(len(beside)) < 0.5
    picked = np.where(beside == 0, coin, beside > 0)
    own = np.arange(len(beside)) if groups is None else groups
    return Observation(
        auc=_noted(_area(alone, own, level), note),
        d_prime=_noted(_distance(alone, groups, level), note),
        forced_choice=_noted(clustered_proportion(picked, groups, level=level), note),
        d_prime_forced_choice=_noted(_paired_distance(beside, groups, level), note),
        n_training=n_training,
    )


def _area(alone: Floats, codes: Codes, level: float) -> Estimate:
    """AUC; both images of a pair are of one group."""
    truth = np.repeat([False, True], len(alone))
    return auc(truth, alone.T.ravel(), np.tile(codes, 2), level=level)


def _distance(alone: Floats, groups: Codes | None, level: float) -> Estimate:
    """Difference of means by the root of the mean variance (Barrett & Myers, eq. 13.19)."""
    n = len(alone)
    means, variances = (alone.mean(axis=0), alone.var(axis=0)) if n else (np.zeros(2), np.zeros(2))
    variance = float(variances.mean())
    shift = float(means[1] - means[0])
    apart = alone - means
    moves = (apart[:, 1] - apart[:, 0], (np.square(apart) - variances).mean(axis=1))
    return _ratio((shift, variance), moves, groups, level, "d' of single images")


def _paired_distance(beside: Floats, groups: Codes | None, level: float) -> Estimate:
    """√2 times the mean of the differences divided by their standard deviation."""
    shift, variance = (float(beside.mean()), float(beside.var())) if beside.size else (0.0, 0.0)
    apart = beside - shift
    moves = (math.sqrt(2) * apart, np.square(apart) - variance)
    shift *= math.sqrt(2)
    return _ratio((shift, variance), moves, groups, level, "d' of pairs side by side")


def _ratio(
    found: tuple[float, float],
    moves: tuple[Floats, Floats],
    groups: Codes | None,
    level: float,
    what: str,
) -> Estimate:
    """``shift / √variance`` with its interval, linearised over groups; NaN where variance is 0.

    ``moves`` are each pair's influences on shift and on variance, times the number of pairs.
    """
    (shift, variance), n = found, moves[0].size
    value = shift / math.sqrt(variance) if variance > 0 else math.nan
    influence = np.full(n, math.nan)
    if variance > 0:
        influence = moves[0] / math.sqrt(variance) - value / (2 * variance) * moves[1]
    spread = mean_spread(influence, groups)
    half = spread.half_width(level)
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        method=f"{what}, linearised over {'pairs' if groups is None else 'groups'}, Student's "
        "interval",
        n=n,
        n_groups=spread.n_groups,
        variance=spread.variance,
        note=spread.note if variance > 0 else "all pairs look alike to the observer",
    )


def _noted(estimate: Estimate, note: str) -> Estimate:
    return replace(estimate, note=note) if note else estimate
