"""The part of the published accuracy that is due to images of lesions seen in training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from plexor.audits import cohort_of
from plexor.findings import CLEAN
from plexor.findings.study_file import Number, StudyRow, StudyTable
from plexor.plans import load_plan
from plexor.stats import Estimate, subgroup_difference
from plexor.stats.mover import mover_limits
from plexor.studies.allyn2020.ours import Ours, share


def leaked_images(plan_file: Path, lesion_of: Mapping[str, str]) -> frozenset[str]:
    """Judged images whose lesion has another image in the training or validation set."""
    cohort = cohort_of(load_plan(plan_file))
    seen = {lesion_of[case.id] for case in cohort.cases if case.split != "test"}
    return frozenset(
        case.id for case in cohort.cases if case.split == "test" and lesion_of[case.id] in seen
    )


def leak_table(published: Ours, clean: Ours, leaked: Iterable[str]) -> StudyTable:
    """Accuracy of untouched images, by whether their lesion was in the training set.

    Args:
        published: the arm split by image.
        clean: the arm split by lesion.
        leaked: see ``leaked_images``.
    """
    rows = published.rows(CLEAN)
    inside = rows["case_id"].isin(set(leaked))
    right = rows["decision_after"] == rows["truth"]
    within = subgroup_difference(
        right.to_numpy(bool), inside.to_numpy(bool), rows["group"].to_numpy(str)
    )
    known, unknown = (share(right[part], rows["group"][part]) for part in (inside, ~inside))
    between = _independent(published.accuracy(), clean.accuracy())
    shared = share(inside, rows["group"])
    found: list[tuple[str, str, Number]] = [
        ("Images whose lesion was trained on", "of those judged, as-published", shared),
        ("Accuracy on these", "as-published", known),
        ("Accuracy on the others", "as-published", unknown),
        ("Difference", "in points, one network", Number.of("points", within)),
        ("Accuracy, as-published", "split by image", published.accuracy()),
        ("Accuracy, clean", "split by lesion", clean.accuracy()),
        ("Difference", "in points, two networks", Number.of("points", between)),
    ]
    return StudyTable(
        id="leak",
        title="The size of the leak",
        text="With a split by image, many judged images show a lesion of the training set. The "
        "first difference compares, under one network, images whose lesion was trained on with "
        "the rest; the second compares the two arms.",
        columns=("", "Estimate"),
        rows=tuple(
            StudyRow(name=name, detail=detail, cells=(number,)) for name, detail, number in found
        ),
        note="Lesions with several images differ from those with one, in class among other things, "
        "so the first difference is not due to the leak alone. The second involves two networks "
        "and two sets of images, taken as independent.",
    )


def _independent(first: Number, second: Number) -> Estimate:
    """The first share minus the second, of different images."""
    shares = np.array(
        [
            [x if x is not None else np.nan for x in (s.value, s.low, s.high)]
            for s in (first, second)
        ]
    )
    values, lows, highs = shares.T
    low, high = mover_limits(np.array([1.0, -1.0]), values, lows, highs, np.eye(2))
    return Estimate(
        value=float(values[0] - values[1]),
        low=low,
        high=high,
        level=0.95,
        method="difference of two independent shares, their intervals squared and added",
        n=(first.n or 0) + (second.n or 0),
        n_groups=(first.n_groups or 0) + (second.n_groups or 0),
    )
