"""Proportions against R, published tables and identities."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plexor.core.errors import PlanError
from plexor.stats import (
    Estimate,
    accuracy,
    balanced_accuracy,
    clustered_proportion,
    confusion,
    holm,
    paired_difference,
    proportion_interval,
    recall_by_class,
)
from plexor.stats.proportion import ProportionMethod, wilson_limits

Z = 1.959963984540054

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_proportion.json").read_text()
)

Bools = NDArray[np.bool_]


def pairs(both: int, before: int, after: int, neither: int) -> tuple[Bools, Bools]:
    counts = [both, before, after, neither]
    return np.repeat([True, True, False, False], counts), np.repeat(
        [True, False, True, False], counts
    )


def limits(estimate: Estimate) -> list[float]:
    return [estimate.low, estimate.high]


@pytest.mark.parametrize(
    ("method", "key"),
    [("wilson", "wilson"), ("clopper-pearson", "exact"), ("jeffreys", "jeffreys")],
)
def test_intervals_equal_r(method: ProportionMethod, key: str) -> None:
    for row in GOLDEN["intervals"]:
        ours = proportion_interval(row["k"], row["n"], level=row["level"], method=method)
        assert limits(ours) == pytest.approx(row[key], rel=1e-8, abs=1e-14), row


@pytest.mark.parametrize(
    ("k", "n", "method", "published"),
    [
        # Newcombe, Stat Med 1998;17:857, table I: methods 1, 3 and 5 on his four examples.
        (81, 263, "wald", (0.2522, 0.3638)),
        (15, 148, "wald", (0.0527, 0.1500)),
        (81, 263, "wilson", (0.2553, 0.3662)),
        (15, 148, "wilson", (0.0624, 0.1605)),
        (0, 20, "wilson", (0.0000, 0.1611)),
        (1, 29, "wilson", (0.0061, 0.1718)),
        (81, 263, "clopper-pearson", (0.2527, 0.3676)),
        (15, 148, "clopper-pearson", (0.0578, 0.1617)),
        (0, 20, "clopper-pearson", (0.0000, 0.1684)),
        (1, 29, "clopper-pearson", (0.0009, 0.1776)),
        # Allyn et al., Medicine 2020;99(50):e23568: the two observers' proportions.
        (35, 60, "wald", (0.459, 0.708)),
        (17, 40, "wald", (0.272, 0.578)),
    ],
)
def test_intervals_equal_published(
    k: int, n: int, method: ProportionMethod, published: tuple[float, float]
) -> None:
    digits = 3 if n in (60, 40) else 4
    ours = proportion_interval(k, n, method=method)
    assert [round(x, digits) for x in limits(ours)] == pytest.approx(published, abs=1e-9)


def test_allyn_2020s_accuracies() -> None:
    # 84 % and 67 % of 2,003 images, given without intervals: Wilson's, and the paired change if
    # as few images as possible became right.
    before, after = proportion_interval(1683, 2003), proportion_interval(1342, 2003)
    assert [round(100 * x, 1) for x in (before.value, *limits(before))] == [84.0, 82.4, 85.6]
    assert [round(100 * x, 1) for x in (after.value, *limits(after))] == [67.0, 64.9, 69.0]
    change = paired_difference(*pairs(1342, 341, 0, 320))
    assert [round(100 * x, 1) for x in (change.value, *limits(change))] == [-17.0, -18.7, -15.4]


def test_wilson_inverts_the_score_test() -> None:
    ours = proportion_interval(7, 31, level=0.9)
    for bound in limits(ours):
        z = (7 / 31 - bound) / math.sqrt(bound * (1 - bound) / 31)
        assert abs(z) == pytest.approx(1.6448536269514722, rel=1e-12)


def test_agresti_coull_shares_wilsons_centre_and_is_wider() -> None:
    wilson = proportion_interval(13, 50)
    ours = proportion_interval(13, 50, method="agresti-coull")
    assert sum(limits(ours)) == pytest.approx(sum(limits(wilson)), rel=1e-12)
    assert ours.low < wilson.low < wilson.high < ours.high


def test_zero_of_zero_is_undefined() -> None:
    nothing = proportion_interval(0, 0)
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)
    assert nothing.note == "no observations"
    assert nothing.to_dict()["value"] is None


@pytest.mark.parametrize("method", ["wilson", "clopper-pearson", "agresti-coull", "jeffreys"])
def test_ten_million(method: ProportionMethod) -> None:
    wald = proportion_interval(3_000_000, 10_000_000, method="wald")
    ours = proportion_interval(3_000_000, 10_000_000, method=method)
    assert limits(ours) == pytest.approx(limits(wald), abs=2e-7)
    assert 0 < proportion_interval(1, 10_000_000, method=method).high < 1e-6


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 4), (0.5, 4)])
def test_impossible_counts_are_refused(k: Any, n: int) -> None:
    with pytest.raises(PlanError, match="k counts the events"):
        proportion_interval(k, n)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(PlanError, match="did you mean 'wilson'"):
        proportion_interval(1, 2, method="wilsonn")  # type: ignore[arg-type]
    with pytest.raises(PlanError, match=r"0\.95 for a 95 %"):
        proportion_interval(1, 2, level=95)


@pytest.mark.parametrize("data", GOLDEN["clustered"], ids=lambda data: f"n={len(data['group'])}")
def test_clustered_values_equal_survey(data: dict[str, Any]) -> None:
    before, after = np.array(data["before"], bool), np.array(data["after"], bool)
    one = clustered_proportion(before, data["group"])
    assert one.value == pytest.approx(data["value"], rel=1e-12)
    # survey's variance does not correct for groups of unequal size, which makes it smaller.
    assert 1 - 1e-9 < (one.variance or 0) / data["variance"] < 1.3
    difference = paired_difference(before, after, data["group"])
    assert 1 - 1e-9 < (difference.variance or 0) / data["difference_variance"] < 1.6
    wrong = {"a": "b", "b": "c", "c": "a"}
    decision = np.where(before, data["truth"], [wrong[label] for label in data["truth"]])
    mean = balanced_accuracy(data["truth"], decision, ["a", "b", "c"], data["group"])
    assert mean.value == pytest.approx(data["balanced"], rel=1e-12)
    assert mean.variance == pytest.approx(data["balanced_variance"], rel=1e-9)


def test_effective_size_of_a_hand_computed_example() -> None:
    # Three groups (2 of 2, 0 of 2, 1 of 2): p = 1/2, r = (1, -1, 0), variance = 3/2 · 2/36 = 1/12,
    # n_effective = 1 + (1/4) / (1/12) = 4, more than 3 groups, so t2 replaces t3:
    # 4 · (3.182446 / 4.302653)² = 2.188299.
    ours = clustered_proportion([1, 1, 0, 0, 1, 0], ["x", "x", "y", "y", "z", "z"])
    assert ours.variance == pytest.approx(1 / 12, rel=1e-12)
    n = 4 * (3.182446305283710 / 4.302652729749464) ** 2
    z = 1.959963984540054
    half = z * math.sqrt(0.25 / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert limits(ours) == pytest.approx([0.5 - half, 0.5 + half], rel=1e-12)
    assert (ours.n, ours.n_groups) == (6, 3)


def test_groups_of_one_piece_count_once() -> None:
    outcomes, groups = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1, 1], bool), np.arange(10)
    plain = proportion_interval(6, 10)
    repeated = clustered_proportion(np.repeat(outcomes, 7), np.repeat(groups, 7))
    assert limits(repeated) == pytest.approx(limits(plain), rel=1e-12)


def test_all_alike_counts_groups_not_images() -> None:
    ours = clustered_proportion(np.ones(40, bool), np.repeat(np.arange(10), 4))
    assert limits(ours) == pytest.approx(limits(proportion_interval(10, 10)), rel=1e-12)
    assert "all outcomes are equal" in ours.note


def test_design_effect_below_one_is_not_believed() -> None:
    ours = clustered_proportion(np.tile([True, False], 30), np.repeat(np.arange(30), 2))
    assert "design effect below 1" in ours.note
    plain = proportion_interval(30, 60)
    assert ours.low < plain.low
    assert ours.high > plain.high


def test_events_of_one_group_count_once_however_few() -> None:
    # Nothing tells whether nine of ten images of a group would differ; so ten groups are ten.
    events = np.zeros(100, bool)
    for k in (1, 2, 10):
        events[:k] = True
        ours = clustered_proportion(events, np.repeat(np.arange(10), 10))
        assert limits(ours) == pytest.approx(wilson_limits(k / 100, 10, Z), rel=1e-12)
        mirrored = clustered_proportion(~events, np.repeat(np.arange(10), 10))
        assert mirrored.high == pytest.approx(1 - ours.low, rel=1e-12)


def test_one_group_has_a_value_and_no_interval() -> None:
    ours = clustered_proportion([True, False, True], ["p", "p", "p"])
    assert ours.value == pytest.approx(2 / 3)
    assert math.isnan(ours.low)
    assert math.isnan(ours.high)
    assert "one single group" in ours.note
    pair = paired_difference([True, False, True], [True, True, True], ["p", "p", "p"])
    assert pair.value == pytest.approx(1 / 3)
    assert math.isnan(pair.low)
    assert math.isnan(pair.high)
    mean = balanced_accuracy([0, 1, 1], [0, 1, 0], [0, 1], ["p", "p", "p"])
    assert mean.value == 0.75
    assert math.isnan(mean.low)
    assert "one single group" in mean.note
    assert limits(clustered_proportion([True], ["p"])) == limits(proportion_interval(1, 1))


def test_no_observations() -> None:
    assert clustered_proportion([], []).note == "no observations"
    assert math.isnan(paired_difference([], []).value)


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_missing_group_is_refused(missing: object) -> None:
    with pytest.raises(PlanError, match="give it a name of its own"):
        clustered_proportion([True, False], ["a", missing])


def test_unequal_lengths_and_wrong_types_are_refused() -> None:
    with pytest.raises(PlanError, match="observations has 2, groups has 1"):
        clustered_proportion([True, False], ["a"])
    with pytest.raises(PlanError, match="events: expected"):
        clustered_proportion([0.5, 1.0])
    with pytest.raises(PlanError, match="never agree"):
        accuracy(np.array(["1", "0"]), np.array([1, 0]))


@pytest.mark.parametrize(
    "groups",
    [
        [1, 1, 2, 3],
        ["p1", "p1", "p2", "p3"],
        [("site", 1), ("site", 1), ("site", 2), ("other", 1)],
        np.array([5, 5, 1, 9]),
        np.array(["b", "b", "a", "c"]),
    ],
)
def test_groups_may_be_anything_hashable(groups: Sequence[Any]) -> None:
    ours = clustered_proportion([True, True, False, True], groups)
    assert ours.n_groups == 3
    same = clustered_proportion([True, True, False, True], [0, 0, 1, 2])
    assert ours.low == pytest.approx(same.low, rel=1e-12)


@pytest.mark.parametrize(
    ("table", "published"),
    [
        # Cavo et al. 2012, worked in Fagerland, Lydersen & Laake, Statistical Analysis of
        # Contingency Tables, 2017, ch. 8 (there: before minus after, -0.0621).
        ((59, 6, 16, 80), (0.0046, 0.1186)),
        # Newcombe, Stat Med 1998;17:2635, table II, method 10 on cells 36, 12, 2, 0.
        ((36, 12, 2, 0), (-0.3404, -0.0569)),
    ],
)
def test_paired_difference_equals_published(
    table: tuple[int, int, int, int], published: tuple[float, float]
) -> None:
    before, after = pairs(*table)
    assert [round(x, 4) for x in limits(paired_difference(before, after))] == list(published)
    distinct = paired_difference(before, after, np.arange(before.size))
    assert limits(distinct) == pytest.approx(published, abs=6e-5)


def test_confusion_recall_and_balanced_accuracy_agree() -> None:
    truth = ["a"] * 6 + ["b"] * 4 + ["c"] * 2
    decision = ["a", "a", "a", "b", "c", "a", "b", "b", "a", "b", "c", "a"]
    counts = confusion(truth, decision, ["a", "b", "c"])
    assert counts.tolist() == [[4, 1, 1], [1, 3, 0], [1, 0, 1]]
    recalls = recall_by_class(truth, decision, ["a", "b", "c"])
    for index, label in enumerate("abc"):
        expected = proportion_interval(int(counts[index, index]), int(counts[index].sum()))
        assert (recalls[label].value, *limits(recalls[label])) == (
            expected.value,
            *limits(expected),
        )
    mean = balanced_accuracy(truth, decision, ["a", "b", "c"])
    assert mean.value == pytest.approx((4 / 6 + 3 / 4 + 1 / 2) / 3, rel=1e-12)
    # Classes of independent cases are independent: squared distances add up.
    low = math.sqrt(sum((r.value - r.low) ** 2 for r in recalls.values())) / 3
    assert mean.low == pytest.approx(mean.value - low, rel=1e-12)
    assert accuracy(truth, decision).value == counts.trace() / counts.sum()


def test_balanced_accuracy_of_one_class_is_its_clustered_recall() -> None:
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 30, 200)
    right = rng.random(200) < np.take(rng.random(30), groups)
    mean = balanced_accuracy(np.zeros(200, int), (~right).astype(int), [0, 1], groups)
    alone = clustered_proportion(right, groups)
    assert (mean.value, *limits(mean)) == pytest.approx((alone.value, *limits(alone)), rel=1e-12)
    assert mean.note == "classes without cases, left out: 1"


def test_a_small_faultless_class_still_widens_balanced_accuracy() -> None:
    truth, decision = ["a"] * 500 + ["b"] * 3, ["a"] * 500 + ["b"] * 3
    assert balanced_accuracy(truth, decision, ["a", "b"]).low < 0.75


def test_a_class_of_one_group_may_be_anything_elsewhere() -> None:
    truth, decision = ["a"] * 40 + ["b"] * 3, ["a"] * 40 + ["b"] * 3
    groups = [*range(40), 99, 99, 99]
    assert math.isnan(recall_by_class(truth, decision, ["a", "b"], groups)["b"].low)
    mean = balanced_accuracy(truth, decision, ["a", "b"], groups)
    assert mean.low == pytest.approx(0.5, abs=0.01)


def test_absent_and_unknown_classes() -> None:
    recalls = recall_by_class(["a"], ["a"], ["a", "b"])
    assert math.isnan(recalls["b"].value)
    assert recalls["b"].note == "no cases of this class"
    with pytest.raises(PlanError, match="label 'x' is none of the classes"):
        confusion(["a"], ["x"], ["a", "b"])
    with pytest.raises(PlanError, match="each class once"):
        confusion(["a"], ["a"], ["a", "a"])


@pytest.mark.parametrize("kind", [bool, int, str])
def test_labels_of_any_kind_give_the_same(kind: type) -> None:
    truth, decision = np.array([0, 1, 1, 0, 1]), np.array([0, 1, 0, 0, 1])
    classes = [kind(0), kind(1)]
    assert confusion(truth.astype(kind), decision.astype(kind), classes).tolist() == [
        [2, 0],
        [1, 2],
    ]
    assert accuracy(truth.astype(kind), decision.astype(kind)).value == 0.8


def test_holm_equals_r() -> None:
    ours = holm(np.array(GOLDEN["adjusted"]["p"], float))
    expected = np.array(GOLDEN["adjusted"]["holm"], float)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)
    with pytest.raises(PlanError, match="unadjusted"):
        holm([0.5, 1.5])
