"""How well burnt-in tags alone predict the label, independent of any network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from plexor.cases import Case
from plexor.core.errors import PlanError
from plexor.shortcuts.carriers import strata_of
from plexor.shortcuts.find.tag import KINDS, Tag
from plexor.shortcuts.variants import first_tag
from plexor.stats import Estimate, auc

FEATURES = (
    *(f"number of {kind} tags" for kind in KINDS),
    "has a tag",
    "says R",
    "says L",
    "from the left",
    "from the top",
    "height",
    "width over height",
)
"""Columns of ``tag_features``."""
Classifier = Literal["logistic regression", "gradient boosting"]
CLASSIFIERS: tuple[Classifier, ...] = ("logistic regression", "gradient boosting")
_FOLDS = 5
_LEAST = 10
"""Minimum number of positive and of negative cases in a stratum for its area to be reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """Area under the ROC curve of the label predicted from tags alone; 0.5 is chance.

    Attributes:
        classifier: the classifier that predicts the label from the features.
        overall: over all cases, each scored by a classifier that did not see its group.
        within: stratum → the area among its cases only, from the same scores. Where tags only
            identify the stratum (a body part, a device), these areas are near 0.5 although
            ``overall`` is not. NaN with a note for a stratum with fewer than ten positive or
            negative cases.
    """

    classifier: Classifier
    overall: Estimate
    within: Mapping[str, Estimate]


def tag_features(tags: Sequence[Tag], size: tuple[int, int]) -> NDArray[np.float64]:
    """Numbers that describe the tags of one image: kinds, and shape and position of the main tag.

    Args:
        tags: of the image.
        size: its height and width in pixels.

    Returns:
        One number for each of ``FEATURES``; places and heights are shares of the image's size, 0
        where there is no tag.

    Example:
        >>> len(tag_features([], (100, 100))) == len(FEATURES)
        True
    """
    height, width = size
    counts = [float(sum(tag.kind == kind for tag in tags)) for kind in KINDS]
    tag = first_tag(tags)
    if tag is None:
        return np.array([*counts, *[0.0] * (len(FEATURES) - len(counts))])
    box, side = tag.box, tag.text[:1].upper() if tag.kind == "laterality" else ""
    return np.array(
        [
            *counts,
            1.0,
            float(side == "R"),
            float(side == "L"),
            (box.x0 + box.x1) / 2 / width,
            (box.y0 + box.y1) / 2 / height,
            box.height / height,
            box.width / max(1, box.height),
        ]
    )


def association(
    features: NDArray[np.float64],
    cases: Sequence[Case],
    *,
    positive: str,
    stratum: str | None = None,
    seed: int,
    level: float = 0.95,
) -> list[Association]:
    """Predicts the label from tags by logistic regression and by gradient boosting.

    Cross-validates in five folds by group, so that no patient is scored by a classifier trained on
    the same patient, and pools each case's rank in its fold. Groups are assigned to folds at random
    from ``seed``. Where tags say nothing, the area is near 0.5; its interval, which takes the
    classifiers as given, leaves 0.5 out on the upper side in up to about 7 % of such cohorts.

    Args:
        features: one row a case, see ``tag_features``.
        cases: with labels and groups.
        positive: the label to distinguish from all others.
        stratum: a column of the manifest, e.g. "view"; None for no strata.
        seed: of the folds and of the boosting.
        level: nominal coverage; intervals are clustered by group.

    Raises:
        PlanError: no case, or every case, is positive; fewer groups than folds; an unknown column.
        ModuleNotFoundError: scikit-learn is not installed.
    """
    truth = np.array([str(case.truth) == positive for case in cases])
    groups = np.array([case.group for case in cases])
    if truth.all() or not truth.any():
        raise PlanError(
            f"association: expected cases of {positive!r} and others, found "
            f"{int(truth.sum())} of {truth.size}"
        )
    if len(set(groups)) < _FOLDS:
        raise PlanError(
            f"association: at least {_FOLDS} groups are needed, one a fold, got {len(set(groups))}"
        )
    strata = _strata(cases, stratum)
    found = []
    for name in CLASSIFIERS:
        scores = out_of_fold(name, features, truth, groups, seed)
        found.append(
            Association(
                classifier=name,
                overall=auc(truth, scores, groups, level=level),
                within={
                    value: area_of(truth[there], scores[there], groups[there], level)
                    for value, there in strata.items()
                },
            )
        )
    return found


def _strata(cases: Sequence[Case], column: str | None) -> dict[str, NDArray[np.bool_]]:
    if column is None:
        return {}
    values = strata_of(cases, column)
    return {str(value): values == value for value in np.unique(values)}


def area_of(
    truth: NDArray[np.bool_], scores: NDArray[np.float64], groups: NDArray[np.str_], level: float
) -> Estimate:
    """The area under the curve; NaN with a note for fewer than ten positive or negative cases."""
    n_positive = int(truth.sum())
    if min(n_positive, truth.size - n_positive) < _LEAST:
        nan = float("nan")
        note = f"{n_positive} positive and {truth.size - n_positive} negative cases are too few"
        return Estimate(
            value=nan, low=nan, high=nan, level=level, method="none", n=truth.size, note=note
        )
    return auc(truth, scores, groups, level=level)


def out_of_fold(
    name: Classifier,
    features: NDArray[np.float64],
    truth: NDArray[np.bool_],
    groups: NDArray[np.str_],
    seed: int,
) -> NDArray[np.float64]:
    """Rank in its fold of each case, scored by a classifier that saw no case of its group, (n,).

    Ranks run from 0 to 1, and equal scores share theirs. Scores of different classifiers are not
    comparable: a fold with more positives than the others was scored by a classifier that learned
    from fewer, so that pooled scores would show areas below 0.5 where there is nothing to learn.

    Args:
        name: the classifier.
        features: (n, n_features).
        truth: (n,), what is told.
        groups: (n,), the group of each case; at least five.
        seed: of the folds and of the boosting.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
    """
    ranks = np.zeros(truth.size)
    names = np.unique(groups)
    fold_of = dict(
        zip(np.random.default_rng(seed).permutation(names), np.arange(len(names)) % _FOLDS,
            strict=True)
    )  # fmt: skip
    fold = np.array([fold_of[group] for group in groups])
    for held_out in range(_FOLDS):
        there = fold == held_out
        learn = truth[~there]
        if not there.any():
            continue
        if learn.all() or not learn.any():
            ranks[there] = 0.5
            continue
        fitted = _classifier(name, seed).fit(features[~there], learn)
        scores = fitted.predict_proba(features[there])[:, 1]
        ranks[there] = (rankdata(scores) - 0.5) / scores.size
    return ranks


def _classifier(name: Classifier, seed: int) -> Any:
    if name == "logistic regression":
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(
        n_estimators=100, max_depth=3, subsample=0.8, random_state=seed
    )
