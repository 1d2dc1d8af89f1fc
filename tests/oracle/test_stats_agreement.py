"""Agreement against R, published tables and identities."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from plexor.core.errors import PlanError
from plexor.stats import (
    Estimate,
    alpha_statistic,
    bland_altman,
    bootstrap_interval,
    clustered_proportion,
    cohens_kappa,
    cohens_kappa_of_table,
    fleiss_kappa,
    gwet_ac,
    icc,
    krippendorff_alpha,
    pabak,
)
from plexor.stats.icc import IccInterval, IccKind
from plexor.stats.kappa import AgreementWeights
from plexor.stats.krippendorff import Scale

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_agreement.json").read_text()
)
RATERS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_raters.json").read_text()
)

# Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, example C: 4 observers, 12 units.
N = None
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ],
    dtype=object,
).T
FIVE = [1, 2, 3, 4, 5]


def spread(table: list[list[int]]) -> tuple[Any, Any]:
    counts = np.array(table, dtype=int)
    rows, columns = np.indices(counts.shape)
    return np.repeat(rows.ravel(), counts.ravel()), np.repeat(columns.ravel(), counts.ravel())


@pytest.mark.parametrize("row", GOLDEN["kappas"].values(), ids=GOLDEN["kappas"].keys())
def test_kappas_equal_r(row: dict[str, Any]) -> None:
    plain = cohens_kappa_of_table(row["table"])
    assert plain.value == pytest.approx(row["kappa"], rel=1e-10)
    assert plain.variance == pytest.approx(row["variance"], rel=1e-9)
    for weights in ("linear", "quadratic"):
        ours = cohens_kappa_of_table(row["table"], weights=weights)
        assert ours.value == pytest.approx(row[weights], rel=1e-10)
        assert ours.variance == pytest.approx(row[f"{weights}_ase"] ** 2, rel=1e-9)


def test_allyn_2020s_observers() -> None:
    # Medicine 2020;99(50):e23568 prints -0.22 (-0.487 to -0.04); its own table gives +0.040.
    ours = cohens_kappa_of_table([[14, 17], [13, 6]], interval="wald")
    assert round(ours.value, 2) == -0.22
    assert (round(ours.low, 3), round(ours.high, 3)) == (-0.487, 0.040)


def test_two_cases_added_by_hand() -> None:
    # [[4, 1], [0, 5]] with half a case in each cell: observed 10/12, chance 1/2 (the first rater's
    # margins are even), kappa 2/3.
    ours = cohens_kappa_of_table([[4, 1], [0, 5]])
    half = cohens_kappa_of_table([[9, 3], [1, 11]], interval="wald")  # twice that table
    assert ours.value == pytest.approx(0.8, rel=1e-12)
    assert half.value == pytest.approx(2 / 3, rel=1e-12)
    error = math.sqrt(2 * (half.variance or 0))
    assert ours.low == pytest.approx(2 / 3 - 1.959963984540054 * error, rel=1e-9)
    assert ours.high == 1


def test_a_table_of_many_cases_is_not_written_out() -> None:
    small, large = ([[40 * k, 5 * k], [10 * k, 45 * k]] for k in (1, 10**15))
    found = cohens_kappa_of_table(large)
    assert found.value == pytest.approx(cohens_kappa_of_table(small).value, rel=1e-12)
    assert found.high - found.low < 1e-6


def test_gwets_abstractors() -> None:
    # Gwet, Handbook of Inter-Rater Reliability, 4th ed. 2014 (and his irrCAC): kappa 0.7964
    # (SE 0.0589), AC1 0.8493 (0.0432, there by n in place of n - 1), Scott's pi 0.7962 (0.0591).
    first, second = spread([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    kappa = cohens_kappa(first, second, [0, 1, 2])
    assert round(kappa.value, 7) == 0.7964094
    assert round(math.sqrt(kappa.variance or 0), 8) == 0.05891072
    both = np.column_stack([first, second])
    ac1 = gwet_ac(both, [0, 1, 2])
    assert round(ac1.value, 7) == 0.8493305
    assert round(math.sqrt((ac1.variance or 0) * 99 / 100), 8) == 0.04321747
    pi = fleiss_kappa(both, [0, 1, 2])
    assert round(pi.value, 7) == 0.7962397
    assert round(math.sqrt((pi.variance or 0) * 99 / 100), 4) == 0.0591


def test_krippendorffs_example() -> None:
    # The same paper gives 0.743, 0.815 and 0.849; Gwet's irrCAC 0.77544 and 0.76117.
    values = [
        krippendorff_alpha(KRIPPENDORFF, FIVE, scale="nominal").value,
        krippendorff_alpha(KRIPPENDORFF, FIVE, scale="ordinal").value,
        krippendorff_alpha(KRIPPENDORFF, FIVE, scale="interval").value,
    ]
    assert [round(value, 3) for value in values] == [0.743, 0.815, 0.849]
    assert round(gwet_ac(KRIPPENDORFF, FIVE).value, 5) == 0.77544
    assert round(fleiss_kappa(KRIPPENDORFF, FIVE).value, 5) == 0.76117
    assert krippendorff_alpha(KRIPPENDORFF, FIVE).n == 11


def test_fleiss_own_example() -> None:
    # The ten-subject, fourteen-rater table in general use to illustrate Fleiss 1971: 0.210.
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    ratings = np.array([np.repeat(FIVE, row) for row in counts])
    assert round(fleiss_kappa(ratings, FIVE).value, 3) == 0.210


@pytest.mark.parametrize("weights", ["identity", "linear", "quadratic"])
@pytest.mark.parametrize("function", [gwet_ac, fleiss_kappa])
def test_missing_ratings_as_gwets_program_has_them(
    function: Callable[..., Estimate], weights: AgreementWeights
) -> None:
    data = RATERS["several"]
    theirs = data["found"][weights][function.__name__]
    ours = function(data["ratings"], [1, 2, 3, 4], weights=weights)
    assert ours.value == pytest.approx(theirs["value"], rel=1e-12)
    assert math.sqrt(ours.variance or 0) == pytest.approx(theirs["se"], rel=1e-10)
    assert [ours.low, ours.high] == pytest.approx(theirs["limits"], rel=1e-8)


@pytest.mark.parametrize("function", [gwet_ac, fleiss_kappa])
def test_cases_with_a_single_rating_count_in_the_variance_as_in_the_jackknife(
    function: Callable[..., Estimate],
) -> None:
    # irrCAC counts their agreement, which does not exist, as 0, and so its variance is greater.
    data = RATERS["all"]
    for weights in ("identity", "linear", "quadratic"):
        theirs = data["found"][weights][function.__name__]
        ours = function(data["ratings"], [1, 2, 3, 4], weights=weights)
        assert ours.value == pytest.approx(theirs["value"], rel=1e-12)
        rated = [row for row in data["ratings"] if any(row)]
        assert ours.n == len(rated) == len(data["ratings"]) - 1
        left_out = np.array(
            [
                function(rated[:case] + rated[case + 1 :], [1, 2, 3, 4], weights=weights).value
                for case in range(len(rated))
            ]
        )
        jackknife = (len(rated) - 1) / len(rated) * ((left_out - left_out.mean()) ** 2).sum()
        assert ours.variance == pytest.approx(jackknife, rel=0.03)
        assert theirs["se"] ** 2 > 1.1 * jackknife


def test_alpha_with_missing_ratings_has_gwets_value() -> None:
    for weights, scale in (("identity", "nominal"), ("quadratic", "interval")):
        for data in RATERS.values():
            ours = krippendorff_alpha(data["ratings"], [1, 2, 3, 4], scale=scale)  # type: ignore[arg-type]
            theirs = data["found"][weights]["krippendorff_alpha"]
            assert ours.value == pytest.approx(theirs["value"], rel=1e-12)
            assert math.sqrt(ours.variance or 0) == pytest.approx(theirs["se"], rel=0.05)


@pytest.mark.parametrize("weights", ["identity", "linear", "quadratic"])
def test_linearised_variances_are_near_the_jackknifes(weights: AgreementWeights) -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 4, 300)
    ratings = np.where(rng.random((300, 3)) < 0.6, truth[:, None], rng.integers(0, 4, (300, 3)))
    wide = ratings.astype(object)
    wide[rng.random((300, 3)) < 0.2] = None
    for function in (fleiss_kappa, gwet_ac):
        ours = function(wide, [0, 1, 2, 3], weights=weights)
        left_out = np.array(
            [
                function(np.delete(wide, case, axis=0), [0, 1, 2, 3], weights=weights).value
                for case in range(300)
            ]
        )
        jackknife = 299 / 300 * ((left_out - left_out.mean()) ** 2).sum()
        assert ours.variance == pytest.approx(jackknife, rel=0.05), function.__name__


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval"])
def test_alphas_variance_is_that_of_its_derivatives_by_weights(scale: Scale) -> None:
    statistic = alpha_statistic(KRIPPENDORFF, FIVE, scale)
    n = len(KRIPPENDORFF)
    step = 1e-6 * np.eye(n)
    slopes = (statistic(1 + step) - statistic(1 - step))[:, 0] / 2e-6
    rated = np.array([sum(rating is not None for rating in row) >= 2 for row in KRIPPENDORFF])
    ours = krippendorff_alpha(KRIPPENDORFF, FIVE, scale=scale)
    known = slopes[rated]
    assert (slopes[~rated] == 0).all()
    assert ours.variance == pytest.approx(known.size * known.var(ddof=1), rel=1e-6)
    half = stats.t.ppf(0.975, known.size - 1) * math.sqrt(ours.variance or 0)
    assert ours.low == pytest.approx(ours.value - half, rel=1e-9)


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval"])
def test_clustered_alphas_variance_is_near_the_jackknifes_over_groups(scale: Scale) -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(100), 3)
    truth = rng.integers(0, 4, 100)[groups]
    ratings = np.where(rng.random((300, 3)) < 0.6, truth[:, None], rng.integers(0, 4, (300, 3)))
    ours = krippendorff_alpha(ratings, [0, 1, 2, 3], groups, scale=scale)
    statistic = alpha_statistic(ratings, [0, 1, 2, 3], scale)
    left_out = statistic((groups != np.arange(100)[:, None]).astype(float))
    assert ours.variance == pytest.approx(99**2 / 100 * left_out.var(ddof=1), rel=0.05)
    assert ours.n_groups == 100


def test_two_complete_raters_tie_the_coefficients_together() -> None:
    first, second = spread([[30, 5, 2], [4, 20, 6], [1, 3, 29]])
    both = np.column_stack([first, second])
    pi = fleiss_kappa(both, [0, 1, 2]).value
    alpha = krippendorff_alpha(both, [0, 1, 2]).value
    # Alpha is pi with chance agreement without replacement: 1-alpha = (1-pi)(2n-1)/(2n).
    assert 1 - alpha == pytest.approx((1 - pi) * 199 / 200, rel=1e-12)
    # Quadratic weights and interval distances are the same.
    weighted = fleiss_kappa(both, [0, 1, 2], weights="quadratic").value
    interval = krippendorff_alpha(both, [0, 1, 2], scale="interval").value
    assert 1 - interval == pytest.approx((1 - weighted) * 199 / 200, rel=1e-12)


def test_pabak_is_a_line_through_agreement() -> None:
    first, second = spread([[40, 3], [5, 2]])
    groups = np.repeat(np.arange(25), 2)
    ours = pabak(first, second, [0, 1], groups)
    share = clustered_proportion(first == second, groups)
    assert [ours.value, ours.low, ours.high] == pytest.approx(
        [2 * share.value - 1, 2 * share.low - 1, 2 * share.high - 1], rel=1e-12
    )
    assert pabak(first, second, [0, 1]).value == pytest.approx(2 * 42 / 50 - 1, rel=1e-12)


def test_clustered_kappa_and_copies() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, 60)
    second = np.where(rng.random(60) < 0.6, first, rng.integers(0, 3, 60))
    own = np.arange(60)
    plain = cohens_kappa(first, second, [0, 1, 2])
    grouped = cohens_kappa(first, second, [0, 1, 2], own)
    assert grouped.variance == pytest.approx((plain.variance or 0) * 60 / 59, rel=1e-10)
    copies = cohens_kappa(np.repeat(first, 4), np.repeat(second, 4), [0, 1, 2], np.repeat(own, 4))
    assert copies.variance == pytest.approx(grouped.variance, rel=1e-10)
    assert [copies.low, copies.high] == pytest.approx([grouped.low, grouped.high], rel=1e-9)
    ratings = np.column_stack([first, second])
    for function in (fleiss_kappa, gwet_ac):
        once = function(ratings, [0, 1, 2])
        many = function(np.repeat(ratings, 3, axis=0), [0, 1, 2], np.repeat(own, 3))
        assert [many.value, many.low, many.high] == pytest.approx(
            [once.value, once.low, once.high], rel=1e-9
        )


def test_alpha_may_be_bootstrapped() -> None:
    statistic = alpha_statistic(KRIPPENDORFF, FIVE, "ordinal")
    (booted,) = bootstrap_interval(statistic, 12, seed=1, method="percentile")
    ours = krippendorff_alpha(KRIPPENDORFF, FIVE, scale="ordinal")
    assert booted.value == pytest.approx(ours.value, rel=1e-12)
    assert booted.low < ours.value < booted.high <= 1


def test_corners() -> None:
    perfect = cohens_kappa(["a", "b"] * 20, ["a", "b"] * 20, ["a", "b"])
    assert (perfect.value, perfect.high) == (1, 1)
    assert 0.7 < perfect.low < 0.9
    assert "no Wald interval" in cohens_kappa([0, 1], [0, 1], [0, 1], interval="wald").note
    one = cohens_kappa(["a", "a"], ["a", "a"], ["a", "b"])
    assert math.isnan(one.value)
    assert math.isnan(one.low)
    assert "one class only" in one.note
    assert cohens_kappa([], [], ["a", "b"]).note == "no cases"
    assert math.isnan(cohens_kappa([0, 1], [1, 1], [0, 1], ["g", "g"]).low)
    lonely = fleiss_kappa([[1, None], [None, 2]], [1, 2])
    assert lonely.note == "no case has two ratings"
    alike = krippendorff_alpha([[1, 1], [1, 1]], [1, 2])
    assert math.isnan(alike.value)
    assert "only one class was used" in alike.note
    # AC1 is defined where kappa is not: both always "no" of two possible answers.
    assert gwet_ac([[0, 0], [0, 0]], [0, 1]).value == 1
    both = gwet_ac([["b", "b"], ["a", "b"], ["a", "a"]], ["a", "b"])
    assert both.value == pytest.approx((2 / 3 - 0.5) / 0.5, rel=1e-12)


def test_mistakes_are_refused() -> None:
    with pytest.raises(PlanError, match="square table of counts"):
        cohens_kappa_of_table([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(PlanError, match="'c' is none of the classes"):
        fleiss_kappa([["a", "c"]], ["a", "b"])
    with pytest.raises(PlanError, match="did you mean 'linear'"):
        cohens_kappa([1], [1], [1, 2], weights="liner")  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="did you mean 'ordinal'"):
        krippendorff_alpha([[1, 2]], [1, 2], scale="ordnal")  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="leave cases out"):
        icc([[1.0, math.nan], [2.0, 3.0]])


KINDS: list[IccKind] = ["1,1", "A,1", "C,1", "1,k", "A,k", "C,k"]


@pytest.mark.parametrize("row", GOLDEN["icc"], ids=["shrout-fleiss", "random"])
def test_icc_equals_psych(row: dict[str, Any]) -> None:
    for place, kind in enumerate(KINDS):
        ours = icc(row["x"], kind=kind, interval="f")
        assert ours.value == pytest.approx(row["value"][place], rel=1e-8), kind
        assert ours.low == pytest.approx(row["low"][place], rel=1e-7), kind
        assert ours.high == pytest.approx(row["high"][place], rel=1e-7), kind


def test_icc_of_shrout_and_fleiss() -> None:
    # Psychol Bull 1979;86:420, table 4: 0.17, 0.29, 0.71, 0.44, 0.62, 0.91.
    x = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    values = [round(icc(x, kind=kind).value, 2) for kind in KINDS]
    assert values == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_mover_interval_of_agreement_solves_its_equation(level: float) -> None:
    # The limits of the sum, from chi-squared quantiles, with the mean squares by hand.
    x = np.random.default_rng(3).normal(size=(12, 1)) + np.random.default_rng(4).normal(size=4)
    x = x + np.random.default_rng(5).normal(size=(12, 4))
    n, k = x.shape
    case, rater = x.mean(axis=1, keepdims=True), x.mean(axis=0, keepdims=True)
    freedom = np.array([n - 1, k - 1, (n - 1) * (k - 1)])
    sums = np.array(
        [
            k * np.sum((case - x.mean()) ** 2),
            n * np.sum((rater - x.mean()) ** 2),
            np.sum((x - case - rater + x.mean()) ** 2),
        ]
    )
    upper = sums / stats.chi2.ppf((1 - level) / 2, freedom)
    lower = sums / stats.chi2.ppf((1 + level) / 2, freedom)
    square = sums / freedom
    found = icc(x, level=level)
    assert 0 < found.low < found.value < found.high
    for r, below in ((found.low, True), (found.high, False)):
        # Cases count for the correlation, raters and the rest against it.
        weight = np.array([1 - r, -r * k / n, -(1 + r * (k - 1 - k / n))])
        far = np.where([below, not below, not below], square - lower, upper - square)
        length = math.sqrt(np.sum((weight * far) ** 2))
        assert weight @ square == pytest.approx(length if below else -length, rel=1e-9)


def test_raters_who_differ_leave_agreement_uncertain_however_many_cases() -> None:
    def share(interval: IccInterval) -> float:
        held = 0
        for seed in range(200):
            rng = np.random.default_rng(seed)
            rater = math.sqrt(0.2) * rng.normal(size=3)
            x = rng.normal(size=(1000, 1)) + rater + math.sqrt(0.5) * rng.normal(size=(1000, 3))
            found = icc(x, interval=interval)
            held += found.low <= 1 / 1.7 <= found.high
        return held / 200

    # 95 % less three standard errors of 200; the F interval's own share is near 80 %.
    assert share("mover") >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 200)
    assert share("f") < 0.87


def test_icc_corners() -> None:
    assert math.isnan(icc([[1.0, 2.0]]).value)
    assert icc([[3.0, 3.0], [3.0, 3.0]]).note == "nothing varies"
    exact = icc([[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]])
    assert (exact.value, exact.low, exact.high) == (1, 1, 1)
    shifted = np.array([[1.0, 2.0], [2.0, 3.0], [5.0, 6.0]])
    assert icc(shifted, kind="C,1").value == pytest.approx(1)
    apart = icc(shifted, kind="A,1")
    assert apart.low < apart.value < 0.95
    assert apart.method == "ICC(A,1), MOVER interval"
    assert icc(shifted, interval="f").method == icc(shifted, kind="A,1", interval="f").method
    unlike = [[1.0, 2.0], [2.0, 1.1], [1.0, 3.0]]
    assert icc(unlike).low == -1
    assert icc(unlike, kind="A,k").low == -math.inf
    impossible = icc([[1.0, 2.0], [2.0, 1.1]])
    assert math.isnan(impossible.low)
    assert "cases differ too little" in impossible.note
    with pytest.raises(PlanError, match="did you mean 'mover'"):
        icc(shifted, interval="moover")  # type: ignore[arg-type]


def test_limits_of_agreement_with_repeats_equal_a_mixed_model() -> None:
    data = GOLDEN["repeated"]
    ours = bland_altman(data["first"], data["second"], data["subject"])
    assert ours.bias.value == pytest.approx(data["bias"], rel=1e-8)
    assert ours.sd_between == pytest.approx(data["between"], rel=1e-4)
    assert ours.sd_within == pytest.approx(data["within"], rel=1e-4)
    total = math.hypot(data["between"], data["within"])
    assert ours.upper.value == pytest.approx(data["bias"] + 1.959964 * total, rel=1e-4)
    assert ours.lower.low < ours.lower.value < ours.lower.high < ours.upper.low


def test_limits_of_agreement_of_single_pairs() -> None:
    difference = np.random.default_rng(5).normal(0.4, 2.0, 40)
    ours = bland_altman(difference, np.zeros(40))
    assert ours.upper.value - ours.lower.value == pytest.approx(
        2 * 1.959963984540054 * difference.std(ddof=1), rel=1e-12
    )
    # Bland & Altman (Lancet 1986;1:307): the standard error of a limit is about √(3 s²/n).
    assert ours.upper.high - ours.upper.low == pytest.approx(
        2 * 1.96 * math.sqrt(3 / 40) * difference.std(ddof=1), rel=0.1
    )
    assert math.isnan(ours.sd_within)
    mirrored = bland_altman(np.zeros(40), difference)
    assert mirrored.lower.value == pytest.approx(-ours.upper.value, rel=1e-12)
    assert mirrored.lower.low == pytest.approx(-ours.upper.high, rel=1e-12)


def test_limits_of_agreement_cover_as_said() -> None:
    rng = np.random.default_rng(2)
    subjects = np.repeat(np.arange(20), 3)
    true_upper = 0.5 + 1.959964 * math.sqrt(1.0 + 0.5)
    covered = 0
    for _ in range(800):
        difference = 0.5 + rng.normal(size=20)[subjects] + rng.normal(size=60) * math.sqrt(0.5)
        upper = bland_altman(difference, np.zeros(60), subjects).upper
        covered += upper.low <= true_upper <= upper.high
    assert 0.925 < covered / 800 < 0.975


def test_limits_of_agreement_need_two_subjects() -> None:
    two = bland_altman([1.0, 2.0], [2.0, 2.0]).bias  # Student's t of 0.975 at 1 df is 12.706
    assert (two.value, two.high) == pytest.approx((-0.5, -0.5 + 0.5 * 12.7062047), rel=1e-8)
    one = bland_altman([1.0, 2.0], [1.5, 2.5], ["a", "a"])
    assert math.isnan(one.bias.low)
    assert math.isnan(one.upper.value)
    assert one.bias.note == "fewer than two subjects"
    with pytest.raises(PlanError, match="some NaN or infinite"):
        bland_altman([1.0, math.nan], [1.0, 2.0])
