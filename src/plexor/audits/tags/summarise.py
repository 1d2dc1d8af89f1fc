"""From the records of all cases to the numbers that a page prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from plexor.audits.tags.data import association_of, carriers_of, curated_of
from plexor.audits.tags.maps import map_result
from plexor.audits.tags.measured import (
    Floats,
    Measured,
    Pairs,
    margins,
    picture_file,
    scores_of,
    stored,
    with_width,
)
from plexor.audits.tags.record import CaseRecord, Outputs
from plexor.core.errors import DataError
from plexor.core.version import __version__
from plexor.findings.summary.estimate import StoredEstimate, StoredTest
from plexor.findings.tag_results import (
    ArmArea,
    AspectEffect,
    CarriedArea,
    KindShare,
    LabelReliance,
    ShownCase,
    TagResults,
)
from plexor.shortcuts.association import area_of, out_of_fold
from plexor.shortcuts.exchange import ASPECTS
from plexor.shortcuts.find import Tag
from plexor.shortcuts.find.census import census
from plexor.shortcuts.reliance import reliance
from plexor.stats import (
    auc,
    auc_difference,
    clustered_mean,
    clustered_proportion,
    delong_test,
)

_FEWEST_GROUPS = 5


def summarise_tags(run: Measured) -> TagResults:
    """All estimates; cases that could not be measured are left out and named.

    Raises:
        DataError: no case with a tag could be measured.
    """
    pairs = list(zip(run.cohort.cases, run.records, strict=True))
    done = [(case, record) for case, record in pairs if not record.error]
    if not any(record.elsewhere for _, record in done):
        errors = [record.error for case, record in pairs if run.tags[case.id]]
        raise DataError(
            f"none of the {len(errors)} images with a tag could be measured; the first: {errors[0]}"
        )
    cases = [case for case, _ in done]
    classes = run.model.task.classes
    labels = classes[1:] if len(classes) == 2 else classes
    notes = list(run.notes)
    tagged = [(case, record) for case, record in done if run.tags[case.id]]
    return TagResults(
        plexor=__version__,
        name=run.plan.name,
        architecture=run.model.card.architecture,
        labels=labels,
        classes=classes,
        cohort=run.cohort.name,
        split=run.plan.cohort.audit or "",
        stratum=run.questions.stratum,
        n_cases=len(done),
        n_groups=len({case.group for case in cases}),
        n_tagged=len(tagged),
        failures=tuple(f"{case.id}: {record.error}" for case, record in pairs if record.error),
        fill=run.questions.fill,
        draws=run.questions.draws,
        exchanges=run.questions.exchanges,
        seed=run.plan.seed,
        kinds=tuple(
            KindShare(kind=row.kind, n_tags=row.n_tags, share=stored(row.share))
            for row in census(run.tags, cases)
        ),
        carriers=tuple(carriers_of(run, cases, label) for label in labels),
        association=association_of(run, done, labels, notes),
        curated=curated_of(run, done, labels, notes),
        reliance=tuple(_reliance(run, done, label) for label in labels),
        aspects=_aspects(run, tagged, done),
        carried=_carried(run, done, notes),
        methods=tuple(run.methods.values()),
        maps=tuple(map_result(name, title, tagged) for name, title in run.methods.items()),
        shown=_shown(run, tagged),
        notes=tuple(notes),
    )


def _reliance(run: Measured, done: Pairs, label: str) -> LabelReliance:
    score = scores_of(run.model, label)
    tagged = [(case, record) for case, record in done if record.elsewhere]
    truth = np.array([str(case.truth) == label for case, _ in tagged])
    groups = [case.group for case, _ in tagged]
    original = score([record.original for _, record in tagged])
    covered = score([record.covered for _, record in tagged])
    flat = score([outputs for _, record in tagged for outputs in record.elsewhere])
    controls = flat.reshape(len(tagged), -1)
    found = reliance(truth, original, covered, controls, groups)
    changed = (covered > 0) != (original > 0)
    elsewhere = ((controls > 0) != (original > 0)[:, None]).mean(1)
    return LabelReliance(
        label=label,
        n_carriers=len(tagged),
        margin=with_width(found.margin),
        decision=with_width(found.decision),
        decision_elsewhere=with_width(clustered_mean(elsewhere, groups)).within(0, 1),
        decision_covered=StoredEstimate.of(clustered_proportion(changed, groups)),
        correct=with_width(found.correct),
        sensitivity=StoredEstimate.of(found.confounder).within(0, 1),
        areas=_areas(run, done, label),
    )


def _areas(run: Measured, done: Pairs, label: str) -> tuple[ArmArea, ...]:
    """The model's area on each version of the images; untagged cases stay as they are."""
    score = scores_of(run.model, label)
    truth = np.array([str(case.truth) == label for case, _ in done])
    groups = [case.group for case, _ in done]
    original = score([record.original for _, record in done])

    def mean_elsewhere(record: CaseRecord) -> float:
        return float(score(record.elsewhere or [record.original]).mean())

    arms = {
        "original": original,
        "covered": score([record.covered for _, record in done]),
        "covered elsewhere": np.array([mean_elsewhere(record) for _, record in done]),
        "inpainted": score([record.inpainted for _, record in done]),
        "tags alone": score([record.alone for _, record in done]),
        "as much elsewhere alone": score(
            [record.elsewhere_alone or record.alone for _, record in done]
        ),
    }
    if all(record.retrained for _, record in done):
        arms["re-trained, covered"] = score([record.retrained for _, record in done])
    rows = [_arm(name, truth, scores, original, groups) for name, scores in arms.items()]
    carrying = np.array([bool(run.tags[case.id]) for case, _ in done])
    for name, part in (("with a tag", carrying), ("without a tag", ~carrying)):
        area = area_of(truth[part], original[part], np.array(groups)[part], 0.95)
        rows.append(ArmArea(arm=name, area=StoredEstimate.of(area)))
    return tuple(rows)


def _arm(
    name: str, truth: NDArray[np.bool_], scores: Floats, original: Floats, groups: list[str]
) -> ArmArea:
    area = StoredEstimate.of(auc(truth, scores, groups))
    if name == "original":
        return ArmArea(arm=name, area=area)
    return ArmArea(
        arm=name,
        area=area,
        change=StoredEstimate.of(auc_difference(truth, scores, original, groups)),
        test=StoredTest.of(delong_test(truth, scores, original, groups)),
    )


def _aspects(run: Measured, tagged: Pairs, done: Pairs) -> tuple[AspectEffect, ...]:
    """What each aspect does, beyond the own tag drawn again; presence also in untagged images."""
    rows = []
    for aspect in ASPECTS:
        if aspect == "none":
            continue
        known = [
            (case, record)
            for case, record in (done if aspect == "presence" else tagged)
            if record.aspects.get(aspect)
        ]
        shifts, flips, groups = [], [], []
        for case, record in known:
            exchanged = margins(run.model, str(case.truth), record.aspects[aspect])
            drawn = record.aspects.get("none") or (record.original,)
            redrawn = margins(run.model, str(case.truth), drawn).mean()
            shifts.append(float(redrawn - exchanged.mean()))
            flips.append(float(((exchanged > 0) != (redrawn > 0)).mean()))
            groups.append(case.group)
        if known:
            rows.append(
                AspectEffect(
                    aspect=aspect,
                    shift=with_width(clustered_mean(shifts, groups)),
                    decision=with_width(clustered_mean(flips, groups)).within(0, 1),
                )
            )
    return tuple(rows)


def _carried(run: Measured, done: Pairs, notes: list[str]) -> tuple[CarriedArea, ...]:
    """How well a linear classifier tells tags from the last features, within each label."""
    known = [(case, record) for case, record in done if record.features]
    if not known:
        return ()
    networks: dict[str, Callable[[CaseRecord], Outputs]] = {
        "the model": lambda record: record.features,
        "the model, tags inpainted": lambda record: record.features_inpainted,
        "random weights": lambda record: record.features_random,
    }
    rows = []
    for label in run.model.task.classes:
        here = [(case, record) for case, record in known if str(case.truth) == label]
        groups = np.array([case.group for case, _ in here])
        asked = {
            "has a tag": np.array([bool(run.tags[case.id]) for case, _ in here]),
            "says R": np.array([_says(run.tags[case.id], "R") for case, _ in here]),
        }
        for question, truth in asked.items():
            if len(set(groups.tolist())) < _FEWEST_GROUPS or truth.all() or not truth.any():
                if question == "has a tag":
                    notes.append(
                        f"A linear classifier within {label} is not tried: {int(truth.sum())} of "
                        f"{truth.size} images have a tag."
                    )
                continue
            for network, features_of in networks.items():
                features = np.array([features_of(record) for _, record in here])
                if features.ndim != 2 or features.shape[1] == 0:
                    continue
                scores = out_of_fold("logistic regression", features, truth, groups, run.plan.seed)
                area = StoredEstimate.of(area_of(truth, scores, groups, 0.95))
                rows.append(CarriedArea(asked=question, label=label, network=network, area=area))
    return tuple(rows)


def _shown(run: Measured, tagged: Pairs) -> tuple[ShownCase, ...]:
    classes = run.model.task.classes
    rows = []
    for case, record in tagged:
        if case.id not in run.shown:
            continue
        before, after = (
            classes[int(run.model.task.decide(torch.tensor([outputs]))[0])]
            for outputs in (record.original, record.covered)
        )
        tags = run.tags[case.id]
        rows.append(
            ShownCase(
                id=case.id,
                label=str(case.truth),
                before=before,
                after=after,
                boxes=tuple((t.box.x0, t.box.y0, t.box.x1, t.box.y1) for t in tags),
                kinds=tuple(tag.kind for tag in tags),
                file=picture_file(case.id),
            )
        )
    return tuple(rows)


def _says(tags: Sequence[Tag], side: str) -> bool:
    return any(tag.kind == "laterality" and tag.text[:1].upper() == side for tag in tags)
