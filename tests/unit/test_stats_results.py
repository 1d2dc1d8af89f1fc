"""How the results of ``plexor.stats`` print, unpack and become a table."""

from __future__ import annotations

import math

import pytest

from plexor import stats

RATIOS = stats.likelihood_ratios(40, 10, 5, 45)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (stats.proportion_interval(8440, 10000), "0.844 (0.837–0.851)"),
        (stats.clustered_mean([-1.0, 1.0, 3.0]), "1.0 (-4.0 to 6.0)"),
        (stats.proportion_interval(35, 40, level=0.9), "0.88 (90 % interval 0.76–0.94)"),
        (stats.proportion_interval(0, 0), "undefined (no interval)"),
    ],
)
def test_an_estimate_has_two_digits_of_its_width(estimate: stats.Estimate, words: str) -> None:
    assert str(estimate).startswith(words)


def test_a_test_prints_its_p_value_and_its_side() -> None:
    assert str(stats.mcnemar_test(60, 12)) == "p < 0.001, McNemar's mid-p test, n = 72"
    one = stats.mcnemar_test(30, 12, alternative="greater")
    assert str(one).startswith(f"p = {one.p_value:.3f}, one-sided (greater), ")
    assert str(stats.mcnemar_test(0, 0)).startswith("p = 1.000, ")


def test_several_results_print_as_one_line_each() -> None:
    positive, negative = str(RATIOS).splitlines()
    assert positive == f"positive: {RATIOS.positive}"
    assert negative == f"negative: {RATIOS.negative}"
    values = stats.predictive_values(40, 10, 5, 45, prevalence=0.1)
    assert str(values).splitlines()[2] == "prevalence: 0.1"


def test_several_results_make_a_table() -> None:
    table = stats.table(RATIOS)
    assert list(table.index) == ["positive", "negative"]
    assert table.loc["negative", "value"] == RATIOS.negative.value
    curve = stats.decision_curve([0, 0, 1, 1], [0.1, 0.3, 0.6, 0.7], [0.2, 0.5])
    assert list(stats.table(curve).index)[:3] == [
        "model at 0.2",
        "model at 0.5",
        "treat_all at 0.2",
    ]
    assert stats.table(curve).loc["model at 0.5", "value"] == curve.model[1].value == 0.5


def test_several_results_show_in_a_notebook() -> None:
    shown = RATIOS._repr_html_()
    assert shown.count("<tr>") == 2
    assert "score interval" in shown


def test_an_adjusted_test_prints_both_p_values() -> None:
    tests = {"sex": stats.mcnemar_test(30, 12), "age": stats.mcnemar_test(9, 3)}
    adjusted = stats.adjust(tests)["sex"]
    assert str(adjusted) == f"p = 0.011 (holm, 2 tests); {tests['sex']}"


def test_an_estimate_unpacks_and_makes_json() -> None:
    value, low, high = stats.proportion_interval(0, 0)
    assert all(math.isnan(number) for number in (value, low, high))
    assert stats.proportion_interval(0, 0).to_dict()["low"] is None
