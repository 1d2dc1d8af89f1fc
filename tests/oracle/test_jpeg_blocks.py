"""Moves of a block's coefficients beside the best there are, as an integer program has them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import idctn
from scipy.optimize import Bounds, LinearConstraint, milp

from plexor.attacks.jpeg.blocks import Blocks
from plexor.attacks.jpeg.decode import inverse_dct

TABLE = np.array(
    [
        [8, 6, 5, 8, 12, 20, 26, 31],
        [6, 6, 7, 10, 13, 29, 30, 28],
        [7, 7, 8, 12, 20, 29, 35, 28],
        [7, 9, 11, 15, 26, 44, 40, 31],
        [9, 11, 19, 28, 34, 55, 52, 39],
        [12, 18, 28, 32, 41, 52, 57, 46],
        [25, 32, 39, 44, 52, 61, 60, 51],
        [36, 46, 48, 49, 56, 50, 52, 50],
    ]
)
"""Of luma at quality 75 (ITU-T T.81, annex K, halved)."""
N_BLOCKS = 3


def unit_samples() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """What one quantum of each coefficient adds to the samples, (64, 64), by scipy's transform."""
    eye = np.eye(64).reshape(64, 8, 8) * TABLE
    return np.stack([idctn(one, norm="ortho").ravel() for one in eye])


@pytest.mark.parametrize("radius", [1, 2])
def test_moves_gain_nearly_as_much_as_the_best_of_all(radius: int) -> None:
    rng = np.random.default_rng(radius)
    start = rng.integers(-3, 4, (N_BLOCKS, 64)) * (TABLE.ravel() < 15)
    gradient = rng.normal(size=(N_BLOCKS, 64))
    table = torch.from_numpy(TABLE.ravel()).double().expand(N_BLOCKS, 64)
    blocks = torch.from_numpy(start).double()
    seen = inverse_dct((blocks * table).view(-1, 8, 8)).flatten(1)
    bounds = Blocks(
        table=table,
        low=seen - radius,
        high=seen + radius,
        radius=torch.full((N_BLOCKS, 1), float(radius)).double(),
    )
    found = bounds.filled(blocks, torch.from_numpy(gradient), several=64)
    change = inverse_dct((found * table).view(-1, 8, 8)).flatten(1) - seen
    assert float(change.abs().max()) <= radius
    gained = ((found.numpy() - start) * gradient).sum(axis=1)

    units, best = unit_samples(), []
    # No sample changes by radius + 1, so that no block's length does by 8 times that.
    most = np.floor(8 * (radius + 1) / TABLE.ravel())
    for row in range(N_BLOCKS):
        exact = start[row] @ units + 128
        room = (seen[row].numpy() - radius - 0.5 - exact, seen[row].numpy() + radius + 0.5 - exact)
        program = milp(
            -gradient[row],
            constraints=LinearConstraint(units.T, *room),
            integrality=np.ones(64, np.int64),
            bounds=Bounds(-most, most),
        )
        assert program.status == 0
        best.append(-program.fun)
    assert sum(best) > 0
    assert 0.9 * sum(best) <= gained.sum() <= 1.05 * sum(best)
