"""Proportions of reads, which are correlated within cases and within readers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from plexor.stats.argument import (
    Codes,
    Floats,
    Groups,
    as_events,
    by_position,
    check_level,
    group_codes,
    normal_quantile,
    rows_where,
    t_quantile,
)
from plexor.stats.cluster import clustered_proportion
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import effective_groups, joined, uneven_note
from plexor.stats.proportion import wilson_limits


def proportion_of_reads(
    events: ArrayLike, cases: Groups, readers: Groups, *, level: float = 0.95
) -> Estimate:
    """A proportion of reads (sensitivity, specificity, accuracy) pooled over readers.

    Reads of one case are correlated, and so are reads by one reader. The variance is the sum of
    those linearised over cases and over readers, less that over both (Cameron, Gelbach & Miller, J
    Bus Econ Stat 2011;29:238); the number of independent reads with that variance goes into the
    Wilson interval, reduced by Student's t with the smaller of cases and readers less 1 df, as in
    ``clustered_proportion``. The interval is for other cases and other readers; with two or three
    readers it is wide, because readers are then hardly known.

    Args:
        events: one truth value per read, (n,), e.g. whether a positive case was called positive.
        cases: the case (or its patient) of each read, (n,).
        readers: the reader of each, (n,).
        level: nominal coverage.

    Returns:
        ``n_groups`` is the smaller of the numbers of cases and readers. No interval for fewer than
        two of either. If the sum of the three terms is not positive, the greater of the one-way
        variances is taken; if all reads are equal, the smaller number is the effective sample size.

    Raises:
        PlanError: lengths differ, events are not true or false, a case or reader is missing.

    Examples:
        >>> right = [1, 1, 0, 1, 1, 1, 0, 0, 1]
        >>> case, reader = [1, 1, 1, 2, 2, 2, 3, 3, 3], list("ABCABCABC")
        >>> round(proportion_of_reads(right, case, reader).value, 3)
        0.667
    """
    check_level(level)
    hits = as_events("events", events)
    n = hits.size
    case, n_cases = group_codes(cases, n)
    reader, n_readers = group_codes(readers, n)
    fewest = min(n_cases, n_readers)
    value = float(hits.mean()) if n else math.nan
    low = high = variance = math.nan
    note = "no reads" if not n else "fewer than two cases or readers: no interval"
    if fewest > 1:
        note = ""
        residuals = (hits - value) / n
        both = np.unique(case * n_readers + reader, return_inverse=True)[1]
        terms = [_squares(residuals, codes) for codes in (case, reader, both)]
        variance = max(terms[0] + terms[1] - terms[2], terms[0], terms[1])
        spread = value * (1 - value)
        size = 1 + spread / variance if variance > 0 else float(fewest)
        size = min(size, float(n))
        if variance > 0:
            ratio = t_quantile(level, size - 1) / t_quantile(level, fewest - 1)
            size *= min(1.0, ratio) ** 2
        else:
            note = "all reads are equal: the smaller of cases and readers counts as n"
        low, high = wilson_limits(value, size, normal_quantile(level))
        note = joined(note, uneven_note(n_cases, effective_groups(case, n_cases)))
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method="Wilson score interval at the effective number of reads over cases and readers",
        n=n,
        n_groups=fewest,
        variance=variance,
        note=note,
    )


def proportion_by_reader(
    events: ArrayLike, readers: Groups, cases: Groups | None = None, *, level: float = 0.95
) -> dict[object, Estimate]:
    """``clustered_proportion`` of each reader's own reads, in order of first appearance.

    Args:
        events: one truth value per read, (n,).
        readers: the reader of each, (n,).
        cases: the patient of each read, if a reader has several reads of a patient.
        level: nominal coverage.

    Examples:
        >>> found = proportion_by_reader([1, 0, 1, 1], ["ann", "ann", "bob", "bob"])
        >>> found["ann"].value
        0.5
    """
    hits = as_events("events", events)
    codes, _ = group_codes(readers, hits.size)
    names = by_position(readers).tolist()
    estimates: dict[object, Estimate] = {}
    for name in dict.fromkeys(names):
        own = codes == codes[names.index(name)]
        kept = None if cases is None else rows_where(cases, own)
        estimates[name] = clustered_proportion(hits[own], kept, level=level)
    return estimates


def _squares(residuals: Floats, codes: Codes) -> float:
    sums = np.bincount(codes, weights=residuals)
    return sums.size / (sums.size - 1) * float(sums @ sums)
