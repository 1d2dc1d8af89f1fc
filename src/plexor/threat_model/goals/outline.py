"""What goals about the outline of one class have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plexor.core.wording import PLACE
from plexor.threat_model.goals.goal import Figure, Flags, Numbers, Outcomes

SLACK = 1e-9
"""Greatest distance from a whole number at which a number of pixels is taken for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Areas:
    """One class on n cases; every array is (n,), and NaN where nothing was outlined at all.

    Attributes:
        dice: with the truth.
        before: pixels on the untouched image.
        after: pixels on the probed image.
        both: pixels on both.
        image: pixels of the image.
        moved: distance between the centres, in pixels.
    """

    dice: Numbers
    before: Numbers
    after: Numbers
    both: Numbers
    image: Numbers
    moved: Numbers


def areas(outcomes: Outcomes, classes: Sequence[str], of: str) -> Areas:
    """The areas of the class ``of``, one of ``classes``."""
    found = outcomes.outlined
    if not found.dice.size:
        nothing = np.full(len(found.dice), np.nan)
        return Areas(
            dice=nothing,
            before=nothing,
            after=nothing,
            both=nothing,
            image=nothing,
            moved=nothing,
        )
    column = classes.index(of)
    before, after = found.size_before[:, 1 + column], found.size[:, 1 + column]
    # Dice is 2 |both| / (|before| + |after|); NaN where both are empty, and so is `both`.
    both = np.round(np.nan_to_num(found.agreement[:, column]) * (before + after) / 2)
    return Areas(
        dice=found.dice[:, column],
        before=before,
        after=after,
        both=both,
        image=found.size.sum(axis=1),
        moved=found.moved[:, column],
    )


class OutlineGoal(ABC):
    """Words and judgement of a goal about the outline of one class."""

    __slots__ = ()
    of: str

    @abstractmethod
    def aim(self, unit: str = "") -> str:
        """What an attack is after."""
        ...

    @abstractmethod
    def _does(self) -> str:
        """What the change does to the outline, as the end of a sentence."""
        ...

    @abstractmethod
    def _held(self, found: Areas) -> Flags:
        """Whether the goal holds, (n,) bool."""
        ...

    def holds(self, outcomes: Outcomes, classes: Sequence[str] = ()) -> Flags:
        """Told from the areas outlined; False where the goal has no meaning."""
        return self._held(areas(outcomes, classes, self.of))

    def effect(self, share: str, unit: str = "") -> str:
        """Over the images for which the goal has a meaning."""
        return f"{self._does()} in {share} of the images to which the goal applies"

    def chance(self, share: str) -> str:
        """With "in"."""
        return f"in {share}"

    def reached(self, unit: str = "") -> str:
        """With the aim."""
        return f"reached: {self.aim()}"

    @property
    def figure(self) -> Figure | None:
        """Dice of the class."""
        return Figure(
            of=self.of,
            statistic="dice",
            label=f"Dice of {self.of}",
            sentence=f"outlined {self.of} with a mean Dice of {PLACE}",
        )
