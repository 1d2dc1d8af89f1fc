"""Radii so small that no change within them can be stored are refused, with the least that can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.tiny import batch_of, image

from plexor.attacks import Border, Masked, Threat
from plexor.attacks.goals import Misclassify
from plexor.attacks.storable import check_storable, smallest_changes
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.probes.noise import NoiseProbe

GREY = np.full((3, 4, 4), 100, np.uint8)
SPACE = "\N{NO-BREAK SPACE}"


def _refusal(threat: Threat, batch: Batch) -> str:
    with pytest.raises(PlanError) as refused:
        check_storable(threat, batch)
    return str(refused.value).replace(SPACE, " ")


@pytest.mark.parametrize(
    ("threat", "dtype", "slope", "least"),
    [
        (("linf", 0.2, "percent"), "u1", 1.0, "0.393 percent (1 level)"),
        (("linf", 0.3, "percent"), "u1", 1.0, "0.393 percent (1 level)"),
        (("linf", 0.001, "percent"), "u2", 1.0, "0.00153 percent (1 level)"),
        (("linf", 0.9, "level"), "u1", 1.0, "1 level"),
        (("l2", 0.9, "level"), "u1", 1.0, "1 level"),
        (("l1", 0.5, "level"), "i2", 1.0, "1 level"),
        (("l2", 0.1, "percent"), "u1", 1.0, "0.393 percent (1 level)"),
        (("linf", 1.5, "value"), "i2", 2.0, "2 value (1 level)"),
        (("linf", 0.1, "value"), "i2", -0.25, "0.25 value (1 level)"),
        (("l0", 0.5, "count"), "u1", 1.0, "1 count"),
    ],
)
def test_a_radius_below_the_smallest_storable_change(
    threat: tuple[Any, float, Any], dtype: str, slope: float, least: str
) -> None:
    norm, radius, unit = threat
    batch = batch_of([image(GREY.astype(dtype), slope=slope)])
    assert _refusal(Threat(norm=norm, radius=radius, unit=unit), batch).endswith(
        f"the least is {least}"
    )
    enough = Threat(norm=norm, radius=float(least.split(maxsplit=1)[0]), unit=unit)
    check_storable(enough, batch)
    moved = enough.store(torch.full_like(batch.images, -50.0), batch)
    if norm in ("linf", "l0"):
        assert bool((moved != 0).any())


@pytest.mark.parametrize("region", [Border(width=1), Masked(mask="lesion", outside=True)])
def test_within_a_region(region: Border | Masked) -> None:
    batch = batch_of([replace(image(GREY), masks={"lesion": np.eye(4, dtype=bool)})])
    assert "the least is" in _refusal(
        Threat(norm="linf", radius=0.2, unit="percent", region=region), batch
    )
    check_storable(Threat(norm="linf", radius=1, region=region), batch)


def test_a_share_of_positions_is_at_least_one() -> None:
    check_storable(Threat(norm="l0", radius=0.001, unit="percent"), batch_of([image(GREY)]))


def test_floating_storage_has_a_smallest_change_too() -> None:
    pixels = np.linspace(1000, 2000, 16, dtype="f4").reshape(1, 4, 4)
    batch = batch_of([image(pixels)])
    half = float(np.spacing(np.float32(1000))) / 2
    threat = Threat(norm="linf", radius=1.0, unit="value")
    assert smallest_changes(threat, batch).tolist() == [half]
    assert "the least is" in _refusal(Threat(norm="linf", radius=1e-6, unit="percent"), batch)
    check_storable(Threat(norm="linf", radius=1e-5, unit="percent"), batch)


def test_one_image_that_can_change_is_enough() -> None:
    batch = batch_of([image(GREY, slope=10.0), image(GREY, slope=0.5)])
    check_storable(Threat(norm="linf", radius=1, unit="value"), batch)
    assert "the least is 0.5 value" in _refusal(
        Threat(norm="linf", radius=0.4, unit="value"), batch
    )


def test_a_case_without_room_is_no_reason_to_refuse() -> None:
    empty = replace(image(GREY), masks={"lesion": np.zeros((4, 4), dtype=bool)})
    check_storable(Threat(norm="linf", radius=1, region=Masked(mask="lesion")), batch_of([empty]))


def test_attack_and_noise_ask() -> None:
    from plexor.attacks.gradient import PGD
    from plexor.probes.attack import PlannedAttack, Search

    threat = Threat(norm="linf", radius=0.2, unit="percent")
    batch = batch_of([image(GREY)])
    attack = PlannedAttack(
        id="pgd", name="pgd", goal=Misclassify(), threat=threat, source=Search(search=PGD())
    )
    for probe in (attack, NoiseProbe(threat=threat)):
        with pytest.raises(PlanError, match=r"the least is 0\.393 percent"):
            probe.check_images(batch)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_radius_that_is_0_in_float32_is_refused_in_one_line(norm: Any) -> None:
    batch = batch_of([image(GREY)])
    assert "is a radius of 0 once computed in float32" in _refusal(
        Threat(norm=norm, radius=1e-320, unit="level"), batch
    )
