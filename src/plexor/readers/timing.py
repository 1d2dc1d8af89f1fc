"""Response times, and their trend over the reads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats as scipy_stats

from plexor.readers.result import Result
from plexor.stats import TestResult, clustered_quantile


def timing(reads: pd.DataFrame, *, level: float) -> list[Result]:
    """Median time by reader, and the rank correlation of time with place in the reader's order.

    A falling time suggests learning or haste, a growing one fatigue; the test cannot distinguish
    them from harder cases, which the random order spreads.

    Args:
        reads: answers, with columns as in ``plexor.readers.export``.
        level: nominal coverage.
    """
    timed = reads[reads["elapsed_ms"].notna()]
    each = timed.drop_duplicates(["reader", "position"])
    return [
        result
        for reader, own in each.groupby("reader", sort=False)
        for result in _of_reader(str(reader), own, level)
    ]


def _of_reader(reader: str, own: pd.DataFrame, level: float) -> Iterator[Result]:
    seconds = own["elapsed_ms"].to_numpy(np.float64) / 1000
    groups = None if own["group"].is_unique else own["group"].tolist()
    median = clustered_quantile(seconds, 0.5, groups, level=level)
    yield Result(question="", measure="median time (s)", who=reader, found=median)
    n = len(own)
    if n > 2 and np.unique(seconds).size > 1:
        found = scipy_stats.spearmanr(own["position"], seconds)
        test = TestResult(
            statistic=float(found.statistic),
            p_value=float(found.pvalue),
            method="Spearman's rank correlation of time with place in the order",
            n=n,
        )
        yield Result(question="", measure="time over the order, test", who=reader, found=test)
