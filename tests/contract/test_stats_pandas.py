"""Every function of ``plexor.stats`` takes pandas columns, by position, whatever their index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from plexor import stats
from plexor.core.errors import PlanError

wrong: Any = stats
N = 24
RNG = np.random.default_rng(5)
TRUTH = np.tile([False, True, True, False, True, False], 4)
COLUMNS: dict[str, Any] = {
    "truth": TRUTH,
    "before": RNG.random(N) < 0.7,
    "after": RNG.random(N) < 0.5,
    "score": np.round(RNG.normal(size=N) + TRUTH, 1),
    "other": np.round(RNG.normal(size=N) + TRUTH, 1),
    "number": np.round(RNG.normal(60, 10, N), 1),
    "guess": np.round(RNG.normal(60, 12, N), 1),
    "weight": np.round(RNG.random(N) * 0.8 + 0.1, 2),
    "patient": np.repeat([f"p{i}" for i in (7, 3, 5, 1, 9, 2, 8, 4)], 3),
    "site": np.tile(["north", "south"], 12),
    "reader": np.tile(["ann", "bob", "cyd"], 8),
    "case": np.repeat(np.arange(8)[::-1], 3),
    "first": np.array(list("abcabcaabbccabcabcaabbcc")),
    "second": np.array(list("abcabbaabccccbcaacaabbca")),
    "third": np.array(list("abbabcaabbccabbabcacbbcc")),
}
LEVELS = ["a", "b", "c"]

Row = Mapping[str, Any]
SEED: Any = {"seed": 1, "n_resamples": 50}


def table(*columns: Any) -> Any:
    """Columns side by side: a data frame where they are series, else an array."""
    series = [column for column in columns if isinstance(column, pd.Series)]
    if series:
        found = [pd.Series(np.asarray(x, object), series[0].index) for x in columns]
        return pd.concat(found, axis=1).convert_dtypes()
    arrays = [np.asarray(x) for x in columns]
    as_objects = any(array.dtype == object for array in arrays)
    return np.stack([x.astype(object) for x in arrays] if as_objects else arrays, axis=1)


def by_reader(column: Any) -> Any:
    """Eight cases by three readers, as readers × cases."""
    return np.asarray(column, dtype=float).reshape(8, 3).T


CALLS: dict[str, Callable[[Row], Any]] = {
    "accuracy": lambda c: stats.accuracy(c["first"], c["second"], c["patient"]),
    "alpha_statistic": lambda c: stats.alpha_statistic(
        table(c["first"], c["second"]), LEVELS, "nominal"
    )(np.ones((1, N))),
    "auc": lambda c: stats.auc(c["truth"], c["score"], c["patient"]),
    "auc_covariance": lambda c: (
        stats.auc_covariance(c["truth"], table(c["score"], c["other"]), c["patient"]).covariance
    ),
    "auc_difference": lambda c: stats.auc_difference(
        c["truth"], c["score"], c["other"], c["patient"]
    ),
    "auc_one_vs_rest": lambda c: stats.auc_one_vs_rest(
        c["first"], table(c["score"], c["other"], c["number"]), LEVELS, c["patient"]
    ),
    "auc_non_inferiority": lambda c: stats.auc_non_inferiority(
        c["truth"], c["score"], c["other"], 0.1, c["patient"]
    ),
    "average_precision": lambda c: stats.average_precision(
        c["truth"], c["score"], c["patient"], **SEED
    ),
    "balanced_accuracy": lambda c: stats.balanced_accuracy(
        c["first"], c["second"], LEVELS, c["patient"]
    ),
    "binormal_curve": lambda c: stats.binormal_curve(c["truth"], c["score"]),
    "bland_altman": lambda c: stats.bland_altman(c["number"], c["guess"], c["patient"]),
    "bootstrap_interval": lambda c: stats.bootstrap_interval(
        stats.weighted_mean(c["number"]), N, c["patient"], **SEED
    ),
    "brier_score": lambda c: stats.brier_score(c["truth"], c["weight"], c["patient"]),
    "by_indices": lambda c: stats.by_indices(
        lambda chosen: float(np.asarray(c["number"], float)[chosen].mean())
    )(np.ones((1, N))),
    "by_subgroup": lambda c: stats.by_subgroup(
        stats.paired_t_test, c["site"], c["number"], c["guess"], c["patient"]
    ),
    "calibration": lambda c: stats.calibration(c["truth"], c["weight"], c["patient"]),
    "clustered_likelihood_ratios": lambda c: stats.clustered_likelihood_ratios(
        c["truth"], c["before"], c["patient"]
    ),
    "clustered_mcnemar": lambda c: stats.clustered_mcnemar(c["before"], c["after"], c["patient"]),
    "clustered_mean": lambda c: stats.clustered_mean(c["number"], c["patient"]),
    "clustered_proportion": lambda c: stats.clustered_proportion(c["before"], c["patient"]),
    "clustered_quantile": lambda c: stats.clustered_quantile(c["number"], 0.5, c["patient"]),
    "cochrans_q": lambda c: stats.cochrans_q(
        table(c["before"], c["after"], c["truth"]), c["patient"]
    ),
    "cohens_kappa": lambda c: stats.cohens_kappa(c["first"], c["second"], LEVELS, c["patient"]),
    "confusion": lambda c: stats.confusion(c["first"], c["second"], LEVELS),
    "decision_curve": lambda c: stats.decision_curve(
        c["truth"], c["weight"], [0.2, 0.5], c["patient"]
    ),
    "delong_test": lambda c: stats.delong_test(c["truth"], c["score"], c["other"], c["patient"]),
    "delong_test_all": lambda c: stats.delong_test_all(
        c["truth"], table(c["score"], c["other"], c["number"]), c["patient"]
    ),
    "delong_test_unpaired": lambda c: stats.delong_test_unpaired(
        c["truth"], c["score"], c["truth"], c["other"], groups_a=c["patient"]
    ),
    "equivalence_test": lambda c: stats.equivalence_test(c["number"], c["guess"], 20, c["patient"]),
    "f1_score": lambda c: stats.f1_score(c["truth"], c["before"], c["patient"]),
    "fleiss_kappa": lambda c: stats.fleiss_kappa(
        table(c["first"], c["second"], c["third"]), LEVELS, c["patient"]
    ),
    "gwet_ac": lambda c: stats.gwet_ac(
        table(c["first"], c["second"], c["third"]), LEVELS, c["patient"]
    ),
    "hand_till_auc": lambda c: stats.hand_till_auc(
        c["first"], table(c["score"], c["other"], c["number"]), LEVELS, c["patient"]
    ),
    "icc": lambda c: stats.icc(table(c["number"], c["guess"])),
    "krippendorff_alpha": lambda c: stats.krippendorff_alpha(
        table(c["first"], c["second"], c["third"]), LEVELS, c["patient"]
    ),
    "macro_auc": lambda c: stats.macro_auc(
        c["first"], table(c["score"], c["other"], c["number"]), LEVELS, c["patient"]
    ),
    "mantel_haenszel": lambda c: stats.mantel_haenszel(c["before"], c["truth"], c["site"]),
    "matthews_correlation": lambda c: stats.matthews_correlation(
        c["truth"], c["before"], c["patient"]
    ),
    "mean_absolute_error": lambda c: stats.mean_absolute_error(
        c["number"], c["guess"], c["patient"]
    ),
    "mean_change": lambda c: stats.mean_change(c["number"], c["guess"], c["patient"]),
    "median_absolute_error": lambda c: stats.median_absolute_error(
        c["number"], c["guess"], c["patient"]
    ),
    "one_shot_auc": lambda c: stats.one_shot_auc(TRUTH[::3], by_reader(c["score"])),
    "one_shot_difference": lambda c: stats.one_shot_difference(
        TRUTH[::3], by_reader(c["score"]), by_reader(c["other"])
    ),
    "pabak": lambda c: stats.pabak(c["first"], c["second"], LEVELS, c["patient"]),
    "paired_difference": lambda c: stats.paired_difference(c["before"], c["after"], c["patient"]),
    "paired_odds_ratio": lambda c: stats.paired_odds_ratio(c["before"], c["after"], c["patient"]),
    "paired_t_test": lambda c: stats.paired_t_test(c["number"], c["guess"], c["patient"]),
    "partial_auc": lambda c: stats.partial_auc(
        c["truth"], c["score"], c["patient"], specificity=(0.5, 1)
    ),
    "proportion_by_reader": lambda c: stats.proportion_by_reader(
        c["before"], c["reader"], c["case"]
    ),
    "proportion_of_reads": lambda c: stats.proportion_of_reads(c["before"], c["case"], c["reader"]),
    "proportion_non_inferiority": lambda c: stats.proportion_non_inferiority(
        c["before"], c["after"], 0.1, c["patient"]
    ),
    "r_squared": lambda c: stats.r_squared(c["number"], c["guess"], c["patient"]),
    "reader_study_auc": lambda c: stats.reader_study_auc(
        c["truth"],
        np.array([[c["score"], c["other"]], [c["number"], c["guess"]]], dtype=float),
        c["patient"],
    ).difference(0, 1),
    "reader_study_proportion": lambda c: stats.reader_study_proportion(
        np.array([[c["truth"], c["before"]], [c["before"], c["after"]]], dtype=float), c["patient"]
    ).difference(0, 1),
    "recall_by_class": lambda c: stats.recall_by_class(
        c["first"], c["second"], LEVELS, c["patient"]
    ),
    "roc_curve": lambda c: stats.roc_curve(c["truth"], c["score"]).sensitivity,
    "root_mean_square_error": lambda c: stats.root_mean_square_error(
        c["number"], c["guess"], c["patient"]
    ),
    "sensitivity_at_specificity": lambda c: stats.sensitivity_at_specificity(
        c["truth"], c["score"], 0.8, c["patient"], **SEED
    ),
    "sign_flip_test": lambda c: stats.sign_flip_test(c["number"], c["guess"], c["patient"], seed=1),
    "signed_rank_test": lambda c: stats.signed_rank_test(c["number"], c["guess"], c["patient"]),
    "subgroup_difference": lambda c: stats.subgroup_difference(
        c["before"], c["after"], c["patient"]
    ),
    "venkatraman_test": lambda c: stats.venkatraman_test(
        c["truth"], c["score"], c["other"], c["patient"], seed=1, n_permutations=20
    ),
    "venkatraman_test_unpaired": lambda c: stats.venkatraman_test_unpaired(
        c["truth"], c["score"], c["truth"], c["other"], seed=1, n_permutations=20
    ),
    "weighted_auc": lambda c: stats.weighted_auc(c["truth"], c["score"])(np.ones((1, N))),
    "weighted_mean": lambda c: stats.weighted_mean(c["number"])(np.ones((1, N))),
    "youden": lambda c: stats.youden(c["truth"], c["score"], c["patient"], **SEED),
}
WITHOUT_COLUMNS = {
    "AccuracyPlan",
    "Calibration",
    "DecisionCurve",
    "FrocCase",
    "LikelihoodRatios",
    "MantelHaenszel",
    "PredictiveValues",
    "accuracy_sample_size",
    "jafroc",
    "likelihood_ratios",
    "mantel_haenszel_of_tables",
    "match_marks",
    "predictive_values",
    "probability_after",
    "table",
    "AdjustedTest",
    "BinormalCurve",
    "Detection",
    "Estimate",
    "LimitsOfAgreement",
    "PairedAucPlan",
    "ReaderStudy",
    "RocAreas",
    "RocCurve",
    "TestResult",
    "adjust",
    "benjamini_hochberg",
    "cohens_kappa_of_table",
    "detection",
    "difference_interval",
    "forced_choice",
    "hochberg",
    "holm",
    "kappa_power",
    "kappa_sample_size",
    "mcnemar_power",
    "mcnemar_sample_size",
    "mcnemar_test",
    "paired_difference_interval",
    "paired_odds_ratio_interval",
    "proportion_interval",
    "reader_mean_cases",
    "reader_mean_power",
    "reader_study",
    "reader_study_cases",
    "reader_study_jafroc",
    "reader_study_power",
    "selected_level",
    "simulated_power",
    "simultaneous_level",
}
RATINGS = {"alpha_statistic", "fleiss_kappa", "gwet_ac", "krippendorff_alpha"}
AS_NUMBERS = {
    "by_indices",
    "one_shot_auc",
    "one_shot_difference",
    "reader_study_auc",
    "reader_study_proportion",
}
NULLABLE = {"b": "boolean", "f": "Float64", "i": "Int64", "U": "string"}


def shuffled_index(column: Any) -> Any:
    return pd.Series(column, index=np.random.default_rng(9).permutation(len(column)))


def nullable(column: Any) -> Any:
    return shuffled_index(column).astype(NULLABLE[np.asarray(column).dtype.kind])


def objects(column: Any) -> Any:
    return shuffled_index(column).astype(object)


def categories(column: Any) -> Any:
    found = shuffled_index(column)
    return found.astype("category") if np.asarray(column).dtype.kind == "U" else found


def as_lists(column: Any) -> Any:
    return np.asarray(column).tolist()


def flat(found: Any) -> Iterator[Any]:
    """Everything in a result, in order."""
    if isinstance(found, Mapping):
        for key, item in found.items():
            yield key
            yield from flat(item)
    elif hasattr(found, "to_dict"):
        yield from found.to_dict().values()
    elif hasattr(found, "__dataclass_fields__"):
        for name in found.__dataclass_fields__:
            yield from flat(getattr(found, name))
    elif isinstance(found, tuple | list | np.ndarray):
        for item in found:
            yield from flat(item)
    else:
        yield found


def test_every_public_function_is_here() -> None:
    assert sorted({*CALLS, *WITHOUT_COLUMNS}) == sorted(stats.__all__)


@pytest.mark.parametrize("kind", [shuffled_index, nullable, objects, categories, as_lists])
@pytest.mark.parametrize("name", CALLS)
def test_pandas_columns_are_taken_by_position(name: str, kind: Callable[[Any], Any]) -> None:
    columns = {key: kind(column) for key, column in COLUMNS.items()}
    expected, found = CALLS[name](COLUMNS), CALLS[name](columns)
    for ours, theirs in zip(flat(found), flat(expected), strict=True):
        assert ours == theirs or (ours is theirs is None) or np.isclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(CALLS) - RATINGS - AS_NUMBERS))
def test_a_missing_entry_is_an_error_of_ours(name: str) -> None:
    used: set[str] = set()

    class Recorded(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            used.add(key)
            return super().__getitem__(key)

    CALLS[name](Recorded(COLUMNS))
    assert used
    for column in sorted(used):
        series = nullable(COLUMNS[column])
        series.iloc[3] = pd.NA
        with pytest.raises(PlanError):
            CALLS[name]({**COLUMNS, column: series})


@pytest.mark.parametrize("name", sorted(RATINGS))
def test_a_missing_rating_is_a_missing_rating(name: str) -> None:
    with_none = COLUMNS["first"].astype(object)
    with_none[3] = None
    series = nullable(COLUMNS["first"])
    series.iloc[3] = pd.NA
    expected = CALLS[name]({**COLUMNS, "first": with_none})
    found = CALLS[name]({**COLUMNS, "first": series})
    assert list(flat(found)) == list(flat(expected))


@pytest.mark.parametrize(
    "call",
    [
        lambda: wrong.accuracy(np.array([1, 2], dtype=object), np.array(["1", "2"], dtype=object)),
        lambda: wrong.accuracy([1, 2], ["1", "2"]),
        lambda: wrong.clustered_mean([1, 2, 3], level="0.95"),
        lambda: wrong.proportion_interval(1, 3, level="0.95"),
        lambda: wrong.proportion_interval(1, 3, level=None),
        lambda: wrong.sign_flip_test(np.arange(99.0), np.arange(99.0)[::-1], seed=None),
        lambda: wrong.bootstrap_interval(stats.weighted_mean([1, 2, 3]), 3, seed=None),
        lambda: wrong.venkatraman_test([0, 1, 1], [1, 2, 3], [3, 2, 1], seed="7"),
        lambda: wrong.cohens_kappa_of_table([[1, 2], [3]]),
        lambda: wrong.cohens_kappa_of_table([["1", "2"], ["3", "4"]]),
        lambda: wrong.cohens_kappa_of_table([[1, np.nan], [3, 4]]),
        lambda: wrong.cohens_kappa(["a", []], ["a", "b"], ["a", "b"]),
        lambda: wrong.confusion(["a", "d"], ["a", "b"], ["a", "b"]),
        lambda: wrong.fleiss_kappa([["a", "b"], ["a"]], ["a", "b"]),
        lambda: wrong.paired_difference_interval(1, np.nan, 2, 3),
        lambda: wrong.paired_difference_interval(1, "2", 2, 3),
        lambda: wrong.paired_odds_ratio_interval(1, np.nan),
        lambda: wrong.mcnemar_test("1", 2),
        lambda: wrong.clustered_proportion(["yes", "no"]),
        lambda: wrong.clustered_proportion([1, [0]]),
        lambda: wrong.clustered_proportion([1, 0], [{}, {}]),
        lambda: wrong.clustered_mean(["1", "2"]),
        lambda: wrong.cochrans_q([[1, 0], [1]]),
        lambda: wrong.by_subgroup(stats.clustered_mean, ["a", None], [1, 2]),
        lambda: wrong.reader_study([[0.8, "x"], [0.7, 0.8]], np.eye(4), 9),
        lambda: wrong.icc([[1, 2], [3]]),
    ],
)
def test_a_mistake_is_an_error_of_ours(call: Callable[[], object]) -> None:
    with pytest.raises(PlanError):
        call()


@pytest.mark.parametrize("small", [np.uint8, np.int16, np.int32])
def test_counts_of_small_types_do_not_overflow(small: Any) -> None:
    high = int(min(np.iinfo(small).max, 60_000)) - 5
    part = high // 3
    for function, counts in (
        (stats.proportion_interval, (part, high)),
        (stats.difference_interval, (part, high, part // 2, high)),
        (stats.mcnemar_test, (high, part)),
        (stats.paired_difference_interval, (high, part, part // 2, high)),
        (stats.paired_odds_ratio_interval, (high, part)),
        (stats.forced_choice, (part, high)),
        (stats.detection, (part, high, part // 2, high)),
    ):
        plain: Any = function
        expected = list(flat(plain(*counts)))
        assert list(flat(plain(*map(small, counts)))) == expected
    table = [[high, part], [part // 2, high]]
    assert stats.cohens_kappa_of_table(np.array(table, small)) == stats.cohens_kappa_of_table(table)
