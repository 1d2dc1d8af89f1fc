"""What a check of a model found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question put to the model.

    Attributes:
        id: the flag it raises, see docs/reference/flags.
        raised: the answer is a reason for doubt; None where it cannot be told.
        message: what was seen, one sentence.
    """

    id: str
    raised: bool | None
    message: str
