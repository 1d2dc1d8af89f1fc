"""How many cases the figures of a result rest on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers of cases and groups.

    Attributes:
        n: cases that could be judged.
        n_groups: groups among them.
        n_failed: cases without a verdict; they are in no estimate.
    """

    n: int
    n_groups: int
    n_failed: int

    def values(self) -> dict[str, Any]:
        """Field → value, to make a result that has further fields from this one."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
