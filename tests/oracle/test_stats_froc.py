"""The JAFROC figure of merit: small tables by hand; with one lesion a case, the ROC area."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from plexor.core.errors import PlanError
from plexor.stats import FrocCase, auc, jafroc, match_marks, reader_study_auc, reader_study_jafroc

NOTHING = -math.inf
VAN_DYKE = json.loads((Path(__file__).parent / "golden" / "van_dyke.json").read_text())
TRUTH = np.array([int(digit) for digit in VAN_DYKE["truth"]])
RATINGS = np.array(
    [[[float(digit) for digit in row] for row in rows] for rows in VAN_DYKE["ratings"]]
)


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


@pytest.mark.parametrize("grouped", [False, True])
def test_one_lesion_a_case_is_the_obuchowski_rockette_analysis_of_areas(grouped: bool) -> None:
    # Van Dyke's study, whose analysis is held to the published one in test_stats_readers.
    groups = list(range(TRUTH.size)) if grouped else None
    cases = [
        [
            [
                FrocCase(lesions=(rating,)) if sick else FrocCase(others=(rating,))
                for sick, rating in zip(TRUTH, reader, strict=True)
            ]
            for reader in treatment
        ]
        for treatment in RATINGS
    ]
    ours, theirs = reader_study_jafroc(cases, groups), reader_study_auc(TRUTH, RATINGS, groups)
    assert ours.test().p_value == pytest.approx(theirs.test().p_value, rel=1e-9)
    for row in (0, 1):
        first, second = ours.mean(row), theirs.mean(row)
        assert list(first) == pytest.approx(list(second), rel=1e-9)


def test_the_pooled_variance_is_near_the_jackknife_of_several_lesions() -> None:
    rng = np.random.default_rng(12)
    lesions = rng.integers(1, 4, 30).tolist() + [0] * 30
    cases = []
    for _ in range(3):
        own = []
        for n_lesions in lesions:
            marked = [float(x) if rng.random() < 0.8 else -math.inf
                      for x in rng.normal(1.2, 1, n_lesions)]  # fmt: skip
            others = tuple(rng.normal(0, 1, rng.poisson(0.8)).tolist())
            own.append(FrocCase(lesions=tuple(marked), others=others))
        cases.append(own)
    ours = reader_study_jafroc([cases])
    left_out = np.array(
        [[jafroc([*own[:i], *own[i + 1 :]]).value for i in range(60)] for own in cases]
    )
    apart = left_out - left_out.mean(axis=1, keepdims=True)
    spread = 59 / 60 * apart @ apart.T
    assert ours.variance == pytest.approx(np.diag(spread).mean(), rel=0.06)
    off = spread[~np.eye(3, dtype=bool)].mean()
    assert ours.same_treatment == pytest.approx(off, abs=0.1 * ours.variance)
    assert ours.values[0].tolist() == pytest.approx([jafroc(own).value for own in cases])


def test_readers_who_saw_other_lesions_are_refused() -> None:
    one = [FrocCase(lesions=(1.0,)), FrocCase(lesions=(2.0,)), FrocCase(), FrocCase()]
    other = [FrocCase(lesions=(1.0, 2.0)), *one[1:]]
    with pytest.raises(PlanError, match="the same cases and lesions"):
        reader_study_jafroc([[one, other]])
    with pytest.raises(PlanError, match="two groups with lesions and two without"):
        reader_study_jafroc([[one[1:], one[1:]]])
