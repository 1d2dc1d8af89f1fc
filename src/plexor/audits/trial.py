"""A first try of a plan's model on a few of its cases, before an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from plexor.audits.checks import Check, check_model
from plexor.audits.fixed_images import FixedAnswers
from plexor.audits.inputs import cohort_of, model_of
from plexor.audits.sample import checked_cases
from plexor.core.errors import ModelError
from plexor.models import Batch, Model, Regression, Segmentation
from plexor.models.device import choose_device
from plexor.models.features import check_features
from plexor.models.model import answer
from plexor.plans import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a model answered for a few untouched cases.

    Attributes:
        model: the plan's.
        n_cases: tried.
        n_right: decided as labelled; None for a regression and a segmentation.
        rows: case, truth and decision in words, of each case.
        checks: of the model on these cases, see docs/reference/flags.
        model_sha256: the model's identity, as in ``provenance.json``.
        answers_sha256: of its answers to images that are the same for every cohort; "" where its
            outputs vary or it does not answer for them.
    """

    model: Model
    n_cases: int
    n_right: int | None
    rows: tuple[tuple[str, str, str], ...]
    checks: tuple[Check, ...]
    model_sha256: str
    answers_sha256: str


def try_out(plan: Plan, *, allow_code: bool = False) -> Trial:
    """Opens a plan's model and asks it for up to 16 of its cases.

    Raises:
        PlexorError: the model or the cases cannot be read, or the outputs do not suit the task.
    """
    model = model_of(plan, device=choose_device("cpu"), allow_code=allow_code)
    cohort = cohort_of(plan, model.task.kind)
    if plan.cohort.audit is not None:
        cohort = cohort.with_split(plan.cohort.audit)
    check_features(model.card.features, plan.cohort.features, cohort=cohort.name)
    batch = checked_cases(cohort, model.task, model.device)
    checks = check_model(model, batch)
    with torch.no_grad():
        decided = model.task.decide(answer(model, batch, batch.images)).cpu()
    truth = batch.truth.cpu()
    counted = not isinstance(model.task, Regression | Segmentation)
    right = (decided == truth).flatten(1).all(dim=1) if decided.ndim > 1 else decided == truth
    names = model.task.classes

    def word(label: torch.Tensor) -> str:
        if isinstance(model.task, Segmentation):
            return f"{int((label > 0).sum()):,} pixels"
        if isinstance(model.task, Regression):
            return f"{float(label):.4g} {model.task.unit}"
        if label.ndim:
            return "|".join(n for n, one in zip(names, label, strict=True) if one) or "none"
        return names[int(label)]

    return Trial(
        model=model,
        n_cases=len(batch),
        n_right=int(right.sum()) if counted else None,
        rows=tuple(
            (case, word(t), word(d)) for case, t, d in zip(batch.ids, truth, decided, strict=True)
        ),
        checks=tuple(checks),
        model_sha256=model.identity(),
        answers_sha256=_answers_sha256(model, batch, checks),
    )


def _answers_sha256(model: Model, batch: Batch, checks: Sequence[Check]) -> str:
    if any(check.id == "non-deterministic" and check.raised for check in checks):
        return ""
    try:
        return FixedAnswers.of(model, batch).sha256
    except ModelError:
        return ""
