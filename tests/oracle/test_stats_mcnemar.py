"""McNemar's tests against R, published examples and identities."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plexor.core.errors import PlanError
from plexor.stats import clustered_mcnemar, mcnemar_test
from plexor.stats.mcnemar import McNemarMethod

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_proportion.json").read_text()
)


@pytest.mark.parametrize("row", GOLDEN["mcnemar"], ids=lambda row: f"{row['b']}-{row['c']}")
def test_p_values_equal_r(row: dict[str, Any]) -> None:
    for method in ("exact", "asymptotic", "corrected"):
        ours = mcnemar_test(row["b"], row["c"], method=method).p_value
        assert ours == pytest.approx(row[method], rel=1e-9), method
    asymptotic = mcnemar_test(row["b"], row["c"], method="asymptotic")
    assert asymptotic.statistic == pytest.approx(row["statistic"], rel=1e-12)


@pytest.mark.parametrize(
    ("b", "c", "method", "published"),
    [
        # Fagerland, Lydersen & Laake, BMC Med Res Methodol 2013;13:91, table 3 (Bentur et al.)
        (1, 7, "exact", 0.0703),
        (1, 7, "mid-p", 0.0391),
        (1, 7, "asymptotic", 0.0339),
        (1, 7, "corrected", 0.0771),
        # The same authors' Statistical Analysis of Contingency Tables, 2017, ch. 8 (Cavo et al.)
        (6, 16, "exact", 0.0525),
        (6, 16, "mid-p", 0.0347),
        (6, 16, "asymptotic", 0.0330),
        (6, 16, "corrected", 0.0550),
    ],
)
def test_p_values_equal_published(b: int, c: int, method: McNemarMethod, published: float) -> None:
    assert round(mcnemar_test(b, c, method=method).p_value, 4) == published


def test_agrestis_approval_ratings() -> None:
    # Agresti, Categorical Data Analysis, 2nd ed. 2002, sec. 10.1: z² = 17.36 for 150 against 86.
    assert round(mcnemar_test(150, 86, method="asymptotic").statistic, 2) == 17.36


def test_mid_p_by_enumeration() -> None:
    for b, c in [(0, 1), (3, 9), (5, 5), (14, 13), (2, 0)]:
        n = b + c
        mass = [math.comb(n, k) / 2**n for k in range(n + 1)]
        farther = sum(m for k, m in enumerate(mass) if abs(2 * k - n) > abs(b - c))
        as_far = sum(m for k, m in enumerate(mass) if abs(2 * k - n) == abs(b - c))
        ours = mcnemar_test(b, c, method="mid-p").p_value
        assert ours == pytest.approx(farther + as_far / 2, rel=1e-12)
        exact = mcnemar_test(b, c, method="exact").p_value
        assert exact == pytest.approx(farther + as_far, rel=1e-12)


def test_auto_says_what_it_took() -> None:
    assert mcnemar_test(4, 20).method == "McNemar's exact test"
    assert mcnemar_test(5, 20).method == "McNemar's mid-p test"


def test_no_discordant_pair() -> None:
    assert mcnemar_test(0, 0).p_value == 1
    assert mcnemar_test(0, 0, method="mid-p").p_value == 1
    undefined = mcnemar_test(0, 0, method="asymptotic")
    assert math.isnan(undefined.p_value)
    assert undefined.note == "no discordant pairs"
    assert undefined.to_dict()["p_value"] is None


def test_ten_million_discordant_pairs() -> None:
    asymptotic = mcnemar_test(5_001_000, 4_999_000, method="asymptotic").p_value
    for method in ("exact", "mid-p"):
        assert mcnemar_test(5_001_000, 4_999_000, method=method).p_value == pytest.approx(
            asymptotic, rel=2e-3
        )


def test_negative_counts_are_refused() -> None:
    with pytest.raises(PlanError, match="expected counts, whole numbers"):
        mcnemar_test(-1, 3)


def clusters(b: list[int], c: list[int], sizes: list[int]) -> tuple[Any, Any, Any]:
    before, after = [], []
    for only_before, only_after, size in zip(b, c, sizes, strict=True):
        rest = [True] * (size - only_before - only_after)
        before += [True] * only_before + [False] * only_after + rest
        after += [False] * only_before + [True] * only_after + rest
    return np.array(before), np.array(after), np.repeat(np.arange(len(sizes)), sizes)


def test_clustered_tests_of_a_hand_computed_example() -> None:
    # Differences after - before: 2, -1, 1, 0 in groups of 4, 2, 1, 3.
    before, after, groups = clusters([0, 1, 0, 1], [2, 0, 1, 1], [4, 2, 1, 3])
    obuchowski = clustered_mcnemar(before, after, groups)
    assert obuchowski.statistic == pytest.approx(3 / 4 * 4 / 6, rel=1e-12)
    durkalski = clustered_mcnemar(before, after, groups, method="durkalski")
    # Per observation: 1/2, -1/2, 1, 0.
    assert durkalski.statistic == pytest.approx(1 / 1.5, rel=1e-12)
    assert durkalski.p_value == pytest.approx(math.erfc(math.sqrt(1 / 1.5 / 2)), rel=1e-12)
    assert (durkalski.n, durkalski.n_groups, durkalski.df) == (10, 4, 1)
    assert "only 3 groups changed" in durkalski.note


def test_groups_of_one_give_mcnemars_test() -> None:
    before, after, groups = clusters([1] * 40 + [0] * 30, [0] * 40 + [1] * 20 + [0] * 10, [1] * 70)
    plain = mcnemar_test(40, 20, method="asymptotic").statistic
    durkalski = clustered_mcnemar(before, after, groups, method="durkalski")
    assert durkalski.statistic == pytest.approx(plain, rel=1e-12)
    obuchowski = clustered_mcnemar(before, after, groups)
    assert obuchowski.statistic == pytest.approx(plain * 69 / 70, rel=1e-12)
    assert obuchowski.note == ""


def test_equal_groups_of_one_piece_change_nothing() -> None:
    before, after, groups = clusters([1] * 40 + [0] * 30, [0] * 40 + [1] * 30, [1] * 70)
    for method in ("obuchowski", "durkalski"):
        once = clustered_mcnemar(before, after, groups, method=method)
        five = clustered_mcnemar(
            np.repeat(before, 5),
            np.repeat(after, 5),
            np.repeat(groups, 5),
            method=method,
        )
        assert five.statistic == pytest.approx(once.statistic, rel=1e-12)


def test_clustered_corners_are_undefined_with_a_reason() -> None:
    same = clustered_mcnemar([True, False], [True, False], ["a", "b"])
    assert math.isnan(same.p_value)
    assert same.note == "no discordant pairs"
    one = clustered_mcnemar([True, False], [False, False], ["a", "a"])
    assert "fewer than two groups" in one.note
    cancel = clustered_mcnemar([True, False], [False, True], ["a", "a"])
    assert math.isnan(cancel.statistic)
    cancel = clustered_mcnemar([True, False, True], [False, True, True], ["a", "a", "b"])
    assert "cancel within every group" in cancel.note
