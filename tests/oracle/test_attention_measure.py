"""How much of a map lies where, and the check with random weights, from maps that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats as scipy_stats
from tests.helpers.tiny import batch_of, images
from torch import nn

from plexor.attention import (
    IntegratedGradients,
    Occlusion,
    in_mask,
    in_mask_by_case,
    map_correlation,
    randomised,
    rank_correlation,
    ratio_of_means,
    sanity,
)
from plexor.core.errors import PlanError
from plexor.models import Multiclass, Preprocess, TorchModel
from plexor.models.architectures import build_network

MASK = np.zeros((4, 5), bool)
MASK[0, :2] = True


def test_shares_of_a_known_map() -> None:
    one = np.full((4, 5), 1.0)
    one[0, 0], one[3, 3] = 11.0, -50.0  # what speaks against is no mass
    found = in_mask_by_case([one], [MASK])
    assert found.share[0] == pytest.approx(12 / (11 + 18))
    assert found.area[0] == pytest.approx(0.1)
    assert found.pointing[0] == 1
    assert found.sensitivity[0] == 1.0  # the top tenth are 2 of 20 pixels: 11, then the first 1


def test_a_uniform_map_has_the_ratio_one_and_the_sensitivity_of_chance(
    rng: np.random.Generator,
) -> None:
    maps = rng.random((400, 20, 20))
    masks = np.zeros((400, 20, 20), bool)
    for mask in masks:
        y, x = rng.integers(0, 15, 2)
        mask[y : y + 5, x : x + 4] = True
    groups = [f"p{i // 4}" for i in range(400)]
    found = in_mask(maps, masks, groups)
    assert found.ratio.low < 1 < found.ratio.high
    assert found.ratio.value == pytest.approx(1, abs=0.03)
    assert found.area.value == pytest.approx(0.05)
    assert found.pointing.low < 0.05 < found.pointing.high
    assert found.sensitivity.value == pytest.approx(0.1, abs=0.01)
    assert found.ratio.n_groups == 100


def test_flat_maps_and_empty_masks_are_left_out_and_counted() -> None:
    maps = np.ones((4, 4, 5))
    maps[0] = -1
    masks = np.stack([MASK, MASK, ~MASK & False, MASK])
    found = in_mask(maps, masks)
    assert (found.n_flat, found.n_unmasked, found.share.n) == (1, 1, 2)
    nothing = in_mask(maps[:1], masks[:1])
    assert math.isnan(nothing.share.value)
    assert math.isnan(nothing.ratio.value)
    assert nothing.ratio.note
    with pytest.raises(PlanError, match="one shape"):
        in_mask(maps, MASK)


def test_the_interval_of_a_ratio_covers() -> None:
    """Shares twice the areas, both varying by group: 95 % of intervals hold 2, within 2 SE."""
    hits, runs = 0, 300
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(30), 3)
        area = rng.uniform(0.02, 0.1, 90)
        share = 2 * area * (1 + rng.normal(0, 0.3, 30)[group] + rng.normal(0, 0.2, 90))
        found = ratio_of_means(share, area, [str(g) for g in group])
        hits += found.low <= 2 <= found.high
    assert hits >= runs * (0.95 - 2 * math.sqrt(0.95 * 0.05 / runs))


def test_correlations_are_those_of_numpy_and_scipy(rng: np.random.Generator) -> None:
    before, after = rng.random((3, 6, 7)), rng.random((3, 6, 7))
    after[1] = before[1] ** 3
    after[2] = 1.0
    pearson, ranks = map_correlation(before, after), rank_correlation(before, after)
    for case in (0, 1):
        one, other = before[case].ravel(), after[case].ravel()
        assert pearson[case] == pytest.approx(np.corrcoef(one, other)[0, 1])
        assert ranks[case] == pytest.approx(scipy_stats.spearmanr(one, other).statistic)
    assert ranks[1] == pytest.approx(1)
    assert np.isnan(pearson[2])
    assert np.isnan(ranks[2])


def test_pixels_outside_of_where_do_not_count(rng: np.random.Generator) -> None:
    before = rng.random((1, 4, 5))
    after = before.copy()
    after[0][MASK] = 99
    assert map_correlation(before, after)[0] < 0.9
    assert map_correlation(before, after, ~MASK[None])[0] == pytest.approx(1)


def trained() -> TorchModel:
    """A network whose convolution was made to look for a bright square."""
    torch.manual_seed(0)
    network = build_network("small-cnn", spatial_dims=2, channels=1, n_outputs=2)
    return TorchModel(
        network, task=Multiclass(classes=("a", "b")), preprocess=Preprocess(window=(0, 255))
    )


def test_random_weights_destroy_integrated_gradients_and_leave_the_model_alone() -> None:
    model = trained()
    cases = batch_of(images((1, 32, 32), 12))
    identity = model.identity()
    twin = randomised(model, seed=3)
    assert model.identity() == identity
    assert twin.identity() not in (identity, randomised(model, seed=4).identity())
    assert twin.identity() == randomised(model, seed=3).identity()
    method = IntegratedGradients(steps=8)
    before, after = (method(one, cases, output=1).numpy() for one in (model, twin))
    found = sanity(rank_correlation(before, after))
    assert found.verdict == "destroyed"
    assert "as they must" in found.words


def test_an_edge_detector_is_found_out() -> None:
    """It asks no weights at all, so that its map is the same with random ones."""
    cases = batch_of(images((1, 16, 16), 5))
    edges = cases.images.diff(dim=-1).abs()[:, 0].numpy()
    found = sanity(rank_correlation(edges, edges))
    assert found.verdict == "kept"
    assert "Do not read" in found.words
    assert sanity([0.2, 0.9, 0.1]).verdict == "cannot tell"
    assert sanity([float("nan")] * 3).verdict == "cannot tell"


class LooksAtCorner(nn.Module):
    """Decides by the brightness of the upper left corner alone."""

    def __init__(self) -> None:
        super().__init__()
        self.blur = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        self.blur.weight.data.fill_(1 / 9)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        corner = self.blur(inputs)[:, 0, :6, :6].mean((1, 2))
        return torch.stack([-corner, corner], dim=1)


@pytest.mark.parametrize("method", [IntegratedGradients(), Occlusion()])
def test_maps_of_a_model_that_looks_at_a_corner_lie_there(
    method: IntegratedGradients | Occlusion,
) -> None:
    task = Multiclass(classes=("dark", "bright"))
    model = TorchModel(LooksAtCorner(), task=task, preprocess=Preprocess(window=(0, 255)))
    stored = images((1, 24, 24), 8)
    for one in stored:
        one.pixels[0, :6, :6] = 250
    cases = batch_of(stored)
    masks = np.zeros((8, 24, 24), bool)
    masks[:, :8, :8] = True
    found = in_mask(method(model, cases, output=1).numpy(), masks)
    assert found.share.value > 0.9
    assert found.pointing.value == 1
    assert found.ratio.value == pytest.approx(found.share.value / (64 / 576))
