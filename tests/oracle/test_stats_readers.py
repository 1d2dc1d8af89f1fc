"""Reader studies against published analyses, R, brute force and simulation."""

import json
import math
import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, special, stats

from plexor.core.errors import PlanError
from plexor.stats import (
    Estimate,
    auc,
    auc_covariance,
    binormal_curve,
    clustered_proportion,
    detection,
    forced_choice,
    one_shot_auc,
    one_shot_difference,
    proportion_by_reader,
    proportion_interval,
    proportion_of_reads,
    reader_mean_cases,
    reader_mean_power,
    reader_study,
    reader_study_auc,
    reader_study_cases,
    reader_study_power,
    reader_study_proportion,
)
from plexor.stats.mrmc import Inference

FOLDER = Path(__file__).parent / "golden"
GOLDEN: dict[str, Any] = json.loads((FOLDER / "stats_readers.json").read_text())
VAN_DYKE: dict[str, Any] = json.loads((FOLDER / "van_dyke.json").read_text())
TRUTH = np.array([int(digit) for digit in VAN_DYKE["truth"]])
RATINGS = np.array(
    [[[float(digit) for digit in row] for row in rows] for rows in VAN_DYKE["ratings"]]
)
STUDY = reader_study_auc(TRUTH, RATINGS, covariance="jackknife")
Array = NDArray[np.float64]


def limits(estimate: Estimate) -> list[float]:
    return [estimate.low, estimate.high]


def test_van_dykes_components_are_the_published() -> None:
    # Chakraborty, RJafroc book, "Applications using the Obuchowski Rockette method", equal to
    # OR-DBM MRMC 2.51: trapezoidal areas, jackknife covariance.
    published = [[0.9196, 0.8588, 0.9039, 0.9731, 0.8298], [0.9478, 0.9053, 0.9217, 0.9994, 0.9300]]
    np.testing.assert_allclose(STUDY.values, published, atol=5e-5)
    assert round(STUDY.variance, 7) == 0.0008023
    assert round(STUDY.same_reader, 7) == 0.0003466
    assert round(STUDY.same_treatment, 7) == 0.0003441
    assert round(STUDY.neither, 7) == 0.0002390
    assert round(STUDY.treatment_by_reader, 7) == 0.0002004
    between, interaction = STUDY.mean_squares
    assert (round(between, 6), round(interaction, 6)) == (0.004796, 0.000551)
    np.testing.assert_allclose(STUDY.same_treatment_each, [0.0004840, 0.0002042], atol=5e-8)


@pytest.mark.parametrize(
    ("inference", "statistic", "df", "p_value", "interval"),
    [
        ("random", 4.456, 15.26, 0.05167, (-0.0879595, 0.0003589)),
        ("fixed readers", 5.476, 1.0, 0.01928, (-0.08049, -0.007115)),
        ("fixed cases", 8.704, 4.0, 0.04196, (-0.08502, -0.00258)),
    ],
)
def test_van_dykes_analysis_is_the_published(
    inference: Inference,
    statistic: float,
    df: float,
    p_value: float,
    interval: tuple[float, float],
) -> None:
    test = STUDY.test(inference=inference)
    assert round(test.statistic, 3) == statistic
    assert test.df is not None
    assert round(test.df, 2) == df
    assert round(test.p_value, 5) == p_value
    assert limits(STUDY.difference(0, 1, inference=inference)) == pytest.approx(interval, abs=5e-6)


def test_van_dykes_single_treatments_are_the_published() -> None:
    first, second = (STUDY.mean(row, interval="wald") for row in (0, 1))
    assert [round(x, 4) for x in (first.value, *limits(first))] == [0.8970, 0.8252, 0.9689]
    assert [round(x, 4) for x in (second.value, *limits(second))] == [0.9408, 0.8941, 0.9875]
    fixed = STUDY.mean(0, inference="fixed readers", interval="wald")
    assert [round(x, 4) for x in limits(fixed)] == [0.8494, 0.9446]


def test_a_means_logit_interval_has_the_same_half_width_there() -> None:
    wald, logit = STUDY.mean(0, interval="wald"), STUDY.mean(0)
    half = (wald.high - wald.value) / (wald.value * (1 - wald.value))
    on_scale = special.logit([logit.low, logit.value, logit.high])
    np.testing.assert_allclose(np.diff(on_scale), half, rtol=1e-9)
    other = reader_study([[1.2, 1.4], [2.0, 2.5]], 0.01 * np.eye(4), 30)
    with pytest.raises(PlanError, match="give interval='wald'"):
        other.mean(0)
    assert other.mean(0, interval="wald").value == pytest.approx(1.3)
    with pytest.raises(PlanError, match="inference"):
        STUDY.mean(0, inference="randm")  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="interval of a mean"):
        STUDY.mean(0, interval="probit")  # type: ignore[arg-type]


def test_jackknife_analysis_is_that_of_dorfman_berbaum_and_metz() -> None:
    # Their three-way analysis of variance of pseudovalues, as Hillis et al. 2005 amended it.
    n = TRUTH.size
    columns = RATINGS.reshape(10, n).T
    whole = auc_covariance(TRUTH, columns).values
    pseudo = np.empty((10, n))
    for case in range(n):
        kept = np.delete(np.arange(n), case)
        pseudo[:, case] = n * whole - (n - 1) * auc_covariance(TRUTH[kept], columns[kept]).values
    y = pseudo.reshape(2, 5, n)
    y = y - y.mean()
    t, r, c = y.mean((1, 2)), y.mean((0, 2)), y.mean((0, 1))
    tr = y.mean(2) - t[:, None] - r[None, :]
    tc = y.mean(1) - t[:, None] - c[None, :]
    rc = y.mean(0) - r[:, None] - c[None, :]
    trc = y - y.mean(2)[:, :, None] - y.mean(1)[:, None, :] - y.mean(0)[None, :, :]
    trc = trc + t[:, None, None] + r[None, :, None] + c[None, None, :]
    assert rc.shape == (5, n)
    ms_t = 5 * n * (t**2).sum()
    ms_tr = n * (tr**2).sum() / 4
    ms_tc = 5 * (tc**2).sum() / (n - 1)
    ms_trc = (trc**2).sum() / (4 * (n - 1))
    error = ms_tr + max(ms_tc - ms_trc, 0)
    ours = STUDY.test()
    assert ours.statistic == pytest.approx(ms_t / error, rel=1e-9)
    assert ours.df == pytest.approx(error**2 / (ms_tr**2 / 4), rel=1e-9)


def test_delong_and_jackknife_nearly_agree() -> None:
    ours = reader_study_auc(TRUTH, RATINGS)
    assert ours.variance == pytest.approx(STUDY.variance, rel=0.02)
    assert ours.test().p_value == pytest.approx(STUDY.test().p_value, abs=0.003)
    own = reader_study_auc(TRUTH, RATINGS, np.arange(114))
    assert own.test().p_value == pytest.approx(ours.test().p_value, rel=1e-9)
    twice = reader_study_auc(
        np.repeat(TRUTH, 2), np.repeat(RATINGS, 2, axis=2), np.repeat(np.arange(114), 2)
    )
    assert twice.test().p_value == pytest.approx(ours.test().p_value, rel=1e-9)
    assert twice.n_groups == 114


def test_fixed_readers_is_delongs_contrast_of_means() -> None:
    ours = reader_study_auc(TRUTH, RATINGS).difference(0, 1, inference="fixed readers")
    areas = auc_covariance(TRUTH, RATINGS.reshape(10, -1).T)
    weights = np.repeat([0.2, -0.2], 5)
    assert ours.variance == pytest.approx(weights @ areas.covariance @ weights, rel=1e-9)


def test_non_inferiority_agrees_with_the_interval() -> None:
    interval = STUDY.difference(1, 0)
    edge = -interval.low
    assert edge > 0
    assert STUDY.non_inferiority(1, 0, edge).p_value == pytest.approx(0.025, rel=1e-9)
    assert STUDY.non_inferiority(1, 0, 0.05).p_value < 0.025
    assert STUDY.non_inferiority(0, 1, 0.05).p_value > 0.3
    with pytest.raises(PlanError, match="greatest tolerable loss"):
        STUDY.non_inferiority(1, 0, -0.1)


def test_reader_study_errs_as_often_as_said() -> None:
    # Readers, cases and their interactions random, treatments alike (Roe & Metz 1997).
    rng = np.random.default_rng(4)
    truth = np.arange(80) < 40
    rejected = 0
    for _ in range(400):
        case, reader = rng.normal(size=(1, 1, 80)), 0.3 * rng.normal(size=(1, 5, 1)) * truth
        noise = 0.8 * rng.normal(size=(2, 5, 80)) + 0.2 * rng.normal(size=(2, 5, 1)) * truth
        rejected += (
            reader_study_auc(truth, 1.5 * truth + case + reader + noise).test().p_value < 0.05
        )
    assert 0.02 < rejected / 400 < 0.085


def test_power_at_the_pilots_own_size_is_its_f_test() -> None:
    error = STUDY.mean_squares[1] + 5 * (STUDY.same_treatment - STUDY.neither)
    df = STUDY.test().df or math.nan
    expected = stats.ncf.sf(stats.f.isf(0.05, 1, df), 1, df, 5 * 0.05**2 / (2 * error))
    assert reader_study_power(STUDY, 0.05, 5, 114) == pytest.approx(expected, rel=1e-9)
    n = reader_study_cases(STUDY, 0.05, 8)
    assert reader_study_power(STUDY, 0.05, 8, n) >= 0.8 > reader_study_power(STUDY, 0.05, 8, n - 1)
    assert reader_study_power(STUDY, 0.05, 12, n) > 0.8
    with pytest.raises(PlanError, match="not reached"):
        reader_study_cases(STUDY, 0.005, 2)
    with pytest.raises(PlanError, match="two readers or more"):
        reader_study_power(STUDY, 0.05, 1, 100)


def test_power_is_that_of_rjafroc() -> None:
    # RJafroc's own tests of its sample sizes: SsPowerGivenJK(dataset02, J = 6, K = 111) and
    # SsSampleSizeKGivenJ(dataset02, J = 6), for the difference that was seen.
    seen = STUDY.difference(1, 0).value
    assert reader_study_power(STUDY, seen, 6, 111) == pytest.approx(0.5526116, abs=5e-8)
    assert reader_study_cases(STUDY, seen, 6) == 251


def test_the_table_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/plan-a-reader-study.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (0\.\d\d) \|$", page, re.MULTILINE)
    assert len(rows) == 7
    for readers, cases, power in rows:
        assert reader_study_cases(STUDY, 0.05, int(readers)) == int(cases)
        assert f"{reader_study_power(STUDY, 0.05, int(readers), 120):.2f}" == power


def test_power_of_a_mean_is_its_test_at_the_pilots_own_size() -> None:
    found = STUDY.mean(0)
    assert found.variance is not None
    spread = float(STUDY.values[0].var(ddof=1))
    df = 4 * (5 * found.variance / spread) ** 2
    expected = stats.ncf.sf(stats.f.isf(0.05, 1, df), 1, df, 0.1**2 / found.variance)
    assert reader_mean_power(STUDY, 0.1, 5, 114) == pytest.approx(expected, rel=1e-9)
    n = reader_mean_cases(STUDY, 0.05, 8, treatment=1)
    assert reader_mean_power(STUDY, 0.05, 8, n, treatment=1) >= 0.8
    assert reader_mean_power(STUDY, 0.05, 8, n - 1, treatment=1) < 0.8
    with pytest.raises(PlanError, match="from 0 to 1, got 2"):
        reader_mean_power(STUDY, 0.05, 8, 100, treatment=2)


def test_power_of_a_mean_is_as_often_found_as_said() -> None:
    # Readers' values drawn from the model itself: own error, shared error, readers that differ.
    rng = np.random.default_rng(8)
    spread = 0.004 * np.eye(5) + 0.002
    pilot = reader_study([[0.60, 0.75, 0.62, 0.69, 0.71]], spread, 100)
    of_readers = max(float(np.var(pilot.values[0], ddof=1)) - 0.004, 0.0)
    draws = 0.12 + rng.normal(size=(4000, 5)) * of_readers**0.5
    draws += rng.multivariate_normal(np.zeros(5), spread, 4000)
    between = draws.var(axis=1, ddof=1)
    error = between + 5 * 0.002
    statistic = 5 * draws.mean(axis=1) ** 2 / error
    found = (stats.f.sf(statistic, 1, 4 * (error / between) ** 2) < 0.05).mean()
    assert found == pytest.approx(reader_mean_power(pilot, 0.12, 5, 100), abs=0.03)


def test_one_treatment_has_a_mean_and_no_comparison() -> None:
    alone = reader_study(STUDY.values[:1], np.eye(5) * 0.0008 + 0.0004, 114)
    assert alone.mean(0).value == pytest.approx(STUDY.values[0].mean())
    for step in (alone.test, lambda: alone.difference(0, 0)):
        with pytest.raises(PlanError, match="expected two treatments or more, got one; use `mean`"):
            step()
    with pytest.raises(PlanError, match="take reader_mean_power"):
        reader_study_power(alone, 0.05, 5, 100)


def test_proportions_covary_as_their_indicators_do() -> None:
    hits = np.random.default_rng(2).random((2, 3, 40)) < 0.6
    spread = np.cov(hits.reshape(6, 40)) / 40
    ours, theirs = reader_study_proportion(hits), reader_study(hits.mean(axis=2), spread, 40)
    assert ours.test().p_value == pytest.approx(theirs.test().p_value, rel=1e-9)
    assert limits(ours.mean(1)) == pytest.approx(limits(theirs.mean(1)), rel=1e-9)
    twice = reader_study_proportion(np.repeat(hits, 2, axis=2), np.repeat(np.arange(40), 2))
    assert twice.variance == pytest.approx(ours.variance, rel=1e-9)
    with pytest.raises(PlanError, match="true or false"):
        reader_study_proportion(hits * 2)


def test_reader_study_corners() -> None:
    alike = reader_study([[0.8, 0.9], [0.8, 0.9]], np.zeros((4, 4)), 50)
    assert math.isnan(alike.test().p_value)
    assert alike.difference(0, 1).note == "no variance: the values of all readers are equal"
    with pytest.raises(PlanError, match="two readers or more"):
        reader_study([[0.8], [0.9]], np.zeros((2, 2)), 50)
    with pytest.raises(PlanError, match="needs both classes"):
        reader_study_auc(np.ones(114), RATINGS)
    with pytest.raises(PlanError, match="did you mean 'fixed readers'"):
        STUDY.test(inference="fixed reader")  # type: ignore[arg-type]


def brute_variance(truth: Any, ratings: Array) -> float:
    """E(product) over all pairs of comparisons, each kind's mean by enumeration."""
    positives, negatives = np.flatnonzero(truth), np.flatnonzero(~truth)
    items = []
    for reader, k, positive in product(range(len(ratings)), negatives, positives):
        x, y = ratings[reader, positive], ratings[reader, k]
        if not math.isnan(x + y):
            items.append((reader, k, positive, float(x > y) + 0.5 * float(x == y)))
    sums: dict[tuple[bool, ...], list[float]] = {}
    for one, other in product(items, items):
        kind = tuple(one[axis] == other[axis] for axis in range(3))
        sums.setdefault(kind, []).append(one[3] * other[3])
    unrelated = float(np.mean(sums[(False, False, False)]))
    return sum(len(v) * (float(np.mean(v)) - unrelated) for v in sums.values()) / len(items) ** 2


def test_one_shot_variance_by_enumeration() -> None:
    rng = np.random.default_rng(6)
    truth = np.arange(11) < 5
    ratings = np.round(rng.normal(size=(3, 11)) + truth, 0)
    ours = one_shot_auc(truth, ratings)
    assert ours.variance == pytest.approx(brute_variance(truth, ratings), rel=1e-9)
    assert ours.value == pytest.approx(np.mean([auc(truth, row).value for row in ratings]))
    ratings[rng.random((3, 11)) < 0.2] = np.nan
    ragged = one_shot_auc(truth, ratings)
    assert ragged.variance == pytest.approx(brute_variance(truth, ratings), rel=1e-9)


def test_one_shot_interval_has_hillis_degrees_of_freedom() -> None:
    ours = one_shot_difference(TRUTH, RATINGS[0], RATINGS[1])
    half = (ours.high - ours.value) / math.sqrt(ours.variance or math.nan)
    # What Student's t is 97.5 % below that half width.
    df = optimize.brentq(lambda df: stats.t.ppf(0.975, df) - half, 2, 200)
    assert df == pytest.approx(STUDY.test().df, rel=0.15)


def test_one_shot_interval_of_readers_who_share_no_case_is_students() -> None:
    # Then different readers have nothing in common, and the readers' own areas are a sample.
    rng = np.random.default_rng(3)
    truth = np.tile(np.arange(20) < 10, 6)
    ratings = np.full((6, 120), np.nan)
    for reader in range(6):
        own = slice(20 * reader, 20 * reader + 20)
        ratings[reader, own] = rng.normal(size=20) + truth[own] + 0.5 * rng.normal()
    areas = [auc(truth[~np.isnan(row)], row[~np.isnan(row)]).value for row in ratings]
    ours = one_shot_auc(truth, ratings)
    assert ours.variance == pytest.approx(np.var(areas, ddof=1) / 6, rel=1e-9)
    half = stats.t.ppf(0.975, 5) * math.sqrt(ours.variance or math.nan)
    on_scale = special.logit([ours.low, ours.value, ours.high])
    expected = half / (ours.value * (1 - ours.value))
    np.testing.assert_allclose(np.diff(on_scale), expected, rtol=1e-9)


def test_one_shot_variance_is_unbiased() -> None:
    rng = np.random.default_rng(7)
    truth = np.arange(40) < 20
    found = []
    for _ in range(1200):
        reader = rng.normal(size=(4, 1)) * truth * 0.5
        ratings = truth + rng.normal(size=40) + reader + rng.normal(size=(4, 40))
        ours = one_shot_auc(truth, ratings)
        found.append((ours.value, ours.variance))
    values, variances = np.array(found, dtype=float).T
    assert variances.mean() == pytest.approx(values.var(), rel=0.1)


def test_one_shot_differences_of_crossed_and_split_plot_designs() -> None:
    crossed = one_shot_difference(TRUTH, RATINGS[0], RATINGS[1])
    reference = STUDY.difference(0, 1)
    assert crossed.value == pytest.approx(reference.value, rel=1e-9)
    assert crossed.variance == pytest.approx(reference.variance, rel=0.05)
    # Readers of one treatment only, cases shared.
    first, second = RATINGS[0].copy(), RATINGS[1].copy()
    first[3:], second[:3] = np.nan, np.nan
    split = one_shot_difference(TRUTH, first, second)
    assert (split.variance or 0) > (crossed.variance or 0)
    # Nothing shared: the variances of two studies add up.
    first[:, ::2], second[:, 1::2] = np.nan, np.nan
    apart = one_shot_difference(TRUTH, first, second)
    alone = [one_shot_auc(TRUTH, ratings).variance or 0 for ratings in (first, second)]
    assert apart.variance == pytest.approx(sum(alone), rel=1e-9)


def test_one_shot_corners() -> None:
    single = one_shot_auc([1, 0, 1, 0], [[3.0, 1.0, 2.0, 2.5]])
    assert single.value == 0.75
    assert math.isnan(single.low)
    assert "fewer than two readers" in single.note
    unread = one_shot_auc([1, 0], [[math.nan, 1.0]])
    assert math.isnan(unread.value)
    assert unread.note == "no reader compared a positive with a negative"
    with pytest.raises(PlanError, match="give NaN for what was not read"):
        one_shot_difference(TRUTH, RATINGS[0], RATINGS[1][:4])


@pytest.mark.parametrize("row", GOLDEN["curves"], ids=["hanley-mcneil", "van-dyke", "simulated"])
def test_binormal_curves_equal_a_general_optimiser_in_r(row: dict[str, Any]) -> None:
    counts = [row["negative"], row["positive"]]
    truth = np.repeat([0, 1], [sum(side) for side in counts])
    ratings = np.concatenate([np.repeat(np.arange(5), side) for side in counts])
    ours = binormal_curve(truth, ratings)
    assert ours.intercept == pytest.approx(row["intercept"], rel=3e-6)
    assert ours.slope == pytest.approx(row["slope"], rel=3e-6)
    assert ours.area.value == pytest.approx(row["area"], abs=1e-7)


def test_hanley_and_mcneils_scans() -> None:
    # Radiology 1982;143:29, table II: 58 normal and 51 abnormal CT images rated 1 to 5.
    truth = np.repeat([0, 1], [58, 51])
    ratings = np.repeat([1, 2, 3, 4, 5] * 2, [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])
    assert round(auc(truth, ratings).value, 3) == 0.893
    curve = binormal_curve(truth, ratings)
    assert round(curve.area.value, 3) == 0.911
    assert round(math.sqrt(curve.area.variance or 0), 2) == 0.03
    # Any monotone relabelling is the same rating.
    again = binormal_curve(truth, ratings**3)
    assert again.area.value == pytest.approx(curve.area.value, rel=1e-12)


def test_binormal_variance_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(3)
    truth = np.arange(240) < 120
    found = []
    for _ in range(300):
        ratings = np.digitize(rng.normal(size=240) * (1 + 0.3 * truth) + 1.2 * truth, [-1, 0, 1, 2])
        area = binormal_curve(truth, ratings).area
        found.append((area.value, area.variance))
    values, variances = np.array(found, dtype=float).T
    assert values.mean() == pytest.approx(stats.norm.cdf(1.2 / math.hypot(1, 1.3)), abs=0.005)
    assert variances.mean() == pytest.approx(values.var(), rel=0.2)


def test_binormal_curve_of_continuous_scores_is_cut_into_classes() -> None:
    rng = np.random.default_rng(5)
    truth = np.arange(2000) < 1000
    curve = binormal_curve(truth, np.exp(rng.normal(size=2000) + 1.5 * truth))
    assert curve.intercept == pytest.approx(1.5, abs=0.15)
    assert curve.slope == pytest.approx(1.0, abs=0.1)


def test_binormal_degeneracy_is_said() -> None:
    apart = binormal_curve([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    assert math.isnan(apart.area.value)
    assert "no maximum" in apart.note
    assert math.isnan(binormal_curve([1, 1], [1, 2]).area.value)
    assert math.isnan(binormal_curve([0, 1, 0, 1], [1, 2, 1, 1]).area.value)


def test_detection_of_a_worked_example() -> None:
    # 20 hits of 25 and 10 false alarms of 25; corrected rates 20.5/26 and 10.5/26.
    ours = detection(20, 25, 10, 25)
    z_hit, z_false = (float(stats.norm.ppf(rate)) for rate in (20.5 / 26, 10.5 / 26))
    assert ours.d_prime.value == pytest.approx(z_hit - z_false, rel=1e-12)
    assert ours.criterion.value == pytest.approx(-(z_hit + z_false) / 2, rel=1e-12)
    assert ours.a_prime == pytest.approx(0.5 + 0.4 * 1.4 / (4 * 0.8 * 0.6), rel=1e-12)
    # Allyn et al., Medicine 2020;99(50):e23568: 35 of 60 and 23 of 40 answers: guessing.
    guess = detection(35, 60, 23, 40)
    assert guess.d_prime.low < 0 < guess.d_prime.high


def test_detection_interval_covers_and_mirrors() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(1500):
        hits = int(rng.binomial(60, stats.norm.cdf(0.7)))
        alarms = int(rng.binomial(60, stats.norm.cdf(-0.5)))
        ours = detection(hits, 60, alarms, 60).d_prime
        covered += ours.low <= 1.2 <= ours.high
    assert 0.93 < covered / 1500 < 0.975
    one, other = detection(18, 20, 3, 30), detection(27, 30, 2, 20)
    assert other.d_prime.value == pytest.approx(one.d_prime.value, rel=1e-12)
    assert other.criterion.value == pytest.approx(-one.criterion.value, rel=1e-12)
    assert detection(3, 30, 18, 20).a_prime == pytest.approx(1 - one.a_prime, rel=1e-12)


def test_detection_corners() -> None:
    all_right = detection(20, 20, 0, 20)
    assert math.isfinite(all_right.d_prime.value)
    assert all_right.a_prime == 1
    assert detection(0, 5, 0, 5).a_prime == 0.5
    nothing = detection(0, 0, 1, 2)
    assert math.isnan(nothing.d_prime.value)
    assert math.isnan(nothing.a_prime)
    assert nothing.d_prime.note != ""


def test_forced_choice() -> None:
    # √2 z(0.76) = 0.999; the tables of Hacker & Ratcliff (Percept Psychophys 1979;26:168) are of
    # the same integral, for two alternatives this closed form.
    share, distance = forced_choice(76, 100)
    assert limits(share) == limits(proportion_interval(76, 100))
    assert round(distance.value, 2) == 1.00
    assert distance.low < 1 < distance.high
    assert forced_choice(10, 10)[1].value == math.inf
    assert math.isnan(forced_choice(0, 0)[1].value)


def test_reads_equal_two_way_clustering_in_r() -> None:
    reads = GOLDEN["reads"]
    ours = proportion_of_reads(reads["hit"], reads["case"], reads["reader"])
    assert ours.variance == pytest.approx(reads["variance"], rel=1e-9)
    assert ours.n_groups == 6
    by_case = clustered_proportion(reads["hit"], reads["case"])
    by_reader = clustered_proportion(reads["hit"], reads["reader"])
    assert by_case.variance == pytest.approx(reads["case_variance"], rel=1e-9)
    assert by_reader.variance == pytest.approx(reads["reader_variance"], rel=1e-9)
    assert ours.high - ours.low > by_case.high - by_case.low


def test_reads_by_reader_and_corners() -> None:
    each = proportion_by_reader([1, 0, 1, 1], ["b", "a", "b", "a"])
    assert list(each) == ["b", "a"]
    assert limits(each["b"]) == limits(proportion_interval(2, 2))
    own = proportion_by_reader([1, 0, 1, 1], np.array(["b", "a", "b", "a"]), [1, 1, 1, 2])
    assert math.isnan(own["b"].low)
    alike = proportion_of_reads([1, 1, 1, 1], ["x", "x", "y", "y"], ["a", "b", "a", "b"])
    assert limits(alike) == limits(proportion_interval(2, 2))
    lone = proportion_of_reads([1, 0], ["x", "y"], ["a", "a"])
    assert lone.value == 0.5
    assert math.isnan(lone.low)
    assert proportion_of_reads([], [], []).note == "no reads"


def test_reads_cover_readers_and_cases() -> None:
    rng = np.random.default_rng(9)
    case, reader = np.repeat(np.arange(40), 10), np.tile(np.arange(10), 40)
    covered = 0
    for _ in range(500):
        tendency = 0.8 * rng.normal(size=40)[case] + 0.5 * rng.normal(size=10)[reader] + 0.5
        ours = proportion_of_reads(tendency + rng.normal(size=400) > 0, case, reader)
        covered += ours.low <= stats.norm.cdf(0.5 / math.sqrt(1 + 0.64 + 0.25)) <= ours.high
    assert covered / 500 > 0.92
