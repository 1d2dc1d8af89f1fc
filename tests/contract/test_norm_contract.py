"""What every norm's geometry keeps, against brute force over points of ball and box."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.helpers.tiny import batch_of, image
from torch import Tensor

from plexor.attacks.norms import L0, Box, Geometry, geometry_of
from plexor.core.errors import PlanError
from plexor.threat_model import NORMS, Norm

N_CASES, SHAPE = 5, (3, 4, 2)
RADII = {"linf": 1.5, "l2": 4.0, "l1": 9.0, "l0": 3.0}
EVERY: list[tuple[str, Geometry]] = [
    *((norm, geometry_of(norm)) for norm in get_args(Norm)),
    ("l0", geometry_of("l0", "apart")),
]
WITH_LENGTH = [entry for entry in EVERY if entry[0] != "l0"]


def draw(seed: int, scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn((N_CASES, *SHAPE), generator=generator, dtype=torch.float64)


def a_box() -> Box:
    """Bounds of their own for every number; some cannot move."""
    low, high = -draw(1).abs(), draw(2).abs()
    low[:, 0, 0], high[:, 1, 1] = 0, 0
    return Box(low, high)


def radii_of(norm: str) -> Tensor:
    return torch.full((N_CASES, 1, 1, 1), RADII[norm], dtype=torch.float64)


def by_hand(norm: str, geometry: Geometry, delta: Tensor) -> NDArray[np.float64]:
    found = []
    for one in delta.numpy():
        flat = np.abs(one).ravel()
        if norm == "l0":
            apart = isinstance(geometry, L0) and geometry.apart
            found.append((one != 0).sum() if apart else (one != 0).any(axis=0).sum())
        else:
            found.append(np.linalg.norm(flat, {"linf": np.inf, "l2": 2, "l1": 1}[norm]))
    return np.array(found, dtype=float)


def feasible(geometry: Geometry, norm: str, n: int) -> list[Tensor]:
    """Points of box and ball: draws of every size, clipped, and shortened or thinned to fit."""
    box, points = a_box(), []
    for seed in range(n):
        point = box.clip(draw(100 + seed, [0.3, 2.0, 9.0][seed % 3]))
        if norm == "l0":
            chosen = torch.rand((N_CASES, *SHAPE), generator=torch.Generator().manual_seed(seed))
            point = point * (chosen < 0.06 * (1 + seed % 3))
            point = point * (geometry.measure(point) <= radii_of(norm))
        elif norm == "linf":
            point = point.clamp(-RADII[norm], RADII[norm])
        else:
            point = point * (radii_of(norm) / geometry.measure(point)).clamp(max=1.0)
        points.append(point)
    return points


def test_every_norm_has_a_geometry() -> None:
    assert set(RADII) == set(NORMS) == set(get_args(Norm))
    assert geometry_of("l1") is geometry_of("l1", "apart")
    assert geometry_of("l0") != geometry_of("l0", "apart")


@pytest.mark.parametrize(("norm", "geometry"), EVERY)
def test_it_measures_its_norm(norm: str, geometry: Geometry) -> None:
    delta = draw(3) * (draw(4) > 0)
    measured = geometry.measure(delta)
    assert measured.shape == (N_CASES, 1, 1, 1)
    np.testing.assert_allclose(measured.flatten(), by_hand(norm, geometry, delta), rtol=1e-6)


@pytest.mark.parametrize(("norm", "geometry"), EVERY)
def test_a_projection_is_in_ball_and_box_and_no_point_of_both_is_nearer(
    norm: str, geometry: Geometry
) -> None:
    delta, box, radii = draw(5, 6.0), a_box(), radii_of(norm)
    found = geometry.project(delta, a_box(), radii)
    assert bool((geometry.measure(found) <= radii * (1 + 1e-6)).all())
    torch.testing.assert_close(box.clip(found), found, rtol=0, atol=0)
    distance = (found - delta).flatten(1).norm(dim=1)
    for point in feasible(geometry, norm, 60):
        assert bool((distance <= (point - delta).flatten(1).norm(dim=1) + 1e-9).all())
    inside = feasible(geometry, norm, 3)[2]
    torch.testing.assert_close(geometry.project(inside, a_box(), radii), inside)


@pytest.mark.parametrize(("norm", "geometry"), EVERY)
def test_no_point_of_ball_and_box_is_further_along_a_gradient(
    norm: str, geometry: Geometry
) -> None:
    gradient, radii = draw(6), radii_of(norm)
    found = geometry.furthest(gradient, a_box(), radii)
    assert bool((geometry.measure(found) <= radii * (1 + 1e-6)).all())
    torch.testing.assert_close(a_box().clip(found), found, rtol=0, atol=0)
    reached = (found * gradient).flatten(1).sum(1)
    for point in [*feasible(geometry, norm, 60), geometry.project(gradient, a_box(), radii)]:
        assert bool((reached >= (point * gradient).flatten(1).sum(1) - 1e-5).all())
    assert not geometry.furthest(torch.zeros_like(gradient), a_box(), radii).any()


@pytest.mark.parametrize(("norm", "geometry"), WITH_LENGTH)
def test_a_crossing_is_on_the_plane_and_no_shorter_point_is(norm: str, geometry: Geometry) -> None:
    gradient, box = draw(7), a_box()
    most = (box.corner(gradient) * gradient).flatten(1).sum(1)
    rise = (most * torch.linspace(0.05, 0.9, N_CASES, dtype=torch.float64)).view(-1, 1, 1, 1)
    found = geometry.crossing(gradient, rise, a_box())
    torch.testing.assert_close(
        (found * gradient).flatten(1).sum(1), rise.flatten(), rtol=1e-5, atol=1e-9
    )
    # a ball a little smaller does not reach the plane
    radii = geometry.measure(found) * (1 - 1e-4)
    short = geometry.furthest(gradient, a_box(), radii)
    assert bool(((short * gradient).flatten(1).sum(1) < rise.flatten()).all())
    beyond = geometry.crossing(gradient, 2 * most.view(-1, 1, 1, 1), a_box())
    torch.testing.assert_close((beyond * gradient).flatten(1).sum(1), most)


@pytest.mark.parametrize("apart", [False, True])
def test_l0_keeps_the_one_position_that_is_best_of_all(apart: bool) -> None:
    geometry, box, one = L0(apart=apart), a_box(), torch.ones(N_CASES, 1, 1, 1)
    delta, gradient = draw(12, 6.0), draw(13)
    found = geometry.project(delta, a_box(), one)
    reached = geometry.furthest(gradient, a_box(), one)
    for index in np.ndindex(SHAPE if apart else SHAPE[1:]):
        alone = torch.zeros_like(delta)
        at = (slice(None), *index) if apart else (slice(None), slice(None), *index)
        alone[at] = 1
        other, corner = alone * box.clip(delta), alone * box.corner(gradient)
        assert bool(
            ((found - delta).square() - (other - delta).square()).sum((1, 2, 3)).le(1e-9).all()
        )
        assert bool(((reached - corner) * gradient).sum((1, 2, 3)).ge(-1e-9).all())


def test_l0_has_no_crossing() -> None:
    for geometry in (L0(), L0(apart=True)):
        with pytest.raises(PlanError, match="linf, l2 or l1, not l0"):
            geometry.crossing(draw(7), torch.ones(N_CASES, 1, 1, 1), a_box())


@pytest.mark.parametrize(("norm", "geometry"), EVERY)
def test_what_is_stored_is_on_the_grid_in_ball_and_box(norm: str, geometry: Geometry) -> None:
    quantum = torch.full((N_CASES, 1, 1, 1), 0.5, dtype=torch.float64)
    whole = Box(a_box().low.div(0.5).ceil().mul(0.5), a_box().high.div(0.5).floor().mul(0.5))
    delta = draw(8)
    bounds = whole.low.clone(), whole.high.clone()
    found = geometry.store(delta, whole, radii_of(norm), quantum)
    torch.testing.assert_close(found / quantum, (found / quantum).round())
    assert bool(((found >= bounds[0]) & (found <= bounds[1])).all())
    assert bool((geometry.measure(found) <= radii_of(norm) * (1 + 1e-6)).all())
    assert bool(found.flatten(1).any(dim=1).all())
    assert bool((found * delta >= 0).all())


@pytest.mark.parametrize(("norm", "geometry"), EVERY)
def test_a_step_stays_within_and_rises(norm: str, geometry: Geometry) -> None:
    gradient, radii = draw(9), radii_of(norm)
    start = geometry.start(draw(10, 1.0), a_box(), radii)
    assert bool((geometry.measure(start) <= radii * (1 + 1e-6)).all())
    torch.testing.assert_close(a_box().clip(start), start, rtol=0, atol=0)
    moved = geometry.ascend(start, gradient, radii / 4, a_box(), radii, share=0.2)
    assert bool((geometry.measure(moved) <= radii * (1 + 1e-6)).all())
    torch.testing.assert_close(a_box().clip(moved), moved, rtol=0, atol=0)
    rise = ((moved - start) * gradient).flatten(1).sum(1)
    assert bool((rise > 0).all())


@pytest.mark.parametrize(("norm", "geometry"), WITH_LENGTH)
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_steepest_direction_has_norm_one(norm: str, geometry: Geometry, share: float) -> None:
    gradient = draw(11)
    found = geometry.steepest(gradient, share)
    torch.testing.assert_close(
        geometry.measure(found), torch.ones((N_CASES, 1, 1, 1), dtype=torch.float64)
    )
    if not share:
        dual = {"linf": 1, "l2": 2, "l1": torch.inf}[norm]
        torch.testing.assert_close(
            (found * gradient).flatten(1).sum(1), gradient.flatten(1).norm(p=dual, dim=1)
        )
    assert not geometry.steepest(torch.zeros_like(gradient), share).any()


def test_a_share_of_positions_is_at_least_one() -> None:
    batch = batch_of([image(np.full(SHAPE, 9, np.uint8))])
    for geometry, n in ((L0(), 8), (L0(apart=True), 24)):
        assert float(geometry.radii(50, "percent", batch)) == n / 2
        assert float(geometry.radii(0.1, "percent", batch)) == 1
        assert float(geometry.radii(7, "count", batch)) == 7
