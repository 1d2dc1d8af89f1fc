"""A published figure beside ours: could both be of one truth, or not?

*Within sampling error*: the 95 % interval of the difference, ours minus published, covers 0. The
two are taken to be of different cases. The published figure's own interval is Wilson's, from its
value and n; ours is as estimated, clustered by group; they are squared and added (MOVER: Newcombe,
Stat Med 1998;17:873, method 10). The interval is then made wider by half a unit of the last digit
printed, since the figure behind the print may lie anywhere in there.

*Differs*: it does not cover 0. The reason is the one that the study names beforehand: what it does
otherwise that bears on this figure. That this is the only reason is not shown.

*Cannot be compared*: the publication gives no n, or ours is undefined. The difference then has no
interval (NaN), with a note.

Cases of the published sample are taken to be independent, because a publication rarely says how
they hang together; where they come several to a group, its true interval is wider than the one used
here.
"""

from __future__ import annotations

import math

import numpy as np

from plexor.findings.study_file import Agreement, Number
from plexor.stats import Estimate, proportion_interval
from plexor.stats.mover import mover_limits
from plexor.studies.study import Published

SIGNIFICANT = 0.05
_METHOD = "difference of two independent shares, their intervals squared and added"


def compare(published: Published, ours: Number | None, *, because: str) -> Agreement:
    """How our figure stands to the published one.

    Args:
        published: a share, or a bound below which a p-value lies.
        ours: the same figure of ours; None where it was not measured.
        because: why the two may differ, as the study knew beforehand.
    """
    if ours is None:
        return Agreement(word="not measured here", because=because)
    if ours.value is None:
        return Agreement(word="cannot be compared", because=ours.note)
    if published.kind == "p-bound":
        return _conclusions(published.value, ours.value, because=because)
    found = difference(published, ours)
    number = Number.of("points", found)
    if math.isnan(found.low):
        return Agreement(word="cannot be compared", because=found.note, difference=number)
    if found.low <= 0 <= found.high:
        return Agreement(word="within sampling error", difference=number)
    return Agreement(word="differs", because=because, difference=number)


def difference(published: Published, ours: Number) -> Estimate:
    """Our share minus the published one, with the interval of their difference.

    Returns:
        NaN limits with a note where the publication gives no n, or ours has no interval.
    """
    ours_value, low, high = (
        math.nan if number is None else number for number in (ours.value, ours.low, ours.high)
    )
    value, lower, upper, note = ours_value - published.value, math.nan, math.nan, ""
    if published.n is None:
        note = "the publication does not say of how many cases"
    elif math.isnan(low):
        note = ours.note or "ours has no interval"
    else:
        theirs = proportion_interval(round(published.value * published.n), published.n)
        lower, upper = mover_limits(
            np.array([1.0, -1.0]),
            np.array([ours_value, published.value]),
            np.array([low, theirs.low]),
            np.array([high, theirs.high]),
            np.eye(2),
        )
        lower, upper = lower - published.rounding, upper + published.rounding
    return Estimate(
        value=value,
        low=lower,
        high=upper,
        level=0.95,
        method=_METHOD,
        n=(published.n or 0) + (ours.n or 0),
        note=note,
    )


def _conclusions(published: float, ours: float, *, because: str) -> Agreement:
    """Whether both tests say the same at the usual level; p-values themselves are no estimates."""
    if (published <= SIGNIFICANT) == (ours < SIGNIFICANT):
        return Agreement(word="same conclusion")
    return Agreement(word="other conclusion", because=because)
