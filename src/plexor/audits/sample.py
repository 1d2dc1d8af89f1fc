"""Some of a cohort's cases: those a model is checked on, and those a report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from plexor.audits.ahead import read_images
from plexor.audits.execute import alike
from plexor.audits.plan import Plan
from plexor.cases import Case, Cohort, Image
from plexor.core.errors import DataError
from plexor.core.seeds import seed_for
from plexor.models import Batch, Model, encode

_CHECKED_CASES = 16


def checked_cases(cohort: Cohort, model: Model) -> Batch:
    """Those of the first cases that are most alike.

    Raises:
        DataError: none of them can be read.
    """
    found = read_images(cohort.cases[:_CHECKED_CASES])
    readable = [(c, i) for c in cohort.cases if isinstance(i := found.get(c.id), Image)]
    if not readable:
        raise DataError(f"none of the first {len(found)} images can be read: {found.popitem()[1]}")
    ((commonest, _),) = Counter(alike(image) for _, image in readable).most_common(1)
    some = [(case, image) for case, image in readable if alike(image) == commonest]
    return Batch.of(
        [case.id for case, _ in some],
        [image for _, image in some],
        encode(model.task, [case.truth for case, _ in some]),
        model.device,
    )


def example_ids(cases: Sequence[Case], plan: Plan) -> frozenset[str]:
    """Cases shown in the report: the classes in turn, within a class by a draw of their own.

    Where truth is a number, all are of one class.
    """
    by_class: dict[str, list[str]] = {}
    for case in sorted(cases, key=lambda c: seed_for(plan.seed, "example", c.id)):
        name = case.truth if isinstance(case.truth, str) else ""
        by_class.setdefault(name, []).append(case.id)
    rounds = range(max(map(len, by_class.values()), default=0))
    in_turn = [ids[i] for i in rounds for _, ids in sorted(by_class.items()) if i < len(ids)]
    return frozenset(in_turn[: plan.n_examples])
