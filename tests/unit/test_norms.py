"""Norms at their edges: bounds reached, a radius spent exactly, random starts."""

from __future__ import annotations

import torch
from scipy.stats import kstest

from plexor.attacks.norms import Box, geometry_of


def test_a_box_seen_from_its_edge_has_no_room_beyond() -> None:
    box = Box(torch.tensor([[-2.0, -1.0]]), torch.tensor([[3.0, 0.5]]))
    seen = box.around(torch.tensor([[3.0, -1.0]]))
    assert seen.low.tolist() == [[-5.0, 0.0]]
    assert seen.high.tolist() == [[0.0, 1.5]]


def test_l1_spends_the_radius_to_double_precision() -> None:
    """Bisection alone leaves about a part in 10**8 unspent."""
    generator = torch.Generator().manual_seed(0)
    delta = torch.randn((4, 1, 30, 30), generator=generator, dtype=torch.float64)
    radii = torch.full((4, 1, 1, 1), 100.0, dtype=torch.float64)
    box = Box(torch.full_like(delta, -2.0), torch.full_like(delta, 2.0))
    spent = geometry_of("l1").project(delta, box, radii).abs().flatten(1).sum(1)
    torch.testing.assert_close(spent, radii.flatten(), rtol=1e-13, atol=0)


def test_l0_starts_at_a_uniform_share_of_the_way_to_the_bound() -> None:
    noise = torch.randn((1, 1, 100, 100), generator=torch.Generator().manual_seed(0))
    box = Box(torch.full_like(noise, -4.0), torch.full_like(noise, 2.0))
    start = geometry_of("l0").start(noise, box, torch.full((1, 1, 1, 1), 1e4))
    share = torch.where(start > 0, start / 2, start / -4).flatten().numpy()
    assert kstest(share, "uniform").pvalue > 0.01


def test_cases_found_early_are_left_out_of_trials_without_changing_the_others() -> None:
    """Lengths that need from no trial to a dozen; half of the radii need more than ``delta``."""
    delta = torch.randn((9, 1, 20, 20), generator=torch.Generator().manual_seed(0))
    radii = torch.logspace(0, 2.5, 9).view(9, 1, 1, 1)
    box = Box(torch.full_like(delta, -3.0), torch.full_like(delta, 100.0))
    quantum = torch.ones_like(radii)
    for norm in ("l2", "l1"):
        geometry = geometry_of(norm)
        together = geometry.store(delta, box, radii, quantum)
        for row in range(9):
            one = slice(row, row + 1)
            alone = Box(box.low[one], box.high[one])
            found = geometry.store(delta[one], alone, radii[one], quantum[one])
            assert torch.equal(found, together[one])
        assert bool((geometry.measure(together) <= radii).all())
        assert bool((geometry.measure(together)[:5] > 0.9 * radii[:5]).all())
