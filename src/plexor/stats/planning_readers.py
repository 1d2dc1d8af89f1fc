"""Power and sample sizes of reader studies that compare two treatments."""

from __future__ import annotations

import math

from scipy import special, stats

from plexor.core.errors import PlanError
from plexor.stats.mrmc import ReaderStudy
from plexor.stats.planning import check_share, smallest_n


def reader_study_power(
    pilot: ReaderStudy, difference: float, n_readers: int, n_cases: int, *, alpha: float = 0.05
) -> float:
    """Power to find a difference of two treatments, random readers and cases.

    Hillis, Obuchowski & Berbaum (Acad Radiol 2011;18:129): the components of a pilot study, those
    over cases scaled by the number of cases; a non-central F with Hillis' df. A negative
    component of treatment by reader counts as 0.

    Args:
        pilot: a fully crossed study of the same kind of readers, cases and measure.
        difference: true difference of the measure that the study should detect.
        n_readers: two or more.
        n_cases: number of cases, with the shares of classes of the pilot.
        alpha: significance level, two-sided.

    Raises:
        PlanError: fewer than two readers, no cases, no difference, a pilot that is
            split-plot or without variance.

    Examples:
        >>> import numpy as np
        >>> from plexor.stats import reader_study
        >>> values = [[0.84, 0.88, 0.81], [0.80, 0.83, 0.79]]
        >>> study = reader_study(values, 0.0004 * np.eye(6) + 0.0003, 100)
        >>> round(reader_study_power(study, 0.05, 5, 200), 2)
        0.98
    """
    check_share("alpha", alpha)
    if pilot.n_blocks > 1 or pilot.readers_nested:
        raise PlanError("pilot: expected a fully crossed study, got a split-plot one")
    if n_readers < 2 or n_cases < 1 or difference == 0:
        raise PlanError(
            "expected two readers or more, a case or more and a difference other than 0, got "
            f"{n_readers}, {n_cases} and {difference}"
        )
    scale = pilot.n / n_cases
    excess = max(pilot.same_treatment - pilot.neither, 0.0)
    interaction = max(pilot.treatment_by_reader, 0.0)
    own = max(pilot.variance - pilot.same_reader, 0.0)
    error = interaction + scale * (own + (n_readers - 1) * excess)
    if not error > 0:
        raise PlanError("pilot: expected a variance to plan from, but all values are equal")
    square = interaction + scale * max(own - excess, 0.0)
    df = (n_readers - 1) * (error / square) ** 2 if square > 0 else math.inf
    shift = n_readers * difference**2 / (2 * error)
    if math.isinf(df):
        return float(stats.ncx2.sf(special.chdtri(1, alpha), 1, shift))
    return float(stats.ncf.sf(special.fdtri(1, df, 1 - alpha), 1, df, shift))


def reader_study_cases(
    pilot: ReaderStudy,
    difference: float,
    n_readers: int,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """Number of cases for a power with a given number of readers; see ``reader_study_power``.

    Raises:
        PlanError: too few readers for any number of cases: the interaction of readers with
            treatments remains.

    Examples:
        >>> import numpy as np
        >>> from plexor.stats import reader_study
        >>> values = [[0.84, 0.88, 0.81], [0.80, 0.83, 0.79]]
        >>> study = reader_study(values, 0.0004 * np.eye(6) + 0.0003, 100)
        >>> reader_study_cases(study, 0.05, 5)
        91
    """
    return smallest_n(
        lambda n: reader_study_power(pilot, difference, n_readers, n, alpha=alpha), power
    )
