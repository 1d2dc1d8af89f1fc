"""The one figure by which a task and a goal are told, untouched, attacked, and under noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plexor.report import words
from plexor.threat_model import goal_from
from plexor.threat_model.goals import Figure

Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A figure that the untouched images, an attack and its noise all have.

    Attributes:
        label: what it is, e.g. "decided rightly".
        sentence: what the model did, with a place for the figure.
        pick: takes it from a summary's ``clean``, from a probe, or from one of their containers.
        unit: of a number; "" for a share and for an index.
        index: whether it is a number from 0 to 1 that is no share, such as Dice.
    """

    label: str
    sentence: str
    pick: Callable[[Plain], Plain]
    unit: str = ""
    index: bool = False

    def words(self, estimate: Plain) -> str:
        """The value."""
        if self.index:
            return words.area(estimate["value"])
        if not self.unit:
            return words.share(estimate["value"])
        return words.with_unit(words.amount(estimate["value"]), self.unit)

    def bounds(self, estimate: Plain) -> str:
        """The interval."""
        if self.index:
            return words.area_bounds(estimate)
        return words.amount_bounds(estimate) if self.unit else words.bounds(estimate)

    def in_full(self, estimate: Plain) -> str:
        """Both, for running text: ``in 71.5 % (…)``, ``by 6.3 years (…)``, ``0.91 (…)``."""
        if self.index:
            return f"{self.words(estimate)} {self.bounds(estimate)}".strip()
        if not self.unit:
            return f"in {words.share_with_bounds(estimate)}"
        return f"by {words.amount_with_bounds(estimate, self.unit)}"


def headline(summary: Plain, probe: Plain | None = None) -> Headline:
    """The figure for a probe's goal, or for the task where there is no probe."""
    task = summary["model"]["task"]
    if task["kind"] == "regression":
        return Headline(
            label="mean error",
            sentence="was wrong {} on average",
            pick=lambda source: dict(source["mae"]),
            unit=task["unit"],
        )
    about = None if probe is None else goal_from(probe["goal"]).figure
    if task["kind"] == "segmentation":
        return _dice(task, about)
    if task["kind"] != "multilabel":
        return Headline(
            label="decided rightly",
            sentence="named the right class {} of them",
            pick=_accuracy,
        )
    if about is not None:
        return Headline(
            label=about.label,
            sentence=about.sentence,
            pick=_of_label("per_finding", task["classes"].index(about.of), about.statistic),
        )
    return Headline(
        label="every finding right",
        sentence="got every finding right {} of them",
        pick=_accuracy,
    )


def _dice(task: Plain, about: Figure | None) -> Headline:
    """Dice of the class that a goal is about; of all where there is no goal, or only one."""
    names = words.outlined_classes(task)
    if len(names) > 1 and about is not None:
        return Headline(
            label=about.label,
            sentence=about.sentence,
            pick=_of_label("per_label", names.index(about.of), about.statistic),
            index=True,
        )
    return Headline(
        label="Dice",
        sentence=f"outlined {names[0] if len(names) == 1 else 'the classes'} with a mean Dice of "
        "{}",
        pick=lambda source: dict(source["dice"]),
        index=True,
    )


def _accuracy(source: Plain) -> Plain:
    return dict(source["accuracy"])


def _of_label(table: str, column: int, statistic: str) -> Callable[[Plain], Plain]:
    return lambda source: dict(source[table][column][statistic])
