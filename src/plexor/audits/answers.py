"""A model's answers as the truth of a cohort: what a surrogate of that model learns from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from plexor.audits.inputs import model_of
from plexor.cases import Case, Cohort, read_case
from plexor.cases.case import split_labels
from plexor.core.errors import DataError, PlanError
from plexor.models import Batch, Model, Regression, Segmentation
from plexor.models.features import Features
from plexor.models.model import Remembers, answer
from plexor.models.truth import in_words
from plexor.plans import Plan

_AT_ONCE = 16
_LEARNED, _VALIDATED = "train", "validation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What was asked, and what it cost.

    Attributes:
        model_sha256: identity of the model.
        model: its name.
        access: what it showed, of which the decisions were taken.
        n_cases: asked about.
        n_agree: cases whose label is the model's decision; None for a regression.
        n_paid: images that the model was sent; fewer than the cases where a ledger knew answers,
            and 0 for a model that is not paid.
    """

    model_sha256: str
    model: str
    access: str
    n_cases: int
    n_agree: int | None
    n_paid: int

    @property
    def about(self) -> dict[str, object]:
        """For the card of what learns from the answers."""
        return {
            "answers_of": {
                "model": self.model,
                "model_sha256": self.model_sha256,
                "access": self.access,
                "n_cases": self.n_cases,
            }
        }


def teach(
    cohort: Cohort,
    plan: Plan,
    task: str,
    *,
    allow_code: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Cohort, Answered]:
    """Opens a plan's model, and asks it about the training and validation cases of a cohort.

    Cases of other splits are not asked about.

    Args:
        cohort: the cases; their labels are not learned from.
        plan: names the model.
        task: kind of the task that is learned.
        allow_code: whether opening the model may run code.
        on_progress: called with the number of cases answered, and of all.

    Returns:
        The cohort with the model's decisions in place of the labels, and what they cost.

    Raises:
        PlanError: the tasks differ, or the task is a segmentation.
        DataError: a split is missing, an image cannot be read, or a class is never decided.
        ModelError: the model cannot be opened, or cannot answer for an image.
    """
    model = model_of(plan, device=torch.device("cpu"), allow_code=allow_code)
    if isinstance(model.task, Segmentation) or model.task.kind != task:
        raise PlanError(
            f"train: the task is {task}, and the model that is asked is a {model.task.kind}; write "
            "`train.task` as the model's; masks are not learned from answers"
        )
    asked = [case for name in (_LEARNED, _VALIDATED) for case in cohort.with_split(name).cases]
    paid = _n_paid(model)
    found: list[Case] = []
    for start in range(0, len(asked), _AT_ONCE):
        found += _decided(asked[start : start + _AT_ONCE], model)
        if on_progress is not None:
            on_progress(len(found), len(asked))
    learned = replace(cohort, cases=tuple(found), classes=model.task.classes)
    _check_each_decided(learned)
    agree = sum(new.truth == old.truth for new, old in zip(found, asked, strict=True))
    return learned, Answered(
        model_sha256=model.identity(),
        model=model.card.architecture,
        access=model.access,
        n_cases=len(found),
        n_agree=None if isinstance(model.task, Regression) else agree,
        n_paid=_n_paid(model) - paid,
    )


def _decided(cases: Sequence[Case], model: Model) -> list[Case]:
    """The cases with the model's decisions, asked in batches of one shape."""
    images = {case.id: read_case(case) for case in cases}
    said: dict[str, str | float] = {}
    for shape in dict.fromkeys(image.pixels.shape for image in images.values()):
        some = [case for case in cases if images[case.id].pixels.shape == shape]
        batch = Batch.of(
            [case.id for case in some],
            [images[case.id] for case in some],
            torch.zeros(len(some)),
            model.device,
            features=Features.of(some, model.device),
        )
        with torch.no_grad():
            labels = model.task.decide(answer(model, batch, batch.images)).cpu()
        numbers = isinstance(model.task, Regression)
        truths = labels.flatten().tolist() if numbers else in_words(model.task, labels)
        said |= dict(zip(batch.ids, truths, strict=True))
    return [replace(case, truth=said[case.id]) for case in cases]


def _n_paid(model: Model) -> int:
    return model.n_paid if isinstance(model, Remembers) else 0


def _check_each_decided(cohort: Cohort) -> None:
    said = {str(case.truth) for case in cohort.with_split(_LEARNED).cases}
    named = said | {name for text in said for name in split_labels(text)}
    if absent := [name for name in cohort.classes if name not in named]:
        raise DataError(
            f"the model decided for {', '.join(absent)} in no case of the {_LEARNED} split, so "
            "that nothing is learned about it; ask about more cases"
        )
