"""Who carries tags, and what tags alone tell: of the data, with or without a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plexor.audits.tags.measured import Measured, Pairs, scores_of, stored
from plexor.cases import Case
from plexor.core.errors import PlanError
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.tag_results import CuratedArea, LabelCarriers, TagsAloneArea
from plexor.shortcuts.association import area_of, association, tag_features
from plexor.shortcuts.carriers import carriers
from plexor.shortcuts.curate import with_equal_tags


def carriers_of(run: Measured, cases: Sequence[Case], label: str) -> LabelCarriers:
    """Odds ratios of carrying a tag, one label against all others."""
    found = carriers(run.tags, cases, label, stratum=run.questions.stratum or None)
    return LabelCarriers(
        label=label,
        odds=StoredEstimate.of(found.odds),
        within=stored(found.within),
        common=None if found.common is None else StoredEstimate.of(found.common.odds_ratio),
    )


def association_of(
    run: Measured, done: Pairs, labels: Sequence[str], notes: list[str]
) -> tuple[TagsAloneArea, ...]:
    """The label told from the tags alone; a note where there are too few cases."""
    features = np.stack([tag_features(run.tags[case.id], record.size) for case, record in done])
    cases = [case for case, _ in done]
    rows: list[TagsAloneArea] = []
    for label in labels:
        try:
            found = association(
                features, cases, positive=label, stratum=run.questions.stratum or None,
                seed=run.plan.seed,
            )  # fmt: skip
        except PlanError as error:
            notes.append(f"Tags alone are not tried for {label}: {error}.")
            continue
        rows += [
            TagsAloneArea(
                label=label,
                classifier=one.classifier,
                overall=StoredEstimate.of(one.overall),
                within=stored(one.within),
            )
            for one in found
        ]
    return tuple(rows)


def curated_of(
    run: Measured, done: Pairs, labels: Sequence[str], notes: list[str]
) -> tuple[CuratedArea, ...]:
    """Tags alone, and the model, among cases with equal tags; a note where these are too few."""
    cases = [case for case, _ in done]
    rows = []
    for label in labels:
        ids = {case.id for case in with_equal_tags(run.tags, cases, label, seed=run.plan.seed)}
        part = [(case, record) for case, record in done if case.id in ids]
        kept = [case for case, _ in part]
        try:
            features = np.array([tag_features(run.tags[c.id], record.size) for c, record in part])
            found = association(features, kept, positive=label, seed=run.plan.seed)
        except PlanError as error:
            notes.append(f"Images with equal tags are too few for {label}: {error}.")
            continue
        truth = np.array([str(case.truth) == label for case in kept])
        scores = scores_of(run.model, label)([record.original for _, record in part])
        area = area_of(truth, scores, np.array([case.group for case in kept]), 0.95)
        rows.append(
            CuratedArea(
                label=label,
                n_kept=len(kept),
                alone={one.classifier: StoredEstimate.of(one.overall) for one in found},
                model=StoredEstimate.of(area),
            )
        )
    return tuple(rows)
