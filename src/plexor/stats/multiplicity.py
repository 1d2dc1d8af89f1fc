"""Several tests at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import Floats


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down adjusted p-values (Scand J Stat 1979;6:65), in the order given.

    Rejecting where the adjusted value is at most 0.05 errs at all with probability at most 0.05,
    however the tests depend on each other. NaN (an undefined test) stays NaN and is not counted
    among the tests.

    Args:
        p_values: (m,), each within 0 … 1 or NaN.

    Raises:
        PlanError: a value outside 0 … 1, or more than one dimension.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or (p < 0).any() or (p > 1).any():
        raise PlanError(
            f"p_values: expected one dimension of values from 0 to 1, got {p.tolist()!r}; "
            "give the unadjusted p-values"
        )
    adjusted = np.full_like(p, np.nan)
    order = np.argsort(p, kind="stable")[: int(np.count_nonzero(~np.isnan(p)))]
    steps = (order.size - np.arange(order.size)) * p[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
