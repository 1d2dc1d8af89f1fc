"""How many cases the figures of a result rest on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


Count: TypeAlias = Annotated[int, Field(ge=0)]
"""A number of cases, groups, files or passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers of cases and groups.

    Attributes:
        n: cases that could be judged.
        n_groups: groups among them.
        n_failed: cases without a verdict; they are in no estimate.
        n_not_finite: those among them whose outputs became NaN or infinite and were finite
            untouched; under an attack, cases that an adversary can break.
    """

    n: Count
    n_groups: Count
    n_failed: Count
    n_not_finite: Count = 0


def values_of(result: DataclassInstance) -> dict[str, Any]:
    """Field → value, to make a result with further fields from one that lacks them."""
    return {one.name: getattr(result, one.name) for one in fields(result)}
