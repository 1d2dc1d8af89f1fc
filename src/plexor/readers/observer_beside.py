"""The model observer, on the images that the readers saw."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from plexor.core.errors import PlanError
from plexor.findings.reader_results import ALL, AT_SPECIFICITY, OBSERVER
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN
from plexor.readers.design import Study
from plexor.readers.result import Result
from plexor.stats import Estimate, auc, clustered_proportion, sensitivity_at_specificity
from plexor.visibility import Template, trained

_SEEN = ("yes-no", "rating", "side")


def observed(
    study: Study,
    images: pd.DataFrame,
    rows: pd.DataFrame,
    found: list[Result],
    run: RunDirectory,
) -> Iterator[Result]:
    """Figures of the model observer; see ``plexor.readers.beside``.

    Args:
        study: the study file.
        images: one row for each image read, with the audit's row of it.
        rows: the audit's findings, lossless.
        found: what the readers' answers gave.
        run: the audit.

    Raises:
        PlanError: too few cases to train it on, or an audit without its responses.
    """
    level, seed = study.analysis.level, int(str(run.plan().get("seed", 0)))
    for question in study.questions:
        positive = study.analysis.positive.get(question.id)
        if positive is None or positive.arm is None or question.type not in _SEEN:
            continue
        probe = study.arms[positive.arm].probe
        if probe is None:
            raise PlanError(f"the arm {positive.arm!r} names no `probe` in the study file")
        template = _template(probe, images, rows, run)
        if question.type == "side":
            yield _pairs(question.id, positive.arm, images, template, level)
            continue
        channels = np.stack(images["responses"].tolist())
        ratings = (channels + _drawn(template, len(images), seed)) @ template.alone
        truth = (images["arm"] == positive.arm).to_numpy(np.bool_)
        groups = images["group"].tolist()
        area = auc(truth, ratings, groups, level=level)
        yield Result(question=question.id, measure="AUC", who=OBSERVER, found=area)
        if question.type == "yes-no":
            yield Result(question=question.id, measure="d'", who=OBSERVER, found=distance_of(area))
        for other in found:
            if (other.question, other.measure, other.who) != (question.id, "specificity", ALL):
                continue
            if isinstance(other.found, Estimate) and math.isfinite(other.found.value):
                at = sensitivity_at_specificity(
                    truth, ratings, other.found.value, groups, seed=seed, level=level
                )
                yield Result(question=question.id, measure=AT_SPECIFICITY, who=OBSERVER, found=at)


def distance_of(area: Estimate) -> Estimate:
    """The d' of two normal distributions of equal variance with this ROC area: √2 Φ⁻¹(area).

    NaN with a note where the area is NaN, 0 or 1.

    Example:
        >>> half = auc([0, 0, 1, 1], [1, 2, 1, 2])
        >>> distance_of(half).value
        0.0
    """
    value, low, high = (math.sqrt(2) * float(special.ndtri(one)) for one in area)
    return replace(
        area,
        value=value if math.isfinite(value) else math.nan,
        low=low,
        high=high,
        variance=None,
        method=f"√2 Φ⁻¹ of the area and its limits ({area.method})",
        note=area.note if math.isfinite(value) else area.note or "an area of 0 or 1 has no d'",
    )


def _template(probe: str, images: pd.DataFrame, rows: pd.DataFrame, run: RunDirectory) -> Template:
    """The observer, trained on pairs of groups that no reader saw."""
    settings: Any = run.plan().get("visibility") or {}
    lengths = images["responses"].map(len)
    k = int(lengths.iloc[0])
    if k == 0 or (lengths != k).any():
        raise PlanError(
            "the audit has no channel responses for every image read; ask for the model observer "
            "in the plan's `visibility`"
        )
    unseen = rows[~rows["group"].isin(set(images["group"])) & (rows["responses"].map(len) == k)]
    clean = unseen[unseen["probe"] == CLEAN].set_index("case_id")["responses"]
    changed = unseen[(unseen["probe"] == probe) & (unseen["l0"] > 0)].set_index("case_id")
    common = [
        name
        for name in changed.index
        if name in clean.index
        and np.isfinite(clean[name]).all()
        and np.isfinite(changed["responses"][name]).all()
    ]
    if len(common) < k + 2:
        raise PlanError(
            f"{len(common)} changed cases of groups that no reader saw are left to train it on, "
            f"expected {k + 2} or more; audit more cases than are read"
        )
    noise = float(settings.get("internal_noise", 0.0))
    before = np.stack(clean[common].tolist())
    after = np.stack(changed["responses"][common].tolist())
    return trained(before, after, internal_noise=noise)


def _drawn(template: Template, n: int, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The observer's own noise for each image."""
    rng = np.random.default_rng([seed, 1])
    return np.asarray(template.noise * rng.normal(size=(n, template.noise.size)), np.float64)


def _pairs(
    question: str, arm: str, images: pd.DataFrame, template: Template, level: float
) -> Result:
    """Both images of a case side by side: whether the observer picks the positive one."""
    by_arm = {name: part.set_index("case") for name, part in images.groupby("arm")}
    chosen = by_arm.pop(arm)
    (other,) = by_arm.values()
    cases = [case for case in chosen.index if case in other.index]
    new = np.stack(chosen.loc[cases, "responses"].tolist())
    old = np.stack(other.loc[cases, "responses"].tolist())
    rng = np.random.default_rng(len(cases))
    apart = (new - old + math.sqrt(2) * template.noise * rng.normal(size=new.shape)) @ (
        template.beside
    )
    picked = np.where(apart == 0, rng.random(len(cases)) < 0.5, apart > 0)
    groups = chosen.loc[cases, "group"].tolist()
    share = clustered_proportion(picked, groups, level=level)
    return Result(question=question, measure="correct", who=OBSERVER, found=share)
