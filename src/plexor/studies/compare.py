"""A published figure beside ours: are they equal within the margin that the study states?

The verdict is one of equivalence, so that a small sample cannot earn it. It rests on the 95 %
interval of the difference, ours minus published, and on the study's margin, which is written down
before anything is run.

*Agrees*: the interval lies within the margin. *Differs*: it lies wholly beyond the margin. The
reason is the one that the study names beforehand: what it does otherwise that bears on this figure.
That this is the only reason is not shown. *Cannot tell*: anything else; with more cases the
interval would be narrower.

*Same conclusion*, of a test: both are significant. *Other conclusion*: ours is significant and the
published one is not. *Cannot tell*: ours is not significant, which shows nothing.

*No verdict*: the images are drawn. *Not measured here*. *Cannot be compared*: the publication gives
no n, the study no margin, or ours is undefined; the difference then has no interval (NaN), with a
note.

The published figure's own interval is Wilson's, from its value and n; ours is as estimated,
clustered by group; they are squared and added (MOVER: Newcombe, Stat Med 1998;17:873, method 10),
since the two are taken to be of different cases. The interval is made wider by half a unit of the
last digit printed, since the figure behind the print may lie anywhere in there. An
area under a ROC curve has no interval that follows from its value and n: a printed area is taken as
exact, so that only our own error enters. Cases of the
published sample are taken to be independent, because a publication rarely says how they hang
together; where they come several to a group, its true interval is wider than the one used here.
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
_OF_AREA = "our interval, moved by the printed area, whose own error is not known"


def compare(
    published: Published, ours: Number | None, *, because: str, drawn: bool = False
) -> Agreement:
    """How our figure stands to the published one.

    Args:
        published: a share, or a bound below which a p-value lies.
        ours: the same figure of ours; None where it was not measured.
        because: why the two may differ, as the study knew beforehand.
        drawn: whether our images are phantoms, on which nothing agrees or differs.

    Example:
        >>> from plexor.stats import proportion_interval
        >>> from plexor.studies import Published
        >>> printed = Published(
        ...     id="accuracy", what="Accuracy", value=0.84, n=2003, margin=0.05, where="abstract"
        ... )
        >>> for n in (25, 4000):
        ...     ours = Number.of("share", proportion_interval(round(0.84 * n), n))
        ...     print(n, compare(printed, ours, because="").word)
        25 cannot tell
        4000 agrees
    """
    if ours is None:
        return Agreement(word="not measured here", because=because)
    if drawn:
        return Agreement(word="no verdict", because="the images are drawn phantoms")
    if ours.value is None:
        return Agreement(word="cannot be compared", because=ours.note)
    if published.kind in ("p", "p-bound"):
        return _conclusions(published.value, ours.value, because=because)
    return _equivalence(published, ours, because=because)


def _equivalence(published: Published, ours: Number, *, because: str) -> Agreement:
    """Where the interval of the difference lies, beside the margin."""
    found = difference(published, ours)
    number = Number.of("area-change" if published.kind == "area" else "points", found)
    if math.isnan(found.low):
        return Agreement(word="cannot be compared", because=found.note, difference=number)
    margin = published.margin
    if margin is None:
        return Agreement(
            word="cannot be compared", because="the study states no margin", difference=number
        )
    if -margin <= found.low and found.high <= margin:
        return Agreement(word="agrees", difference=number)
    if found.low > margin or found.high < -margin:
        return Agreement(word="differs", because=because, difference=number)
    return Agreement(
        word="cannot tell",
        because=f"the interval is not within {published.margin_words}, nor beyond",
        difference=number,
    )


def difference(published: Published, ours: Number) -> Estimate:
    """Our share minus the published one, with the interval of their difference.

    Returns:
        NaN limits with a note where ours has no interval, or the publication of a share gives no n.
    """
    ours_value, low, high = (
        math.nan if number is None else number for number in (ours.value, ours.low, ours.high)
    )
    value, lower, upper, note = ours_value - published.value, math.nan, math.nan, ""
    if published.n is None and published.kind != "area":
        note = "the publication does not say of how many cases"
    elif math.isnan(low):
        note = ours.note or "ours has no interval"
    elif published.n is None or published.kind == "area":
        lower = low - published.value - published.rounding
        upper = high - published.value + published.rounding
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
        method=_OF_AREA if published.kind == "area" else _METHOD,
        n=(published.n or 0) + (ours.n or 0),
        note=note,
    )


def _conclusions(published: float, ours: float, *, because: str) -> Agreement:
    """Whether both tests are significant; p-values themselves are no estimates."""
    if ours >= SIGNIFICANT:
        return Agreement(word="cannot tell", because="ours is not significant, which shows nothing")
    if published <= SIGNIFICANT:
        return Agreement(word="same conclusion")
    return Agreement(word="other conclusion", because=because)
