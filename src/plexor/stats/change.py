"""Whether measurements of the same cases changed, and whether they changed too little to matter."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import Floats, Groups, check_same_length, group_codes
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import groups_note, joined, mean_spread
from plexor.stats.mean import as_numbers, clustered_mean
from plexor.stats.resample import Seed, generator_of
from plexor.stats.result import TestResult

ChangeScores = Literal["mean", "rank"]

_NO_CASES = "no cases"
_INFINITE = "a change is infinite: take signed_rank_test, or scores='rank'"
_NO_CHANGE = "nothing changed in any case"
_ONE_GROUP = "fewer than two cases or groups"


def mean_change(
    before: ArrayLike, after: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The mean of after - before; see ``clustered_mean`` for its interval.

    Examples:
        >>> before, after = [3.1, 2.8, 4.0, 3.6, 2.9], [3.4, 3.0, 4.1, 3.5, 3.3]
        >>> round(mean_change(before, after).value, 2)
        0.18
    """
    return clustered_mean(_changes(before, after), groups, level=level)


def paired_t_test(before: ArrayLike, after: ArrayLike, groups: Groups | None = None) -> TestResult:
    """Whether the mean change is 0: Student's paired test.

    With groups, variance and degrees of freedom are those of ``clustered_mean``: where a tenth of
    the groups hold 30 to 60 cases each, the usual variance with groups - 1 degrees of freedom
    rejects 30 % of true hypotheses for ten groups and 8 % for a hundred.

    Args:
        before: (n,).
        after: of the same cases, (n,).
        groups: the group of each; None where cases are independent.

    Returns:
        NaN with a note for fewer than two cases (or groups), without variance, or where a change is
        infinite.

    Raises:
        PlanError: a NaN, lengths that differ, or a missing group.

    Examples:
        >>> before, after = [3.1, 2.8, 4.0, 3.6, 2.9], [3.4, 3.0, 4.1, 3.5, 3.3]
        >>> round(paired_t_test(before, after).p_value, 3)
        0.105
    """
    changes = _changes(before, after)
    t, df, n_groups = _t_statistic(changes, 0.0, groups)
    uneven = groups_note(groups, changes.size)
    return TestResult(
        statistic=t,
        p_value=2 * float(special.stdtr(df, -abs(t))) if df > 0 else math.nan,
        df=df,
        method="paired t test" + ("" if groups is None else " over groups"),
        n=changes.size,
        n_groups=n_groups,
        note=_t_note(changes, t, df) or uneven,
    )


def signed_rank_test(
    before: ArrayLike, after: ArrayLike, groups: Groups | None = None
) -> TestResult:
    """Wilcoxon's signed-rank test; with groups, Rosner, Glynn & Lee's.

    Changes of 0 are left out and the sizes of all others ranked together. Under the hypothesis the
    changes of a group have random signs in common, so the variance of the sum of signed ranks is
    the sum of squares of the groups' sums (Biometrics 2006;62:185, their unweighted large-sample
    form). Normal, without continuity correction; for few groups take ``sign_flip_test``.

    Args:
        before: (n,).
        after: of the same cases, (n,).
        groups: the group of each; None where cases are independent.

    Returns:
        ``n`` counts all cases. NaN with a note where nothing changed.

    Raises:
        PlanError: a NaN, lengths that differ, or a missing group.

    Examples:
        >>> before, after = [3.1, 2.8, 4.0, 3.6, 2.9], [3.4, 3.0, 4.1, 3.5, 3.3]
        >>> round(signed_rank_test(before, after).p_value, 3)
        0.138
    """
    changes = _changes(before, after)
    sums, n_groups = _group_sums(_signed_ranks(changes), groups)
    squares = float(sums @ sums)
    z = float(sums.sum()) / math.sqrt(squares) if squares > 0 else math.nan
    name = "Wilcoxon's signed-rank test" if groups is None else "clustered signed-rank test"
    changed = int(np.count_nonzero(sums))
    few = f"only {changed} groups changed: the p-value is approximate" if changed < 25 else ""
    return TestResult(
        statistic=z,
        p_value=2 * float(special.ndtr(-abs(z))),
        method=f"{name}, normal approximation",
        n=changes.size,
        n_groups=None if groups is None else n_groups,
        note=joined(few, groups_note(groups, changes.size))
        if squares > 0
        else (_NO_CHANGE if changes.size else _NO_CASES),
    )


def sign_flip_test(
    before: ArrayLike,
    after: ArrayLike,
    groups: Groups | None = None,
    *,
    seed: Seed,
    scores: ChangeScores = "mean",
    n_permutations: int = 9999,
) -> TestResult:
    """Permutation test of no change, in which all changes of a group keep or change sign together.

    Exact under the hypothesis that before and after are exchangeable within each group, also for
    few groups. All sign patterns are used if there are at most ``n_permutations``; otherwise that
    many are drawn, and p = (1 + number with a sum at least as great) / (1 + number drawn) (Phipson
    & Smyth, Stat Appl Genet Mol Biol 2010;9:39). Truth values may be given as 0 and 1; then this is
    the exact clustered McNemar test.

    Args:
        before: (n,).
        after: of the same cases, (n,).
        groups: the group of each; None where cases are independent.
        seed: a whole number or a generator; used only where patterns are drawn.
        scores: sum the changes ("mean") or their signed ranks ("rank").
        n_permutations: see above.

    Returns:
        ``statistic`` is the sum of scores. p = 1 with a note where nothing changed; NaN with a note
        without cases, or where a change is infinite and scores are not ranks.

    Raises:
        PlanError: a NaN, lengths that differ, a missing group, unknown scores.

    Examples:
        >>> before, after = [3.1, 2.8, 4.0, 3.6, 2.9], [3.4, 3.0, 4.1, 3.5, 3.3]
        >>> sign_flip_test(before, after, seed=0).p_value
        0.1875
    """
    if scores not in get_args(ChangeScores):
        raise PlanError(unknown("scores", scores, get_args(ChangeScores)))
    changes = _changes(before, after)
    sums, n_groups = _group_sums(changes if scores == "mean" else _signed_ranks(changes), groups)
    undefined = "" if np.isfinite(sums).all() else _INFINITE
    undefined = undefined if changes.size else _NO_CASES
    moved = sums[(sums != 0) & (undefined == "")]
    observed = float(moved.sum())
    every = 2.0**moved.size <= n_permutations
    if every:
        found = np.zeros(1)
        for size in moved:
            found = np.concatenate([found + size, found - size])
    else:
        rng = generator_of(seed)
        size = max(1, (1 << 22) // moved.size)
        found = np.concatenate(
            [
                rng.choice([-1.0, 1.0], (min(size, n_permutations - start), moved.size)) @ moved
                for start in range(0, n_permutations, size)
            ]
        )
    # Rounding must not make a pattern equal to the observed one smaller.
    as_great = int((np.abs(found) >= abs(observed) * (1 - 1e-12)).sum())
    p_value = as_great / found.size if every else (1 + as_great) / (1 + found.size)
    how = f"all {found.size} patterns" if every else f"{n_permutations} patterns drawn"
    return TestResult(
        statistic=math.nan if undefined else observed,
        p_value=math.nan if undefined else p_value,
        method=f"sign-flip permutation test of the {scores}, {how}",
        n=changes.size,
        n_groups=None if groups is None else n_groups,
        note=undefined or ("" if moved.size else _NO_CHANGE),
    )


def equivalence_test(
    before: ArrayLike,
    after: ArrayLike,
    margin: float,
    groups: Groups | None = None,
) -> TestResult:
    """Two one-sided tests that the mean change is within ± margin (Schuirmann 1987).

    A small p-value means that the change is smaller than the margin. It is below 0.05 exactly where
    the 90 % interval of ``mean_change`` is within the margins.

    Args:
        before: (n,).
        after: of the same cases, (n,).
        margin: greatest change that does not matter, in the unit of the measurements, > 0.
        groups: the group of each; None where cases are independent.

    Returns:
        The test with the greater p-value of the two. NaN with a note as in ``paired_t_test``.

    Raises:
        PlanError: a margin that is not positive; see ``paired_t_test`` for the rest.

    Examples:
        >>> before, after = [3.1, 2.8, 4.0, 3.6, 2.9], [3.4, 3.0, 4.1, 3.5, 3.3]
        >>> round(equivalence_test(before, after, margin=0.5).p_value, 3)
        0.01
    """
    if not margin > 0:
        raise PlanError(f"margin: expected the greatest harmless change, above 0, got {margin}")
    changes = _changes(before, after)
    above, df, n_groups = _t_statistic(changes, -margin, groups)
    below, _, _ = _t_statistic(changes, margin, groups)
    nearer = min(above, -below)
    uneven = groups_note(groups, changes.size)
    return TestResult(
        statistic=nearer,
        p_value=float(special.stdtr(df, -nearer)) if df > 0 else math.nan,
        df=df,
        method=f"two one-sided t tests, margin {margin:g}"
        + ("" if groups is None else " over groups"),
        n=changes.size,
        n_groups=n_groups,
        alternative="greater",
        note=_t_note(changes, nearer, df) or uneven,
    )


def _changes(before: ArrayLike, after: ArrayLike) -> Floats:
    first, second = as_numbers("before", before), as_numbers("after", after)
    check_same_length(before=first.size, after=second.size)
    with np.errstate(invalid="ignore"):  # both infinite: NaN, refused as such
        changes = second - first
    return as_numbers("after - before", changes)


def _t_statistic(
    changes: Floats, expected: float, groups: Groups | None
) -> tuple[float, float, int | None]:
    n = changes.size
    mean = float(changes.mean()) if n else math.nan
    if not math.isfinite(mean):
        df = float((n if groups is None else group_codes(groups, n)[1]) - 1)
        return math.nan, max(df, 0.0), None if groups is None else int(df) + 1
    spread = mean_spread(changes, groups)
    t = (mean - expected) / math.sqrt(spread.variance) if spread.variance > 0 else math.nan
    fewest = n if spread.n_groups is None else spread.n_groups
    return t, spread.df if math.isfinite(spread.df) else float(fewest - 1), spread.n_groups


def _t_note(changes: Floats, t: float, df: float) -> str:
    if not math.isnan(t):
        return ""
    if df < 1:
        return _ONE_GROUP
    return "all changes are equal" if np.isfinite(changes).all() else _INFINITE


def _signed_ranks(changes: Floats) -> Floats:
    ranks = np.zeros(changes.size)
    moved = np.flatnonzero(changes)
    sizes, place, counts = np.unique(
        np.abs(changes[moved]), return_inverse=True, return_counts=True
    )
    last = np.cumsum(counts)
    ranks[moved] = (last - (counts - 1) / 2)[place] if sizes.size else 0.0
    signed: Floats = ranks * np.sign(changes)
    return signed


def _group_sums(scores: Floats, groups: Groups | None) -> tuple[Floats, int]:
    n = scores.size
    if groups is None:
        return scores, n
    codes, n_groups = group_codes(groups, n)
    sums = np.zeros(n_groups)
    np.add.at(sums, codes, scores)
    return sums, n_groups
