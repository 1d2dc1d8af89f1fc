"""What a goal is as a value: its fields, its short form in a plan, its judgement, its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]


class Outlines(Protocol):
    """What a segmentation outlined on n cases; k classes beside the background."""

    @property
    def dice(self) -> Numbers:
        """Dice with the truth, (n, k); NaN where neither has the class."""
        ...

    @property
    def agreement(self) -> Numbers:
        """Dice with the outline on the untouched image, (n, k)."""
        ...

    @property
    def moved(self) -> Numbers:
        """Distance between the centres of the two outlines in pixels, (n, k); NaN without both."""
        ...

    @property
    def size(self) -> Numbers:
        """Pixels of each label, the background first, (n, 1 + k)."""
        ...

    @property
    def size_before(self) -> Numbers:
        """The same on the untouched image, (n, 1 + k)."""
        ...


class Outcomes(Protocol):
    """What a run keeps of n judged cases."""

    @property
    def truth(self) -> NDArray[np.str_]:
        """As findings keep it, (n,)."""
        ...

    @property
    def decision(self) -> NDArray[np.str_]:
        """The model's decision for the probed image, (n,)."""
        ...

    @property
    def outputs(self) -> Numbers:
        """Its outputs, (n, n_outputs); a segmentation's are not kept."""
        ...

    @property
    def outputs_before(self) -> Numbers:
        """Its outputs for the untouched image, (n, n_outputs)."""
        ...

    @property
    def outlined(self) -> Outlines:
        """Of a segmentation, the outlines; of other tasks, without columns."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The statistic that shows what a goal about one class or label does to a model.

    Attributes:
        of: the class or label.
        statistic: which one.
        label: its name on the page, e.g. "effusion seen where it is".
        sentence: what the model did, with ``wording.PLACE`` for the figure.
    """

    of: str
    statistic: Literal["sensitivity", "specificity", "dice"]
    label: str
    sentence: str


class Goal(Protocol):
    """A wish about a model's outputs, as a value.

    Attributes:
        kinds: the values that ``kind`` may have.
        forms: how a plan writes it, for messages and docs.
        plan_type: type of what a plan may write, for the JSON schema.
        looks_back: whether it is about a change from the outputs for the untouched image.
    """

    kinds: ClassVar[tuple[str, ...]]
    forms: ClassVar[tuple[str, ...]]
    plan_type: ClassVar[Any]
    looks_back: ClassVar[bool]

    @property
    def kind(self) -> str:
        """Its name in plain data."""
        ...

    @property
    def name(self) -> str:
        """As it stands in a probe's id; "" for the default goal, to misclassify."""
        ...

    @property
    def short(self) -> object:
        """The short form a plan writes; ``read`` gives the goal back."""
        ...

    @classmethod
    def read(cls, written: object) -> Self | None:
        """The goal that a plan's short form stands for; None if it is not of this kind.

        Raises:
            PlanError: it is of this kind, and its number is out of range.
        """
        ...

    def holds(self, outcomes: Outcomes, classes: Sequence[str] = ()) -> Flags:
        """Whether the goal holds, told from what a run keeps, (n,) bool.

        Whether the threat was kept is not asked.

        Args:
            outcomes: of n cases.
            classes: names of the columns of ``outcomes.outlined``; used by goals about an outline.
        """
        ...

    def aim(self, unit: str = "") -> str:
        """What an attack is after, e.g. ``become naevus``.

        Args:
            unit: of a regression's number.
        """
        ...

    def effect(self, share: str, unit: str = "") -> str:
        """What the change does, as the end of a sentence.

        Args:
            share: of the cases in which the goal was reached, in words.
            unit: of a regression's number.
        """
        ...

    def chance(self, share: str) -> str:
        """The share that noise reached, as it stands after ``effect``: ``3.0 %``, ``in 3.0 %``."""
        ...

    def reached(self, unit: str = "") -> str:
        """Label of the share of cases in which the goal was reached.

        Args:
            unit: of a regression's number.
        """
        ...

    @property
    def figure(self) -> Figure | None:
        """What to show of the model's performance; None for the figure of the whole task."""
        ...
