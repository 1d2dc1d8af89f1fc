"""Questions about a case, and their valid answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from plexor.core.errors import PlanError
from plexor.core.written import Written

Language = Literal["en", "fr"]
Text = str | dict[Language, str]
"""A text, or one for each language of the study."""
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
MOST_MARKS = 50
"""Maximum number of marks in an answer, for any study file."""


class _Question(Written):
    id: Id = Field(description="name of the question in exports: lower-case letters, digits, - _")
    ask: Text = Field(description="the question, as shown to the reader")


class YesNo(_Question):
    """Yes or no, e.g. "Was this image altered?"."""

    type: Literal["yes-no"]

    def check(self, answer: object) -> None:
        """Refuses anything but true and false."""
        if not isinstance(answer, bool):
            raise PlanError(f"{self.id}: expected true or false, got {answer!r}")


class Rating(_Question):
    """A confidence rating, 1 to ``points``; greater is more certain of presence."""

    type: Literal["rating"]
    points: int = Field(5, ge=2, le=101, description="number of points of the scale")
    low: Text = Field("", description="meaning of the lowest point")
    high: Text = Field("", description="meaning of the highest point")

    def check(self, answer: object) -> None:
        """Refuses anything but a whole number from 1 to ``points``."""
        if isinstance(answer, bool) or not isinstance(answer, int):
            raise PlanError(f"{self.id}: expected a whole number, got {answer!r}")
        if not 1 <= answer <= self.points:
            raise PlanError(f"{self.id}: expected 1 to {self.points}, got {answer}")


class Option(Written):
    """One answer of several."""

    id: Id
    text: Text


class Options(_Question):
    """One of several answers, e.g. a diagnosis."""

    type: Literal["options"]
    options: tuple[Option, ...] = Field(min_length=2, max_length=30)

    @model_validator(mode="after")
    def _no_two_alike(self) -> Options:
        ids = [option.id for option in self.options]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise PlanError(f"several options have the id {', '.join(twice)}; give each its own id")
        return self

    def check(self, answer: object) -> None:
        """Refuses anything but the id of an option."""
        known = [option.id for option in self.options]
        if answer not in known:
            raise PlanError(f"{self.id}: expected one of {', '.join(known)}, got {answer!r}")


class Side(_Question):
    """Which of two images, left or right: two-alternative forced choice."""

    type: Literal["side"]

    def check(self, answer: object) -> None:
        """Refuses anything but "left" and "right"."""
        if answer not in ("left", "right"):
            raise PlanError(f"{self.id}: expected left or right, got {answer!r}")


class Marks(_Question):
    """Positions in the image, each with a rating; no mark is a valid answer."""

    type: Literal["marks"]
    most: int = Field(10, ge=1, le=MOST_MARKS, description="greatest number of marks")
    points: int = Field(4, ge=1, le=101, description="points of a mark's rating; 1 for no rating")

    def check(self, answer: object) -> None:
        """Refuses anything but a list of at most ``most`` marks.

        A mark is ``{"x", "y", "slice", "rating"}``: x and y in pixels of the stored image, from
        its left and upper edge; slice from 0.
        """
        if not isinstance(answer, list) or len(answer) > self.most:
            raise PlanError(f"{self.id}: expected a list of at most {self.most} marks")
        for mark in answer:
            self._check_mark(mark)

    def _check_mark(self, mark: object) -> None:
        if not isinstance(mark, dict) or set(mark) != {"x", "y", "slice", "rating"}:
            raise PlanError(f"{self.id}: a mark has x, y, slice and rating, got {mark!r}")
        for name in ("x", "y"):
            place = mark[name]
            number = isinstance(place, int | float) and not isinstance(place, bool)
            if not number or not 0 <= place < 1e6:  # refuses what is not finite, too
                raise PlanError(f"{self.id}: expected {name} in pixels from 0, got {place!r}")
        for name, low, high in (("slice", 0, 100_000), ("rating", 1, self.points)):
            number = mark[name]
            whole = isinstance(number, int) and not isinstance(number, bool)
            if not whole or not low <= number <= high:
                raise PlanError(f"{self.id}: expected {name} {low} to {high}, got {number!r}")


Question = Annotated[YesNo | Rating | Options | Side | Marks, Field(discriminator="type")]


def check_answers(
    questions: Sequence[YesNo | Rating | Options | Side | Marks], answers: dict[str, object]
) -> None:
    """Checks that there is exactly one valid answer to each question; None means out of time.

    Raises:
        PlanError: a question without an answer, an answer without a question, or a wrong value.

    Example:
        >>> altered = YesNo(id="altered", ask="Altered?", type="yes-no")
        >>> check_answers([altered], {"altered": True})
        >>> check_answers([altered], {})
        Traceback (most recent call last):
        plexor.core.errors.PlanError: answers: expected altered, got none
    """
    asked = {question.id: question for question in questions}
    if asked.keys() != answers.keys():
        got = ", ".join(sorted(answers)) or "none"
        raise PlanError(f"answers: expected {', '.join(sorted(asked))}, got {got}")
    for name, question in asked.items():
        if answers[name] is not None:
            question.check(answers[name])
