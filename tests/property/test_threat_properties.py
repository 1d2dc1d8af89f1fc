"""Whatever the perturbation, what a threat makes of it is allowed, storable and near."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.helpers.tiny import batch_of, image
from torch import Tensor

from plexor.attacks import Border, Threat
from plexor.attacks.threat import Norm
from plexor.models import Batch

NORMS: tuple[Norm, ...] = get_args(Norm)
CONVEX: tuple[Norm, ...] = ("linf", "l2", "l1")
SHAPES = [(1, 4), (2, 3, 3), (3, 2, 2), (1, 2, 3, 2)]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Three images, often at the end of their range, and perturbations of them."""

    shape: tuple[int, ...]
    dtype: str
    where: Literal["low", "high", "anywhere"]
    size: float
    seed: int

    def batch(self) -> Batch:
        generator = np.random.default_rng(self.seed)
        if self.dtype == "f4":
            return batch_of([image(generator.random(self.shape, "f4") * 50) for _ in range(3)])
        limits = np.iinfo(self.dtype)
        low = limits.max - 3 if self.where == "high" else limits.min
        high = limits.min + 3 if self.where == "low" else limits.max
        drawn = generator.integers(low, high, (3, *self.shape), self.dtype, endpoint=True)
        return batch_of([image(pixels) for pixels in drawn])

    def delta(self, name: int = 0) -> Tensor:
        noise = np.random.default_rng([self.seed, name]).standard_normal((3, *self.shape), "f4")
        return torch.from_numpy(np.float32(self.size) * noise)


def cases(*dtypes: str) -> st.SearchStrategy[Drawn]:
    return st.builds(
        Drawn,
        shape=st.sampled_from(SHAPES),
        dtype=st.sampled_from(dtypes),
        where=st.sampled_from(["low", "high", "anywhere"]),
        size=st.sampled_from([0.01, 1.0, 10.0]),
        seed=st.integers(0, 2**32 - 1),
    )


def threats(norm: Norm, *, everywhere: bool = False) -> st.SearchStrategy[Threat]:
    unit = st.just("count" if norm == "l0" else "value")
    channels = st.sampled_from(["together", "apart"] if norm == "l0" else ["together"])
    region = st.sampled_from([None] if everywhere else [None, Border(width=1)])
    radius = st.floats(1, 6) if norm == "l0" else st.floats(0.5, 12)
    return st.builds(
        Threat, norm=st.just(norm), radius=radius, unit=unit, channels=channels, region=region
    )


def assert_allowed(threat: Threat, delta: Tensor, batch: Batch) -> None:
    perturbed = batch.images + delta
    ulp = 1e-6 * batch.images.abs().amax()
    assert bool((perturbed >= batch.low - ulp).all())
    assert bool((perturbed <= batch.high + ulp).all())
    assert bool((threat.norms(delta.double()) <= threat.radius * (1 + 1e-6)).all())
    if threat.region is not None:
        assert not bool((delta * ~threat.region.allowed(batch)).any())


@pytest.mark.parametrize("norm", CONVEX)
@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("u1", "i2", "f4"))
def test_projection_is_the_nearest_that_is_allowed(
    norm: Norm, data: st.DataObject, case: Drawn
) -> None:
    """A point p is the projection of d onto a convex set just when (d - p)·(q - p) <= 0 for all
    q in the set."""
    batch, delta, other = case.batch(), case.delta(), case.delta(1)
    threat = data.draw(threats(norm))
    projected, allowed = threat.project(delta, batch), threat.project(other, batch)
    assert_allowed(threat, projected, batch)
    away, along = (delta - projected).flatten(1), (allowed - projected).flatten(1)
    lengths = away.norm(dim=1) * along.norm(dim=1)
    # L1's threshold is as exact as float32 holds a number of delta's size, and p no more so.
    rounding = 2e-7 * delta.flatten(1).abs().amax(1) * away.norm(dim=1)
    assert bool(((away * along).sum(1) <= 1e-5 * (lengths + 1e-3) + rounding).all())
    torch.testing.assert_close(threat.project(projected, batch), projected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("u1", "i2"))
def test_what_is_stored_is_on_the_grid_and_allowed(
    norm: Norm, data: st.DataObject, case: Drawn
) -> None:
    batch, delta = case.batch(), case.delta()
    threat = data.draw(threats(norm))
    stored = threat.store(delta, batch)
    assert_allowed(threat, stored, batch)
    assert torch.equal(stored, stored.round())
    again = threat.store(stored, batch)
    assert_allowed(threat, again, batch)
    if norm in ("linf", "l0"):
        assert torch.equal(again, stored)
    else:
        assert bool((threat.norms(again) >= threat.norms(stored)).all())


@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("u1", "i2"))
def test_a_stored_euclidean_perturbation_uses_its_radius(data: st.DataObject, case: Drawn) -> None:
    """It is a rounding of the direction asked for, and the next longer one is too long."""
    batch, delta = case.batch(), case.delta()
    assume(float(delta.abs().amax()) > 0.005)
    threat = data.draw(threats("l2", everywhere=True))
    low, high = batch.low - batch.images, batch.high - batch.images
    for stored, asked, least, most in zip(
        threat.store(delta, batch), delta.double(), low, high, strict=True
    ):
        goes_on = torch.where(asked > 0, stored < most, stored > least) & (asked != 0)
        if not bool(goes_on.any()):
            continue  # every number is at the end of its range
        # The scales at which each number would be rounded away from zero once more.
        steps = ((stored.abs() + 0.5) / asked.abs())[goes_on]
        so_far = ((stored.abs() - 0.5) / asked.abs())[stored != 0]
        assert bool((so_far <= float(steps.min()) * (1 + 1e-5)).all())
        scale = float(steps.min()) * (1 + 1e-3)
        longer = (scale * asked).round().clamp(least, most)
        ties = (steps < float(steps.min()) * (1 + 2e-3)).sum() > 1
        if scale < 4000 and not bool(ties):
            assert float(longer.norm()) > threat.radius * (1 - 1e-6)


@pytest.mark.parametrize("norm", NORMS)
@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("f4"))
def test_floating_images_are_projected_and_not_rounded(
    norm: Norm, data: st.DataObject, case: Drawn
) -> None:
    batch, delta = case.batch(), case.delta()
    threat = data.draw(threats(norm))
    assert torch.equal(threat.store(delta, batch), threat.project(delta, batch))


@pytest.mark.parametrize("norm", NORMS)
@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("u1", "i2", "f4"))
def test_a_case_does_not_feel_its_neighbours(norm: Norm, data: st.DataObject, case: Drawn) -> None:
    batch, delta = case.batch(), case.delta()
    threat = data.draw(threats(norm))
    shapers: list[Callable[[Tensor, Batch], Tensor]] = [
        threat.project,
        threat.furthest,
        threat.store,
        threat.rounded,
        threat.random_start,
    ]
    if norm != "l0":
        shapers.append(lambda d, b: threat.crossing(d, d.flatten(1).sum(1), 0 * d, b))
    for shape in shapers:
        together = shape(delta, batch)
        for i in range(len(batch)):
            alone = shape(delta[i : i + 1], batch.select(torch.tensor([i])))
            assert torch.equal(alone[0], together[i])


@pytest.mark.parametrize("norm", CONVEX)
@settings(deadline=None, max_examples=50)
@given(
    data=st.data(),
    case=cases("u1", "i2", "f4"),
    magnitude=st.sampled_from([1e-30, 1e-20, 1e-6, 1.0, 1e10]),
)
def test_steepest_direction_has_length_one_and_rises_most(
    norm: Norm, data: st.DataObject, case: Drawn, magnitude: float
) -> None:
    """Its product with the gradient is the gradient's dual norm."""
    gradient = case.delta()
    threat = Threat(norm=norm, radius=1.0)
    direction = threat.steepest(magnitude * gradient).double()
    torch.testing.assert_close(threat.norms(direction), torch.ones(3).double(), rtol=1e-6, atol=0.0)
    rise = (direction * gradient).flatten(1).sum(1)
    power = {"linf": 1, "l2": 2, "l1": float("inf")}[norm]
    dual = gradient.double().flatten(1).norm(p=power, dim=1)
    torch.testing.assert_close(rise, dual, rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("norm", CONVEX)
@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("u1", "i2", "f4"), share=st.sampled_from([0.01, 0.5]))
def test_a_step_goes_along_what_is_open_and_back_into_the_threat(
    norm: Norm, data: st.DataObject, case: Drawn, share: float
) -> None:
    batch, gradient = case.batch(), case.delta()
    threat = data.draw(threats(norm))
    start, size = threat.project(case.delta(1), batch), threat.radii(batch) * share
    along = threat.steepest(threat.free(gradient, start, batch), share=share)
    stepped = threat.ascend(start, gradient, size, batch, share=share)
    assert torch.equal(stepped, threat.project(start + size * along, batch))
    assert_allowed(threat, stepped, batch)


@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("u1", "i2", "f4"), share=st.sampled_from([0.01, 0.5]))
def test_a_step_under_l0_keeps_the_positions_with_the_greatest_rise(
    data: st.DataObject, case: Drawn, share: float
) -> None:
    batch, gradient = case.batch(), case.delta()
    threat = data.draw(threats("l0"))
    start, size = threat.project(case.delta(1), batch), threat.radii(batch) * share
    stepped = threat.ascend(start, gradient, size, batch, share=share)
    assert_allowed(threat, stepped, batch)
    rise = (stepped * gradient).double().flatten(1).sum(1)
    moved = start + size * gradient.sign()
    for other in (
        start,
        threat.project(moved, batch),
        threat.project(moved * gradient.abs(), batch),
    ):
        within = torch.where(other != 0, threat.box(batch).clip(moved), 0.0)
        along = (within * gradient).double().flatten(1).sum(1)
        assert bool((along <= rise + 1e-5 * rise.abs() + 1e-6).all())


@pytest.mark.parametrize("norm", NORMS)
@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("u1", "i2", "f4"))
def test_nothing_allowed_is_further_along_than_the_furthest(
    norm: Norm, data: st.DataObject, case: Drawn
) -> None:
    batch, gradient = case.batch(), case.delta()
    threat = data.draw(threats(norm))
    furthest = threat.furthest(gradient, batch)
    assert_allowed(threat, furthest, batch)
    reach = (furthest * gradient).double().flatten(1).sum(1)
    for name in range(1, 4):
        for size in (1.0, 1e3):
            other = threat.project(gradient * size + name * case.delta(name), batch)
            along = (other * gradient).double().flatten(1).sum(1)
            assert bool((along <= reach + 1e-5 * reach.abs() + 1e-6).all())


@pytest.mark.parametrize("norm", CONVEX)
@settings(deadline=None, max_examples=50)
@given(
    data=st.data(),
    case=cases("u1", "i2", "f4"),
    share=st.sampled_from([0.0, 0.01, 0.3, 0.9, 1.5, -0.3]),
    magnitude=st.sampled_from([1e-20, 1.0, 1e6]),
)
def test_nothing_shorter_crosses_a_plane(
    norm: Norm, data: st.DataObject, case: Drawn, share: float, magnitude: float
) -> None:
    """Of what is a little shorter, even the furthest along does not rise as much."""
    batch, gradient = case.batch(), magnitude * case.delta()
    threat = data.draw(threats(norm))
    start = threat.project(case.delta(1), batch)
    low, high = threat.bounds(batch)
    rest = replace(batch, images=batch.images + start)
    corner = torch.where(gradient * share > 0, high - start, low - start)
    most = (gradient * corner).flatten(1).sum(1).abs()
    rise = share * most
    change = threat.crossing(gradient, rise, start, batch)

    ulp = 1e-6 * batch.images.abs().amax() + 1e-6
    assert bool((start + change >= low - ulp).all())
    assert bool((start + change <= high + ulp).all())
    risen = (change * gradient).double().flatten(1).sum(1)
    torch.testing.assert_close(risen.float(), min(share, 1.0) * most, rtol=1e-4, atol=0.0)
    if threat.region is None:
        shorter = threat.measure(change) * (1 - 1e-3)
        along = threat.furthest(gradient * (1 if share > 0 else -1), rest, radii=shorter)
        reached = (along * gradient).double().flatten(1).sum(1)
        # Where it starts from was rounded, so that it may go a little beyond the range's end.
        rounding = torch.finfo(torch.float32).eps * rest.images.abs().amax()
        beyond = (rounding * gradient.abs()).double().flatten(1).sum(1)
        assert bool((reached.abs() <= risen.abs() + beyond).all())
    assert torch.equal(threat.crossing(-gradient, -rise, start, batch), change)


@pytest.mark.parametrize("norm", NORMS)
@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("u1", "i2", "f4"))
def test_rounding_moves_no_number_by_more_than_half_a_quantum(
    norm: Norm, data: st.DataObject, case: Drawn
) -> None:
    batch, delta = case.batch(), case.delta()
    threat = data.draw(threats(norm))
    low, high = threat.bounds(batch)
    stored, inside = threat.rounded(delta, batch), delta.clamp(low, high)
    if case.dtype == "f4":
        assert torch.equal(stored, inside)
    else:
        assert torch.equal(stored, stored.round())
        assert bool(((stored >= low) & (stored <= high)).all())
        assert bool(((stored - inside).abs() <= 0.5).all())


@pytest.mark.parametrize("norm", NORMS)
@settings(deadline=None, max_examples=50)
@given(data=st.data(), case=cases("u1", "i2", "f4"))
def test_each_case_may_have_a_radius_of_its_own(
    norm: Norm, data: st.DataObject, case: Drawn
) -> None:
    batch, delta = case.batch(), case.delta()
    threat = data.draw(threats(norm))
    radii = torch.tensor([0.0, 2.0, torch.inf]).view_as(batch.low)
    two = replace(threat, radius=2.0)
    shapers: list[Callable[..., Tensor]] = [threat.project, threat.furthest]
    for shape, alike in zip(shapers, (two.project, two.furthest), strict=True):
        shaped = shape(delta, batch, radii=radii)
        assert not shaped[0].any()
        assert torch.equal(shaped[1], alike(delta, batch)[1])
    low, high = threat.bounds(batch)
    assert torch.equal(threat.project(delta, batch, radii=radii)[2], delta.clamp(low, high)[2])


@settings(deadline=None, max_examples=50)
@given(case=cases("u1", "i2", "f4"), count=st.integers(1, 3), apart=st.booleans())
def test_few_positions_are_the_ones_nearest_to_what_was_asked(
    case: Drawn, count: int, apart: bool
) -> None:
    """Against every choice of positions there is."""
    batch, delta = case.batch(), case.delta()
    channels: Literal["apart", "together"] = "apart" if apart else "together"
    threat = Threat(norm="l0", radius=count, unit="count", channels=channels)
    projected = threat.project(delta, batch)
    assert_allowed(threat, projected, batch)
    inside = delta.clamp(batch.low - batch.images, batch.high - batch.images)
    n_positions = delta[0].numel() if apart else delta[0, 0].numel()
    away = (delta - projected).double().flatten(1).square().sum(1)
    for chosen in combinations(range(n_positions), min(count, n_positions)):
        kept = torch.zeros(n_positions)
        kept[list(chosen)] = 1
        kept = kept.view(delta.shape[1:] if apart else delta.shape[2:])
        other = (delta - inside * kept).double().flatten(1).square().sum(1)
        assert bool((away <= other * (1 + 1e-6) + 1e-9).all())
