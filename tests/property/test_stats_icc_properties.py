"""What must hold for any measurements: unit, origin, order of cases and raters change nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexor.stats import icc
from plexor.stats.icc import IccInterval, IccKind

KINDS: list[IccKind] = ["1,1", "A,1", "C,1", "1,k", "A,k", "C,k"]
INTERVALS: list[IccInterval] = ["mover", "f"]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(3, 12),
    st.integers(2, 5),
    st.sampled_from(KINDS),
    st.sampled_from(INTERVALS),
)
def test_unit_origin_and_order_change_nothing(
    seed: int, n: int, k: int, kind: IccKind, interval: IccInterval
) -> None:
    rng = np.random.default_rng(seed)
    x = 2 * rng.normal(size=(n, 1)) + rng.normal(size=k) + rng.normal(size=(n, k))
    before = icc(x, kind=kind, interval=interval)
    unit, origin = 10 ** rng.uniform(-2, 2), rng.uniform(-50, 50)
    moved = unit * x[rng.permutation(n)][:, rng.permutation(k)] + origin
    after = icc(moved, kind=kind, interval=interval)
    for name in ("value", "low", "high"):
        same = pytest.approx(getattr(before, name), rel=1e-6, abs=1e-6, nan_ok=True)
        assert getattr(after, name) == same, name
    if not math.isnan(before.low):
        assert before.low <= before.value <= before.high


@given(st.integers(0, 2**32 - 1), st.integers(3, 12), st.integers(2, 5))
def test_a_higher_level_holds_the_lower_one(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    x = 2 * rng.normal(size=(n, 1)) + rng.normal(size=k) + rng.normal(size=(n, k))
    inner, outer = (icc(x, level=level) for level in (0.8, 0.95))
    if not math.isnan(inner.low):
        assert outer.low <= inner.low
        assert inner.high <= outer.high
