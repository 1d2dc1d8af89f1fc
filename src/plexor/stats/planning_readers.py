"""Power and sample sizes of reader studies of one treatment, or that compare two."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    if len(pilot.values) < 2:
        raise PlanError("pilot: expected two treatments, got one; take reader_mean_power")
    _check_planned(pilot, difference, n_readers, n_cases)
    components = _Components(
        interaction=pilot.treatment_by_reader,
        own=pilot.variance - pilot.same_reader,
        shared=pilot.same_treatment - pilot.neither,
    )
    return components.power(difference**2 / 2, n_readers, pilot.n / n_cases, alpha)


def reader_mean_power(
    pilot: ReaderStudy,
    above: float,
    n_readers: int,
    n_cases: int,
    *,
    treatment: int = 0,
    alpha: float = 0.05,
) -> float:
    """Power to show that the mean over readers differs from its value for guessing.

    The test is Student's, of one treatment's mean, for random readers and cases (Hillis, Stat Med
    2014;33:330); its square has an F distribution with the components and df of that treatment. The
    components are those of the pilot; those over cases are scaled by the number of cases, as in
    ``reader_study_power``.

    Args:
        pilot: a fully crossed study of the same kind of readers, cases and measure.
        above: true mean minus its value for guessing, e.g. 0.1 for a ROC area of 0.6.
        n_readers: two or more.
        n_cases: number of cases, with the shares of classes of the pilot.
        treatment: a row of the pilot's values.
        alpha: significance level, two-sided.

    Raises:
        PlanError: see ``reader_study_power``; a treatment that the pilot does not have.

    Examples:
        >>> import numpy as np
        >>> from plexor.stats import reader_study
        >>> study = reader_study([[0.64, 0.58, 0.61]], 0.002 * np.eye(3) + 0.001, 100)
        >>> round(reader_mean_power(study, 0.1, 5, 200), 2)
        0.96
    """
    check_share("alpha", alpha)
    if not 0 <= treatment < len(pilot.values):
        raise PlanError(
            f"treatment: expected a number from 0 to {len(pilot.values) - 1}, got {treatment}"
        )
    _check_planned(pilot, above, n_readers, n_cases)
    own, shared = pilot.variance_each[treatment], pilot.same_treatment_each[treatment]
    seen = float(pilot.values[treatment].var(ddof=1))
    components = _Components(
        interaction=seen - float(own) + max(float(shared), 0.0),
        own=float(own),
        shared=float(shared),
    )
    return components.power(above**2, n_readers, pilot.n / n_cases, alpha)


def reader_mean_cases(
    pilot: ReaderStudy,
    above: float,
    n_readers: int,
    *,
    power: float = 0.8,
    treatment: int = 0,
    alpha: float = 0.05,
) -> int:
    """Number of cases for a power with a given number of readers; see ``reader_mean_power``.

    Raises:
        PlanError: too few readers for any number of cases: the variance between readers remains.

    Examples:
        >>> import numpy as np
        >>> from plexor.stats import reader_study
        >>> study = reader_study([[0.64, 0.58, 0.61]], 0.002 * np.eye(3) + 0.001, 100)
        >>> reader_mean_cases(study, 0.1, 5)
        115
    """
    return smallest_n(
        lambda n: reader_mean_power(pilot, above, n_readers, n, treatment=treatment, alpha=alpha),
        power,
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Components:
    """Components of the variance of a mean over readers, or of half a difference of two means.

    Attributes:
        interaction: variance between readers, which does not depend on the number of cases.
        own: variance of one reader's value over cases.
        shared: covariance of two readers' values over cases.
    """

    interaction: float
    own: float
    shared: float

    def power(self, shift: float, n_readers: int, scale: float, alpha: float) -> float:
        """Of the F test with Hillis' df; ``shift`` is the squared effect, ``scale`` n0 / n."""
        shared = max(self.shared, 0.0)
        interaction, own = max(self.interaction, 0.0), max(self.own, 0.0)
        error = interaction + scale * (own + (n_readers - 1) * shared)
        if not error > 0:
            raise PlanError("pilot: expected a variance to plan from, but all values are equal")
        square = interaction + scale * max(own - shared, 0.0)
        df = (n_readers - 1) * (error / square) ** 2 if square > 0 else math.inf
        away = n_readers * shift / error
        if math.isinf(df):
            return float(stats.ncx2.sf(special.chdtri(1, alpha), 1, away))
        return float(stats.ncf.sf(special.fdtri(1, df, 1 - alpha), 1, df, away))


def _check_planned(pilot: ReaderStudy, effect: float, n_readers: int, n_cases: int) -> None:
    if pilot.n_blocks > 1 or pilot.readers_nested:
        raise PlanError("pilot: expected a fully crossed study, got a split-plot one")
    if n_readers < 2 or n_cases < 1 or effect == 0:
        raise PlanError(
            "expected two readers or more, a case or more and a difference other than 0, got "
            f"{n_readers}, {n_cases} and {effect}"
        )
