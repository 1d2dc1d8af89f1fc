"""Samples of a cohort: the cases for checks of the model, and the examples of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from plexor.audits.ahead import Images, read_images
from plexor.audits.execute import alike, encoded
from plexor.cases import Case, Cohort, Image
from plexor.core.errors import DataError
from plexor.core.seeds import seed_for
from plexor.models import Batch
from plexor.models.batch import MOST_NUMBERS
from plexor.models.features import Features
from plexor.models.task import Task

_CHECKED_CASES = 16


def checked_cases(cohort: Cohort, task: Task, device: torch.device) -> Batch:
    """The largest set of cases with one shape among the first ones, read and labelled.

    These are 16 cases, fewer of large images: of 8000 × 8000 pixels the first alone.

    Raises:
        DataError: none of them can be read, or none has a label that the model knows.
    """
    found = _first(cohort.cases[:_CHECKED_CASES])
    readable = [(c, i) for c in cohort.cases if isinstance(i := found.get(c.id), Image)]
    if not readable:
        raise DataError(f"none of the first {len(found)} images can be read: {found.popitem()[1]}")
    labelled = [(c, i, encoded(task, c, i)) for c, i in readable]
    usable = [(c, i, label) for c, i, label in labelled if isinstance(label, Tensor)]
    if not usable:
        raise DataError(f"none of the first {len(found)} labels can be used: {labelled[0][2]}")
    ((commonest, _),) = Counter(alike(image) for _, image, _ in usable).most_common(1)
    some = [one for one in usable if alike(one[1]) == commonest]
    cases, images, labels = zip(*some, strict=True)
    return Batch.of(
        [case.id for case in cases],
        images,
        torch.stack(labels),
        device,
        features=Features.of(cases, device),
    )


def _first(cases: Sequence[Case]) -> Images:
    """The images of the first cases, as many as a batch may have numbers."""
    found: Images = {}
    left = MOST_NUMBERS
    for case in cases:
        read = read_images([case])
        image = read[case.id]
        size = image.pixels.size if isinstance(image, Image) else 0
        if found and size > left:
            break
        found |= read
        left -= size
    return found


def example_ids(cases: Sequence[Case], n_examples: int, *, seed: int) -> frozenset[str]:
    """Draws the cases shown in the report: the classes in turn, at random within a class.

    For regression and segmentation all cases count as one class.

    Args:
        cases: the audited cases.
        n_examples: number of cases wanted.
        seed: seed from which each case's draw is derived.
    """
    by_class: dict[str, list[str]] = {}
    for case in sorted(cases, key=lambda c: seed_for(seed, "example", c.id)):
        name = case.truth if isinstance(case.truth, str) else ""
        by_class.setdefault(name, []).append(case.id)
    rounds = range(max(map(len, by_class.values()), default=0))
    in_turn = [ids[i] for i in rounds for _, ids in sorted(by_class.items()) if i < len(ids)]
    return frozenset(in_turn[:n_examples])
