"""A model's outputs for one image, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.cases.case import split_labels
from plexor.core import wording
from plexor.findings.summary.summary import Summary, TaskSummary
from plexor.report import rounding

Row = Mapping[str, Any]
"""One row of findings, column → value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output before and after: the probability of a class or a label, or a number."""

    name: str
    before: str
    after: str
    changed: bool


def outputs_of(row: Row, summary: Summary) -> tuple[Output, ...]:
    """Every output of a case, in the lossless container."""
    task = summary.model.task
    if task.kind == "segmentation":
        return tuple(_outlined(task, row))
    before, after = (
        np.asarray(row[name], dtype=np.float64) for name in ("outputs_before", "outputs_after")
    )
    if task.kind == "regression":
        old, new = (wording.with_unit(rounding.amount(n[0]), task.unit) for n in (before, after))
        return (Output(name="Estimate", before=old, after=new, changed=old != new),)
    given = any(flag.id == "probability-outputs" for flag in summary.flags)
    several = task.kind == "multilabel"
    shares = (probabilities(outputs, given=given, several=several) for outputs in (before, after))
    old_call, new_call = (_called(task, row[f"decision_{when}"]) for when in ("before", "after"))
    return tuple(
        Output(
            name=name,
            before=wording.share(float(old)),
            after=wording.share(float(new)),
            changed=(name in old_call) != (name in new_call),
        )
        for name, old, new in zip(task.classes, *shares, strict=True)
    )


def _outlined(task: TaskSummary, row: Row) -> Iterator[Output]:
    """Dice and pixels of each class."""
    for column, name in enumerate(task.outlined):
        dice = [rounding.area(row[f"dice_{when}"][column]) for when in ("before", "after")]
        size = [wording.count(int(row[f"size_{when}"][1 + column])) for when in ("before", "after")]
        truth = wording.count(int(row["size_truth"][1 + column]))
        for what, (before, after) in (
            (f"{name}, Dice", dice),
            (f"{name}, pixels (truth: {truth})", size),
        ):
            yield Output(name=what, before=before, after=after, changed=before != after)


def _called(task: TaskSummary, decision: str) -> tuple[str, ...]:
    return split_labels(decision) if task.kind == "multilabel" else (decision,)


def probabilities(
    outputs: NDArray[np.float64], *, given: bool, several: bool = False
) -> NDArray[np.float64]:
    """Probability of each class: softmax, or for a single logit p the sigmoid, as (1 - p, p).

    Args:
        outputs: the model's outputs, (n_outputs,).
        given: whether the outputs are probabilities already.
        several: whether each output is the logit of a label of its own.
    """
    if several:
        return outputs if given else 1 / (1 + np.exp(-outputs))
    if len(outputs) == 1:
        positive = outputs[0] if given else 1 / (1 + np.exp(-outputs[0]))
        return np.array([1 - positive, positive])
    if given:
        return outputs
    powers = np.exp(outputs - outputs.max())
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares
