"""Resampling of whole groups, with random numbers that do not depend on chunk sizes.

A resample is a weight per observation: how often its group was drawn. Resamples are drawn in blocks
whose size depends on the number of groups alone, each block with a random stream of its own, from
the seed and its number; so results do not depend on the size of the chunks in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import Codes, Floats, Groups, as_floats, group_codes, is_count

Statistic = Callable[[Floats], Floats]
"""Weights of resamples, (r, n), to k numbers for each, (r, k); NaN where undefined."""

Seed = int | np.random.Generator
Weighting = Literal["auto", "multinomial", "poisson"]

POISSON_FROM = 100_000
"""Groups from which ``"auto"`` draws each group's weight by itself, which needs one pass."""

CHUNK_BYTES = 1 << 22

_DRAWS_OF_BLOCK = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampler:
    """Draws resamples of groups with replacement, within strata if there are any.

    Attributes:
        codes: the group of each observation, (n,).
        n_groups: number of groups.
        strata: the groups of each stratum.
        seed: of the random streams.
        weighting: "multinomial" draws as many groups as there are; "poisson" draws each group's
            weight from Poisson(1), whose sum varies, for very many groups.
        chunk_bytes: size of the weights held at a time; changes no result.
    """

    codes: Codes
    n_groups: int
    strata: tuple[Codes, ...]
    seed: int
    weighting: Literal["multinomial", "poisson"]
    chunk_bytes: int = CHUNK_BYTES

    def weights(self) -> Iterator[Floats]:
        """The weights of the groups, (groups,), of one resample after another, without end."""
        for block in self._blocks():
            yield from block

    def _blocks(self) -> Iterator[Floats]:
        """Resamples in blocks, (rows, groups), without end."""
        size = max(1, _DRAWS_OF_BLOCK // max(1, self.n_groups))
        for number in count():
            yield self._block(np.random.default_rng([self.seed, number]), size)

    def _block(self, rng: np.random.Generator, size: int) -> Floats:
        if self.weighting == "poisson":
            return rng.poisson(1.0, (size, self.n_groups)).astype(np.float64)
        first = np.arange(size)[:, None]
        counts = []
        for members in self.strata:
            n = members.size
            picks = rng.integers(n, size=(size, n))
            picks += first * n
            counts.append(np.bincount(picks.ravel(), minlength=size * n).reshape(size, n))
        if len(counts) == 1:
            return counts[0].astype(np.float64)
        drawn = np.zeros((size, self.n_groups))
        for members, found in zip(self.strata, counts, strict=True):
            drawn[:, members] = found
        return drawn

    def replicates(self, statistic: Statistic, n_resamples: int) -> Floats:
        """The statistic of each resample, (n_resamples, k)."""
        return self._apply(statistic, self._blocks(), n_resamples)

    def jackknife(self, statistic: Statistic, at_most: int = 1000) -> Floats:
        """The statistic without each group in turn, (groups or blocks of groups, k).

        More than ``at_most`` groups are left out in that many equal blocks.
        """
        blocks = np.array_split(np.arange(self.n_groups), max(1, min(self.n_groups, at_most)))

        def rows() -> Iterator[Floats]:
            size = max(1, self.chunk_bytes // (8 * max(1, self.n_groups)))
            for start in range(0, len(blocks), size):
                here = blocks[start : start + size]
                kept = np.ones((len(here), self.n_groups))
                for row, block in zip(kept, here, strict=True):
                    row[block] = 0
                yield kept

        return self._apply(statistic, rows(), len(blocks))

    def _apply(self, statistic: Statistic, blocks: Iterator[Floats], n_rows: int) -> Floats:
        """The statistic of the first ``n_rows`` rows of weights of groups."""
        summed = statistic.over_groups(self) if isinstance(statistic, WeightedMean) else None
        width = self.codes.size if summed is None else self.n_groups
        size = max(1, self.chunk_bytes // (8 * max(1, width)))
        parts, done = [], 0
        while done < n_rows:
            block = next(blocks)[: n_rows - done]
            done += len(block)
            for start in range(0, len(block), size):
                chunk = block[start : start + size]
                of_rows = statistic(chunk[:, self.codes]) if summed is None else summed(chunk)
                parts.append(np.asarray(of_rows, dtype=np.float64))
        return np.concatenate(parts)


def resampler(
    n: int,
    groups: Groups | None = None,
    *,
    strata: Groups | None = None,
    seed: Seed,
    weighting: Weighting = "auto",
) -> Resampler:
    """A resampler of ``n`` observations.

    Args:
        n: number of observations.
        groups: the group of each; None where observations are independent.
        strata: the stratum of each; every resample has as many groups of a stratum as the data.
        seed: a whole number, or a generator from which one is drawn.
        weighting: "auto" takes "multinomial" below 100,000 groups and with strata.

    Raises:
        PlanError: a group in two strata, lengths that differ, a missing group, a negative seed, or
            an unknown weighting.
    """
    if weighting not in get_args(Weighting):
        raise PlanError(unknown("weighting", weighting, get_args(Weighting)))
    codes, n_groups = (np.arange(n), n) if groups is None else group_codes(groups, n)
    if weighting == "auto":
        weighting = "poisson" if strata is None and n_groups >= POISSON_FROM else "multinomial"
    members: tuple[Codes, ...] = (np.arange(n_groups),)
    if strata is not None:
        of_observation, n_strata = group_codes(strata, n)
        of_group = np.zeros(n_groups, dtype=np.intp)
        of_group[codes] = of_observation
        if (of_group[codes] != of_observation).any():
            raise PlanError(
                "strata: expected every group within one stratum, but a group is in two; "
                "resample without strata, or define them by group"
            )
        members = tuple(np.flatnonzero(of_group == stratum) for stratum in range(n_strata))
    return Resampler(
        codes=codes,
        n_groups=n_groups,
        strata=members,
        seed=seed_number(seed),
        weighting=weighting,
    )


def seed_number(seed: Seed) -> int:
    """The whole number from which streams are made.

    Raises:
        PlanError: anything else, or a negative one.
    """
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    if not is_count(seed):
        raise PlanError(
            f"seed: expected a whole number from 0 or a NumPy generator, got {seed!r}; the same "
            "number gives the same result"
        )
    return int(seed)


def generator_of(seed: Seed) -> np.random.Generator:
    """The generator itself, or a new one from a whole number; errors as ``seed_number``."""
    return (
        seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed_number(seed))
    )


@dataclass(frozen=True, slots=True, eq=False)
class WeightedMean:
    """The statistic of ``weighted_mean``; for whole groups it is computed from their sums.

    Attributes:
        sums: of the values of each observation (or group), (n, k).
        sizes: number of observations in each, (n,).
    """

    sums: Floats
    sizes: Floats

    def __call__(self, weights: Floats) -> Floats:
        """The weighted mean of each column for each row of weights, (r, k)."""
        total = (weights @ self.sizes)[:, None]
        undefined = np.full((len(weights), self.sums.shape[1]), np.nan)
        means: Floats = np.divide(weights @ self.sums, total, out=undefined, where=total > 0)
        return means

    def over_groups(self, draws: Resampler) -> WeightedMean:
        """The same statistic of weights of groups."""
        columns = [
            np.bincount(draws.codes, weights=column, minlength=draws.n_groups)
            for column in (*self.sums.T, self.sizes)
        ]
        floats = np.array(columns, dtype=np.float64)
        return WeightedMean(sums=floats[:-1].T, sizes=floats[-1])


def weighted_mean(values: ArrayLike) -> Statistic:
    """The mean of each column, (n,) or (n, k), as a statistic.

    Raises:
        PlanError: a value that is NaN or infinite.

    Examples:
        >>> import numpy as np
        >>> weighted_mean([1.0, 2.0, 6.0])(np.array([[1.0, 1, 1], [2, 0, 1]])).tolist()
        [[3.0], [2.6666666666666665]]
    """
    table = _columns(values)
    return WeightedMean(sums=table, sizes=np.ones(len(table)))


def by_indices(function: Callable[[NDArray[np.intp]], ArrayLike]) -> Statistic:
    """Any function of observation numbers (repeated as often as drawn) as a statistic.

    Slower than a statistic of weights, because it is called once for each resample.

    Examples:
        >>> import numpy as np
        >>> median = by_indices(lambda chosen: np.median(np.array([5, 1, 3])[chosen]))
        >>> median(np.ones((1, 3))).tolist()
        [[3.0]]
    """

    def statistic(weights: Floats) -> Floats:
        numbers = np.arange(weights.shape[1])
        return np.stack(
            [
                np.atleast_1d(np.asarray(function(np.repeat(numbers, row)), dtype=np.float64))
                for row in weights.astype(np.intp)
            ]
        )

    return statistic


def _columns(values: ArrayLike) -> Floats:
    table = as_floats("values", values)
    if not np.isfinite(table).all():
        raise PlanError("values: some are NaN or infinite; leave those out, and say how many")
    return table[:, None] if table.ndim == 1 else table
