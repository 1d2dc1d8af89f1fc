"""The figures of every task, told apart by their ``task``."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

from pydantic import Discriminator

from plexor.findings.summary.class_results import (
    ClassAttackResult,
    ClassComparison,
    ClassPerformance,
    ClassShortcutResult,
)
from plexor.findings.summary.multilabel_results import (
    MultilabelAttackResult,
    MultilabelComparison,
    MultilabelPerformance,
    MultilabelShortcutResult,
)
from plexor.findings.summary.regression_results import (
    RegressionAttackResult,
    RegressionComparison,
    RegressionPerformance,
)
from plexor.findings.summary.segmentation_results import (
    SegmentationAttackResult,
    SegmentationComparison,
    SegmentationPerformance,
)

Performance: TypeAlias = Annotated[
    ClassPerformance | MultilabelPerformance | RegressionPerformance | SegmentationPerformance,
    Discriminator("task"),
]
"""On untouched images."""

Comparison: TypeAlias = Annotated[
    ClassComparison | MultilabelComparison | RegressionComparison | SegmentationComparison,
    Discriminator("task"),
]
"""Under a probe."""

AttackResult: TypeAlias = Annotated[
    ClassAttackResult | MultilabelAttackResult | RegressionAttackResult | SegmentationAttackResult,
    Discriminator("task"),
]
"""Under an attack."""

ShortcutResult: TypeAlias = Annotated[
    ClassShortcutResult | MultilabelShortcutResult, Discriminator("task")
]
"""With a shortcut, which is tried where decisions are made."""

Decision: TypeAlias = ClassPerformance | MultilabelPerformance
"""Of a task that decides, whatever was done to the images."""

DecisionComparison: TypeAlias = ClassComparison | MultilabelComparison
"""Of a task that decides, under a probe."""

R = TypeVar("R")


def of_kind(result: object, kind: type[R]) -> R:
    """A result that is known to be of one task.

    Raises:
        TypeError: internal: it is of another.
    """
    if not isinstance(result, kind):
        raise TypeError(f"internal: expected a {kind.__name__}, got a {type(result).__name__}")
    return result
