"""Reliance and association, where the answer follows from how the numbers were made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plexor.cases import Case
from plexor.core.errors import PlanError
from plexor.shortcuts.association import FEATURES, association, out_of_fold, tag_features
from plexor.shortcuts.find import Box, Tag
from plexor.shortcuts.reliance import reliance, transplant_effect
from plexor.stats import auc

N = 400
TRUTH = np.arange(N) % 2 == 0
GROUPS = [f"p{i // 4}" for i in range(N)]


def test_a_score_that_is_a_sum_gives_back_the_part_of_the_tag(rng: np.random.Generator) -> None:
    sign = np.where(TRUTH, 1.0, -1.0)
    anatomy, tag = sign * 1.5 + rng.normal(0, 1, N), sign * 0.8
    elsewhere = anatomy[:, None] + tag[:, None] + rng.normal(0, 0.3, (N, 20))
    found = reliance(TRUTH, anatomy + tag, anatomy, elsewhere, GROUPS)
    assert found.margin.low < 0.8 < found.margin.high
    assert found.margin.value == pytest.approx(0.8, abs=0.02)
    right = (anatomy + tag > 0) == TRUTH
    lost = (anatomy > 0) != TRUTH
    lost_elsewhere = ((elsewhere > 0) != TRUTH[:, None]).mean(1)
    assert found.correct.value == pytest.approx((lost[right] - lost_elsewhere[right]).mean())
    assert found.correct.n == right.sum()
    change = np.abs(elsewhere - (anatomy + tag)[:, None]).mean()
    assert found.confounder.value == pytest.approx(0.8 / (0.8 + change))
    assert found.margin.n_groups == 100


def test_a_model_that_does_not_look_at_tags_relies_on_nothing() -> None:
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        score = rng.normal(0, 1, 60)
        covers = score[:, None] + rng.normal(0, 0.3, (60, 5))
        found = reliance(TRUTH[:60], score, covers[:, 0], covers[:, 1:], GROUPS[:60])
        hits += not found.margin.low <= 0 <= found.margin.high
    assert hits <= 200 * (0.05 + 2 * np.sqrt(0.05 * 0.95 / 200))


def test_a_constant_model_has_no_sensitivity_and_wrong_shapes_are_refused() -> None:
    still = np.ones(N)
    found = reliance(TRUTH, still, still, still[:, None])
    assert np.isnan(found.confounder.value)
    assert "no cover" in found.confounder.note
    assert found.margin.value == 0
    with pytest.raises(PlanError, match=r"\(n, draws\)"):
        reliance(TRUTH, still, still, still)
    with pytest.raises(PlanError, match="at least one draw"):
        reliance(TRUTH, still, still, np.ones((N, 0)))


def test_a_transplant_shifts_toward_the_donor(rng: np.random.Generator) -> None:
    toward = np.where(TRUTH, -1.0, 1.0)
    redrawn = rng.normal(0, 1, N)
    moved = redrawn + toward * 0.4 + rng.normal(0, 0.1, N)
    assert transplant_effect(toward, moved, redrawn, GROUPS).value == pytest.approx(0.4, abs=0.02)


def cohort(probability: tuple[float, float], *, seed: int) -> tuple[list[Case], np.ndarray]:
    """Cases of which those of each label carry an R with some probability."""
    rng = np.random.default_rng(seed)
    cases, rows = [], []
    for i in range(N):
        label = i % 2
        view = "AP" if rng.random() < 0.5 else "PA"
        cases.append(
            Case(id=str(i), path=Path(str(i)), truth=f"{label}", group=f"p{i // 2}",
                 metadata={"view": view})
        )  # fmt: skip
        box = Box(x0=10, y0=10, x1=20, y1=25)
        tags = [Tag(box=box, kind="laterality", text="R")]
        rows.append(tag_features(tags if rng.random() < probability[label] else [], (100, 200)))
    return cases, np.stack(rows)


def test_tags_that_are_on_or_off_give_the_area_of_two_shares() -> None:
    cases, features = cohort((0.2, 0.8), seed=1)
    carries = features[:, FEATURES.index("has a tag")] > 0
    truth = np.array([case.truth == "1" for case in cases])
    expected = 0.5 + (carries[truth].mean() - carries[~truth].mean()) / 2
    for found in association(features, cases, positive="1", seed=0):
        assert found.overall.value == pytest.approx(expected, abs=0.02)
        assert found.overall.n_groups == N // 2


def test_tags_without_association_tell_nothing() -> None:
    cases, features = cohort((0.5, 0.5), seed=2)
    for found in association(features, cases, positive="1", seed=0):
        assert 0.4 < found.overall.value < 0.6


def test_classifiers_of_different_folds_are_not_compared() -> None:
    """The mean area over cohorts without association; pooled scores give 0.44."""
    rng, areas = np.random.default_rng(4), []
    groups = np.array([f"p{i // 2}" for i in range(60)])
    for seed in range(40):
        features, truth = rng.normal(size=(60, 4)), rng.random(60) < 0.5
        ranks = out_of_fold("logistic regression", features, truth, groups, seed)
        areas.append(auc(truth, ranks, groups).value)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.03)


def test_a_tag_that_stands_for_a_stratum_tells_nothing_within_it() -> None:
    rng = np.random.default_rng(3)
    cases, rows = [], []
    tag = Tag(box=Box(x0=10, y0=10, x1=20, y1=25), kind="laterality", text="R")
    for case in cohort((0, 0), seed=4)[0]:
        view = "AP" if rng.random() < (0.85 if case.truth == "1" else 0.15) else "PA"
        carries = rng.random() < (0.95 if view == "AP" else 0.05)
        cases.append(replace(case, metadata={"view": view}))
        rows.append(tag_features([tag] if carries else [], (100, 200)))
    for found in association(np.stack(rows), cases, positive="1", stratum="view", seed=0):
        assert found.overall.low > 0.7
        assert all(area.low < 0.5 < area.high for area in found.within.values())
    with pytest.raises(PlanError, match="no column 'site'"):
        association(np.stack(rows), cases, positive="1", stratum="site", seed=0)
    with pytest.raises(PlanError, match="expected cases of"):
        association(np.stack(rows), cases, positive="2", seed=0)
