"""The headline figure of a task and a goal: untouched, attacked, and under noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.multilabel_results import MultilabelPerformance
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.results import Performance, of_kind
from plexor.findings.summary.segmentation_results import SegmentationPerformance
from plexor.findings.summary.summary import Summary, TaskSummary
from plexor.report import rounding
from plexor.threat_model import Goal
from plexor.threat_model.goals import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A figure available for untouched images, an attack and its noise.

    Attributes:
        label: its name, e.g. "decided rightly".
        sentence: a sentence on the model, with ``wording.PLACE`` for the figure.
        pick: selects it from the results of one container.
        unit: unit of a number; "" for a share or an index.
        index: whether it is a number from 0 to 1 that is no share, such as Dice.
    """

    label: str
    sentence: str
    pick: Callable[[Performance], StoredEstimate]
    unit: str = ""
    index: bool = False

    def words(self, estimate: StoredEstimate) -> str:
        """The value."""
        if self.index:
            return rounding.area(estimate.value)
        if not self.unit:
            return wording.share(estimate.value)
        return wording.with_unit(rounding.amount(estimate.value), self.unit)

    def bounds(self, estimate: StoredEstimate) -> str:
        """The interval."""
        if self.index:
            return rounding.area_bounds(estimate)
        return rounding.amount_bounds(estimate) if self.unit else rounding.bounds(estimate)

    def did(self, result: Performance) -> str:
        """The sentence with the figure in full."""
        return self.sentence.replace(wording.PLACE, self.in_full(result))

    def in_full(self, result: Performance) -> str:
        """Value and interval, for running text: ``in 71.5 % (…)``, ``by 6.3 years (…)``."""
        estimate = self.pick(result)
        if self.index:
            return f"{self.words(estimate)} {self.bounds(estimate)}".strip()
        if not self.unit:
            return f"in {rounding.share_with_bounds(estimate)}"
        return f"by {rounding.amount_with_bounds(estimate, self.unit)}"


def headline(summary: Summary, probe: AttackSummary | None = None) -> Headline:
    """The figure for a probe's goal, or for the task if there is no probe."""
    task = summary.model.task
    match task.kind:
        case "regression":
            return Headline(
                label="mean error",
                sentence=f"was wrong {wording.PLACE} on average",
                pick=_main,
                unit=task.unit,
            )
        case "segmentation":
            return _dice(task, None if probe is None else probe.goal)
        case "multilabel":
            return _labels(task, None if probe is None else probe.goal)
        case "multiclass" | "binary":
            return Headline(
                label="decided rightly",
                sentence=f"named the right class {wording.PLACE} of them",
                pick=_main,
            )


def _labels(task: TaskSummary, goal: Goal | None) -> Headline:
    """The figure of the goal's label; of whole cases if the goal has none."""
    figure = None if goal is None else goal.figure
    if figure is None:
        return Headline(
            label="every label right",
            sentence=f"got every label right {wording.PLACE} of them",
            pick=_main,
        )
    return Headline(
        label=figure.label,
        sentence=figure.sentence,
        pick=_of_label(task.classes.index(figure.of), figure),
    )


def _of_label(column: int, figure: Figure) -> Callable[[Performance], StoredEstimate]:
    def pick(result: Performance) -> StoredEstimate:
        found = of_kind(result, MultilabelPerformance).per_label[column]
        return found.sensitivity if figure.statistic == "sensitivity" else found.specificity

    return pick


def _dice(task: TaskSummary, goal: Goal | None) -> Headline:
    """Dice of the goal's class; of all classes without a goal or with a single class."""
    names = task.outlined
    figure = None if goal is None else goal.figure
    if len(names) > 1 and figure is not None:
        column = names.index(figure.of)
        return Headline(
            label=figure.label,
            sentence=figure.sentence,
            pick=lambda result: of_kind(result, SegmentationPerformance).per_label[column].dice,
            index=True,
        )
    outlined = names[0] if len(names) == 1 else "the classes"
    return Headline(
        label="Dice",
        sentence=f"outlined {outlined} with a mean Dice of {wording.PLACE}",
        pick=_main,
        index=True,
    )


def _main(result: Performance) -> StoredEstimate:
    return result.main
