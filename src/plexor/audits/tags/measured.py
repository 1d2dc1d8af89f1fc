"""A run whose cases have all been asked, and the margins of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from plexor.audits.tags.record import CaseRecord, Outputs
from plexor.cases import Case, Cohort
from plexor.core.ids import digest
from plexor.findings.summary.estimate import StoredEstimate
from plexor.models import Model
from plexor.models.task import decides
from plexor.plans import Plan
from plexor.shortcuts.find import Tag
from plexor.stats import Estimate

if TYPE_CHECKING:
    from plexor.audits.tags.run import TagQuestions

Floats = NDArray[np.float64]
Scores = Callable[[Sequence[Outputs]], Floats]
Pairs = Sequence[tuple[Case, CaseRecord]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A run whose cases have all been asked.

    Attributes:
        plan: the plan.
        model: the model.
        cohort: the cases asked.
        tags: case id → tags.
        records: of every case, in the cohort's order.
        questions: what was asked.
        methods: name → title of each method of attention.
        shown: ids of cases with pictures.
        notes: what was left out, and why.
    """

    plan: Plan
    model: Model
    cohort: Cohort
    tags: Mapping[str, tuple[Tag, ...]]
    records: Sequence[CaseRecord]
    questions: TagQuestions
    methods: Mapping[str, str]
    shown: tuple[str, ...]
    notes: tuple[str, ...]


def picture_file(case_id: str) -> str:
    """Where the arrays of a shown case lie in the directory."""
    return f"pictures/{digest(case_id)[:16]}.npz"


def scores_of(model: Model, label: str) -> Scores:
    """Outputs of some cases → margin of the label, (n,): above 0 where it is decided."""
    return lambda outputs: margins(model, label, outputs)


def margins(model: Model, label: str, outputs: Sequence[Outputs]) -> Floats:
    """Margin of the label for some outputs, (n,), in logits."""
    task = decides(model.task)
    which = torch.full((len(outputs),), task.classes.index(label))
    return np.asarray(task.margin(torch.tensor(outputs), which).double())


def stored(estimates: Mapping[str, Estimate]) -> dict[str, StoredEstimate]:
    """Estimates as JSON holds them, by name."""
    return {name: StoredEstimate.of(estimate) for name, estimate in estimates.items()}


def with_width(found: Estimate) -> StoredEstimate:
    """The estimate; without limits where all cases are equal, which says nothing of others."""
    kept = StoredEstimate.of(found)
    if kept.low is None or kept.low != kept.high:
        return kept
    return replace(kept, low=None, high=None)
