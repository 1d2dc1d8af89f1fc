"""A few groups with most of the cases: every result over groups says so in its note."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from plexor import stats

SIZES = np.array([60, *[2] * 15])
GROUPS = np.repeat(np.arange(SIZES.size), SIZES)
N = GROUPS.size
RNG = np.random.default_rng(8)
TRUTH, EVENT, AFTER, MEMBER = RNG.random((4, N)) < 0.5
SCORE, OTHER = RNG.normal(size=(2, N)) + TRUTH
CLASSES = [0, 1, 2]
FIRST = RNG.integers(0, 3, N)
SECOND = np.where(RNG.random(N) < 0.7, FIRST, RNG.integers(0, 3, N))
BOTH = np.stack([FIRST, SECOND], axis=1)
CHANCE = 1 / (1 + np.exp(-SCORE))
RATINGS = np.stack([[SCORE, OTHER], [OTHER, SCORE + 0.2 * OTHER]])

Found = stats.Estimate | stats.TestResult
CALLS: dict[str, Callable[[np.ndarray], Found]] = {
    "accuracy": lambda g: stats.accuracy(FIRST, SECOND, g),
    "auc": lambda g: stats.auc(TRUTH, SCORE, g),
    "auc_difference": lambda g: stats.auc_difference(TRUTH, SCORE, OTHER, g),
    "auc_non_inferiority": lambda g: stats.auc_non_inferiority(TRUTH, SCORE, OTHER, 0.5, g),
    "average_precision": lambda g: stats.average_precision(TRUTH, SCORE, g, seed=1, n_resamples=50),
    "balanced_accuracy": lambda g: stats.balanced_accuracy(FIRST, SECOND, CLASSES, g),
    "bootstrap_interval": lambda g: stats.bootstrap_interval(
        stats.weighted_mean(SCORE), N, g, seed=1, n_resamples=50
    )[0],
    "brier_score": lambda g: stats.brier_score(TRUTH, CHANCE, g),
    "calibration": lambda g: stats.calibration(TRUTH, CHANCE, g).slope,
    "clustered_likelihood_ratios": lambda g: (
        stats.clustered_likelihood_ratios(TRUTH, EVENT, g).positive
    ),
    "clustered_mcnemar": lambda g: stats.clustered_mcnemar(EVENT, AFTER, g),
    "clustered_mean": lambda g: stats.clustered_mean(SCORE, g),
    "clustered_proportion": lambda g: stats.clustered_proportion(EVENT, g),
    "clustered_quantile": lambda g: stats.clustered_quantile(SCORE, 0.5, g),
    "cochrans_q": lambda g: stats.cochrans_q(np.stack([EVENT, AFTER, MEMBER], axis=1), g),
    "cohens_kappa": lambda g: stats.cohens_kappa(FIRST, SECOND, CLASSES, g),
    "delong_test": lambda g: stats.delong_test(TRUTH, SCORE, OTHER, g),
    "delong_test_all": lambda g: stats.delong_test_all(TRUTH, np.stack([SCORE, OTHER], axis=1), g),
    "delong_test_unpaired": lambda g: stats.delong_test_unpaired(
        TRUTH, SCORE, TRUTH, OTHER, groups_a=g, groups_b=g + 100
    ),
    "equivalence_test": lambda g: stats.equivalence_test(SCORE, OTHER, 5, g),
    "f1_score": lambda g: stats.f1_score(TRUTH, EVENT, g),
    "fleiss_kappa": lambda g: stats.fleiss_kappa(BOTH, CLASSES, g),
    "gwet_ac": lambda g: stats.gwet_ac(BOTH, CLASSES, g),
    "krippendorff_alpha": lambda g: stats.krippendorff_alpha(BOTH, CLASSES, g),
    "matthews_correlation": lambda g: stats.matthews_correlation(TRUTH, EVENT, g),
    "mean_change": lambda g: stats.mean_change(SCORE, OTHER, g),
    "paired_difference": lambda g: stats.paired_difference(EVENT, AFTER, g),
    "paired_odds_ratio": lambda g: stats.paired_odds_ratio(EVENT, AFTER, g),
    "paired_t_test": lambda g: stats.paired_t_test(SCORE, OTHER, g),
    "partial_auc": lambda g: stats.partial_auc(TRUTH, SCORE, g, specificity=(0.5, 1.0)),
    "proportion_non_inferiority": lambda g: stats.proportion_non_inferiority(EVENT, AFTER, 0.5, g),
    "proportion_of_reads": lambda g: stats.proportion_of_reads(EVENT, g, np.arange(N) % 3),
    "r_squared": lambda g: stats.r_squared(SCORE, OTHER, g),
    "reader_study_auc": lambda g: stats.reader_study_auc(TRUTH, RATINGS, g).difference(0, 1),
    "reader_study_proportion": lambda g: stats.reader_study_proportion(
        np.stack([[EVENT, AFTER], [MEMBER, AFTER]]), g
    ).difference(0, 1),
    "root_mean_square_error": lambda g: stats.root_mean_square_error(SCORE, OTHER, g),
    "sensitivity_at_specificity": lambda g: stats.sensitivity_at_specificity(
        TRUTH, SCORE, 0.5, g, seed=1, n_resamples=50
    ),
    "signed_rank_test": lambda g: stats.signed_rank_test(SCORE, OTHER, g),
    "subgroup_difference": lambda g: stats.subgroup_difference(EVENT, MEMBER, g),
    "youden": lambda g: stats.youden(TRUTH, SCORE, g, seed=1, n_resamples=50)[0],
}


@pytest.mark.parametrize("name", CALLS)
def test_unequal_groups_are_noted(name: str) -> None:
    note = CALLS[name](GROUPS).note
    assert "unequal groups: few hold most of the cases" in note
    assert note.count("16 groups are worth 2.2 of equal size") <= 1


@pytest.mark.parametrize("name", CALLS)
def test_equal_groups_are_not(name: str) -> None:
    assert "unequal" not in CALLS[name](np.arange(N) // 3).note
