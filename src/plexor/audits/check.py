"""Result of a check of a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Result of one check.

    Attributes:
        id: the flag that the check may raise, see docs/reference/flags.
        raised: whether there is a reason for doubt; None if undecided.
        message: the observation, one sentence.
    """

    id: str
    raised: bool | None
    message: str


def worst(runs: Iterable[Sequence[Check]]) -> list[Check]:
    """Of each check its worst result over several runs of the same checks, in the same order."""
    return [max(same, key=lambda check: bool(check.raised)) for same in zip(*runs, strict=True)]
