"""The norms a perturbation is measured in, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Norm = Literal["linf", "l2", "l1", "l0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NormWords:
    """How a norm is written.

    Attributes:
        symbol: e.g. "L∞".
        extent: what a ball of this norm allows, with a place for its size.
    """

    symbol: str
    extent: str


NORMS: dict[Norm, NormWords] = {
    "linf": NormWords(symbol="L∞", extent="by at most {} in any pixel"),
    "l2": NormWords(symbol="L2", extent="by a total (Euclidean) length of at most {}"),
    "l1": NormWords(symbol="L1", extent="by at most {}, summed over all pixels"),
    "l0": NormWords(symbol="L0", extent="in at most {}, in each by any amount"),
}
