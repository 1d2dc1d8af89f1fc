"""Radii in every unit, names, starts, and what a threat refuses."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from tests.helpers.tiny import batch_of, image

from plexor.attacks import Border, Masked, Threat
from plexor.attacks.proposal import normal_noise
from plexor.core.errors import DataError, PlanError

GREY = np.full((1, 2, 2), 100, np.uint8)


@pytest.mark.parametrize(
    ("dtype", "slope", "unit", "radius", "stored"),
    [
        ("u1", 1.0, "level", 2.0, 2.0),
        ("i2", -0.5, "level", 2.0, 2.0),
        ("i2", 2.0, "value", 10.0, 5.0),
        ("i2", -0.5, "value", 10.0, 20.0),
        ("u1", 1.0, "percent", 10.0, 25.5),
        ("i2", -0.5, "percent", 1.0, 655.35),
    ],
)
def test_radius_in_stored_numbers(
    dtype: str, slope: float, unit: Any, radius: float, stored: float
) -> None:
    batch = batch_of([image(GREY.astype(dtype), slope=slope, intercept=7.0)])
    radii = Threat(norm="linf", radius=radius, unit=unit).radii(batch)
    assert radii.shape == (1, 1, 1, 1)
    assert float(radii) == pytest.approx(stored)


def test_each_case_has_its_own_radius() -> None:
    batch = batch_of([image(GREY, slope=slope) for slope in (1.0, 2.0, -4.0)])
    threat = Threat(norm="linf", radius=8, unit="value")
    assert threat.radii(batch).flatten().tolist() == [8, 4, 2]
    moved = threat.store(torch.full_like(batch.images, 100), batch)
    assert moved.amax(dim=(1, 2, 3)).tolist() == [8, 4, 2]


@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
@pytest.mark.parametrize("change", ["project", "store", "rounded"])
def test_a_perturbation_that_carries_a_gradient_is_changed_as_any_other(
    norm: Any, change: str
) -> None:
    """As an attack of one's own, or another library, may return it."""
    batch = batch_of([image(GREY)])
    threat = Threat(norm=norm, radius=5)
    delta = torch.linspace(-4.5, 7, 4).reshape(1, 1, 2, 2)
    found = getattr(threat, change)(delta.clone().requires_grad_(), batch)
    assert not found.requires_grad
    assert torch.equal(found, getattr(threat, change)(delta, batch))


def test_a_floating_image_has_percent_but_no_level() -> None:
    batch = batch_of([image(np.linspace(0, 4, 4, dtype="f4").reshape(1, 2, 2))])
    assert float(Threat(norm="l2", radius=25, unit="percent").radii(batch)) == 1.0
    with pytest.raises(PlanError, match="have no level; use `unit: percent` or `unit: value`"):
        Threat(norm="l2", radius=1).radii(batch)


@pytest.mark.parametrize(
    ("radius", "unit", "name"),
    [(2, "level", "linf-2"), (0.5, "percent", "linf-0.5-percent"), (20, "value", "linf-20-value")],
)
def test_name(radius: float, unit: Any, name: str) -> None:
    assert Threat(norm="linf", radius=radius, unit=unit).name == name


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"norm": "l3"}, "unknown norm 'l3'.*known: l0, l1, l2, linf"),
        ({"unit": "levels"}, "unknown unit 'levels'; did you mean 'level'"),
        ({"norm": "l0", "unit": "value"}, "l0 has no unit 'value'; L0 takes `count` or `percent`"),
        ({"unit": "count"}, "l2 has no unit 'count'"),
        ({"channels": "both"}, "unknown channels 'both'"),
        ({"radius": 0.0}, "`radius` must be positive and finite, got 0"),
        ({"radius": float("inf")}, "positive and finite, got inf"),
        ({"radius": float("nan")}, "positive and finite, got nan"),
        ({"features": {"age": float("inf")}}, "radius of feature 'age' must be .*, got inf"),
        ({"features": {"age": 0.0}}, "radius of feature 'age' must be positive and finite, got 0"),
    ],
)
def test_refusals(fields: dict[str, Any], message: str) -> None:
    whole: dict[str, Any] = {"norm": "l2", "radius": 1.0} | fields
    with pytest.raises(PlanError, match=message):
        Threat(**whole)


def test_radius_below_one_level_changes_nothing() -> None:
    batch = batch_of([image(GREY)])
    for norm in ("linf", "l2"):
        threat = Threat(norm=norm, radius=0.9)
        assert not threat.store(torch.ones_like(batch.images), batch).any()


def test_euclidean_rounding_does_not_lose_small_changes() -> None:
    """A ball of radius 8 over 4096 pixels gives each an eighth of a level; 64 whole ones remain."""
    batch = batch_of([image(np.full((1, 64, 64), 128, np.uint8))])
    threat = Threat(norm="l2", radius=8)
    delta = threat.random_start(normal_noise(batch, 0, "x"), batch)
    assert float(delta.abs().amax()) < 0.5 + 0.2
    stored = threat.store(delta, batch)
    assert float(threat.norms(stored)) == pytest.approx(8, rel=0.01)
    agreeing = (stored.sign() == delta.sign()) | (stored == 0)
    assert bool(agreeing.all())


def test_random_starts_fill_the_ball() -> None:
    batch = batch_of([image(np.full((1, 50, 50), 128, np.uint8))] * 8)
    noise = normal_noise(batch, 0, "start")
    uniform = Threat(norm="linf", radius=4).random_start(noise, batch)
    assert kstest(uniform.flatten().double().numpy(), "uniform", args=(-4, 8)).pvalue > 0.01
    round_ = Threat(norm="l2", radius=4).random_start(noise, batch)
    torch.testing.assert_close(round_.flatten(1).norm(dim=1), torch.full((8,), 4.0))


def test_no_direction_without_a_gradient() -> None:
    for norm in ("linf", "l2"):
        assert not Threat(norm=norm, radius=1).steepest(torch.zeros(2, 1, 3, 3)).any()


def test_a_region_and_separate_channels_are_named() -> None:
    threat = Threat(norm="l0", radius=5, channels="apart", region=Border(width=2))
    assert threat.unit == "count"
    assert threat.name == "l0-5-apart-border-2"


def test_more_than_two_features_are_counted_in_a_name() -> None:
    names = [f"v{i}" for i in range(3)]
    two, three = (
        Threat(norm="linf", radius=2, features=dict.fromkeys(names[:n], 0.5)) for n in (2, 3)
    )
    assert two.name == "linf-2-v0-0.5-v1-0.5"
    assert re.fullmatch("linf-2-3-features-[0-9a-f]{8}", three.name)


@pytest.mark.parametrize("region", [None, Border(width=2), Masked(mask="lesion", outside=True)])
def test_a_threat_on_tensors_comes_back_from_plain_data(region: Border | Masked | None) -> None:
    threat = Threat(norm="l2", radius=5, unit="percent", region=region)
    assert Threat.of(json.loads(json.dumps(asdict(threat)))) == threat


@pytest.mark.parametrize(("norm", "radius"), [("linf", 12), ("l2", 6), ("l1", 3), ("l0", 12)])
def test_four_equal_channels_share_a_radius(norm: Any, radius: float) -> None:
    """A change c of one channel is that of four: √4 as long under L2, four times under L1."""
    batch = replace(batch_of([image(GREY)]), copies=4)
    threat = Threat(norm=norm, radius=12, channels="tied")
    assert threat.radii(batch).item() == radius


def test_a_share_of_the_positions_is_at_least_one() -> None:
    batch = batch_of([image(np.full((2, 10, 20), 100, np.uint8))])
    for percent, apart, together in ((0.1, 1.0, 1.0), (10, 40.0, 20.0)):
        few = {"norm": "l0", "radius": percent, "unit": "percent"}
        assert float(Threat(**few).radii(batch)) == together  # type: ignore[arg-type]
        assert float(Threat(**few, channels="apart").radii(batch)) == apart  # type: ignore[arg-type]
    grey = batch_of([image(np.full((1, 10, 20), 100, np.uint8))])
    assert float(Threat(norm="l0", radius=10, unit="percent").radii(grey)) == 20.0


def test_a_mask_keeps_an_attack_inside_or_outside() -> None:
    batch = batch_of([image(GREY)])
    mask = torch.tensor([[[[True, False], [False, False]]]])
    masked = replace(batch, masks={"lesion": mask})
    everywhere = torch.full_like(batch.images, 50)
    for outside in (False, True):
        threat = Threat(norm="linf", radius=3, region=Masked(mask="lesion", outside=outside))
        for way in (1, -1):
            moved = threat.project(way * everywhere, masked)
            assert torch.equal(moved, 3.0 * way * (~mask if outside else mask))
    with pytest.raises(DataError, match="the cases have no mask called 'lesion'"):
        Threat(norm="linf", radius=3, region=Masked(mask="lesion")).project(everywhere, batch)


def test_a_border_wider_than_the_image_is_all_of_it() -> None:
    batch = batch_of([image(np.full((1, 5, 7), 100, np.uint8))])
    assert Border(width=1).allowed(batch).sum() == 2 * 7 + 2 * 3
    assert bool(Border(width=3).allowed(batch).all())
    with pytest.raises(PlanError, match="at least 1 pixel wide, got 0"):
        Border(width=0)
