"""The JAFROC figure of merit: small tables by hand; with one lesion a case, the ROC area."""

from __future__ import annotations

import math

import numpy as np
import pytest

from plexor.core.errors import PlanError
from plexor.stats import FrocCase, auc, jafroc, match_marks

NOTHING = -math.inf


def test_a_table_by_hand() -> None:
    # Lesions 4, 2 | 3; normal cases' highest marks 2, none. Wins: 4 beats both (1, 1); 2 ties the
    # first and beats none (½, 1); 3 beats both (1, 1).
    cases = [
        FrocCase(lesions=(4.0, 2.0), others=(5.0,)),
        FrocCase(lesions=(3.0,)),
        FrocCase(others=(1.0, 2.0)),
        FrocCase(),
    ]
    assert jafroc(cases).value == pytest.approx((2 + 1.5 + 2) / 6, abs=1e-12)
    assert jafroc(cases, weights="case").value == pytest.approx((3.5 / 4 + 1) / 2, abs=1e-12)


def test_unmarked_lesions_tie_with_unmarked_normal_cases() -> None:
    cases = [FrocCase(lesions=(NOTHING,)), FrocCase(), FrocCase(others=(1.0,))]
    assert jafroc(cases).value == 0.25


def test_one_lesion_a_case_is_the_area_under_the_roc_curve() -> None:
    rng = np.random.default_rng(3)
    sick, well = rng.integers(1, 6, 30), rng.integers(0, 5, 40)
    cases = [FrocCase(lesions=(float(rating),)) for rating in sick]
    cases += [FrocCase(others=(float(rating),)) for rating in well]
    truth = np.arange(70) < 30
    theirs = auc(truth, np.concatenate([sick, well]), interval="wald")
    for ours in (jafroc(cases, weights="lesion"), jafroc(cases, weights="case")):
        assert ours.value == pytest.approx(theirs.value, abs=1e-12)
        assert ours.variance == pytest.approx(theirs.variance, rel=1e-9)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_cases_twice_are_no_more_than_once_when_grouped() -> None:
    rng = np.random.default_rng(5)
    cases = [FrocCase(lesions=tuple(rng.integers(0, 5, 2).astype(float))) for _ in range(15)]
    cases += [FrocCase(others=(float(rng.integers(0, 4)),)) for _ in range(15)]
    twice = jafroc(cases * 2, list(range(30)) * 2)
    once = jafroc(cases, list(range(30)))
    assert twice.value == pytest.approx(once.value)
    assert twice.variance == pytest.approx(once.variance)
    assert twice.n_groups == 30


def test_the_interval_holds_the_true_figure() -> None:
    rng = np.random.default_rng(0)
    # Lesions N(1, 1) against one mark N(0, 1) in each normal case: Φ(1/√2).
    true = 0.7602499389
    held = 0
    for _ in range(300):
        cases = [FrocCase(lesions=tuple(rng.normal(1, 1, 2))) for _ in range(40)]
        cases += [FrocCase(others=(rng.normal(0, 1),)) for _ in range(40)]
        found = jafroc(cases)
        held += found.low <= true <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_undefined_and_refused() -> None:
    assert math.isnan(jafroc([FrocCase()]).value)
    assert "no case with a lesion" in jafroc([FrocCase()]).note
    one = jafroc([FrocCase(lesions=(1.0,)), FrocCase()])
    assert (one.value, math.isnan(one.low)) == (1.0, True)
    with pytest.raises(PlanError, match="unknown lesion weights"):
        jafroc([FrocCase()], weights="mark")  # type: ignore[arg-type]


def test_marks_are_matched_to_the_nearest_lesion_within_reach() -> None:
    marks = [[0, 0], [1, 0], [5, 0], [100, 0]]
    found = match_marks(marks, [1, 3, 2, 4], [[0, 0], [6, 0], [50, 50]], radius=3)
    assert found == FrocCase(lesions=(3.0, 2.0, NOTHING), others=(4.0,))
    assert match_marks([], [], [[0, 0]], radius=1) == FrocCase(lesions=(NOTHING,))
    assert match_marks([[1, 2]], [2], [], radius=1) == FrocCase(others=(2.0,))
    with pytest.raises(PlanError, match="expected"):
        match_marks([[1, 2]], [1, 2], [[0, 0]], radius=1)
    with pytest.raises(PlanError, match="radius"):
        match_marks([[1, 2]], [1], [[0, 0]], radius=0)
