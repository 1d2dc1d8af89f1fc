"""What preprocessing does to numbers, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from plexor.core.errors import ModelError, PlanError
from plexor.models import Preprocess
from plexor.models.preprocess import placed

VALUES = torch.arange(2 * 2 * 3 * 3).float().view(2, 2, 3, 3)


def test_window_then_mean_and_deviation_of_each_channel() -> None:
    prepared = Preprocess(window=(-10, 10), mean=(0.5, 1.0), std=(2.0, 4.0))(VALUES)
    scaled = (VALUES + 10) / 20
    torch.testing.assert_close(prepared[:, 0], (scaled[:, 0] - 0.5) / 2)
    torch.testing.assert_close(prepared[:, 1], (scaled[:, 1] - 1.0) / 4)


def test_values_beyond_the_window_are_not_cut() -> None:
    prepared = Preprocess(window=(0, 10))(torch.tensor([[[-10.0, 20.0]]]))
    assert prepared.tolist() == [[[-1.0, 2.0]]]


def test_images_of_the_right_size_pass_untouched() -> None:
    assert Preprocess(size=(3, 3)).resize(VALUES) is VALUES
    assert Preprocess().resize(VALUES) is VALUES


def test_z_score_ignores_scale_and_offset_and_survives_a_flat_image() -> None:
    z_score = Preprocess(window=None)
    torch.testing.assert_close(z_score(VALUES), z_score(7 * VALUES - 300), atol=1e-5, rtol=1e-5)
    flat = torch.full((1, 1, 4, 4), 80.0, requires_grad=True)
    prepared = z_score(flat)
    (gradient,) = torch.autograd.grad(prepared.sum(), flat)
    assert not prepared.any()
    assert bool(gradient.isfinite().all())


def test_dtype_and_device_stay() -> None:
    for dtype in (torch.float32, torch.float64):
        assert Preprocess(size=(2, 2), window=None)(VALUES.to(dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": (5,)}, r"`size` must be 2 or 3 positive numbers, got \(5,\)"),
        ({"size": (5, 0)}, r"`size` must be 2 or 3 positive numbers, got \(5, 0\)"),
        ({"window": (255.0, 0.0)}, r"low < high, got \(255.0, 0.0\)"),
        ({"window": (1.0, 1.0)}, r"low < high, got \(1.0, 1.0\)"),
        ({"std": (0.2, 0.0)}, r"`std` must be positive, got .* and \(0.2, 0.0\)"),
        ({"mean": ()}, r"one number or one per channel, .*, got \(\)"),
    ],
)
def test_refusals(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Preprocess(**fields)


def test_images_that_do_not_suit() -> None:
    with pytest.raises(ModelError, match=r"takes 3D images of size \(4, 4, 4\), got"):
        Preprocess(size=(4, 4, 4))(VALUES)
    with pytest.raises(ModelError, match=r"`mean` has 3 numbers, expected 1 or .* 2 channels"):
        Preprocess(mean=(0.1, 0.2, 0.3))(VALUES)
    with pytest.raises(ModelError, match=r"`std` has 3 numbers, expected 1 or .* 1 channels"):
        Preprocess(std=(0.1, 0.2, 0.3))(VALUES[:, :1])


def _axes(orientation: str, mm: float) -> torch.Tensor:
    """Axes of a volume whose indices grow in these directions, as in a NIfTI affine."""
    steps = torch.zeros(1, 3, 3)
    for axis, letter in enumerate(orientation):
        along, sign = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1)}[letter]
        steps[0, along, axis] = sign * mm
    return steps


def test_every_orientation_becomes_the_same_ras_volume() -> None:
    prepare = Preprocess(size=(5, 6, 7), spacing_mm=2.0, window=(0, 1))
    ras = torch.rand(1, 1, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(prepare(ras, _axes("RAS", 2.0)), ras)
    flipped = ras.flip(2, 3)
    torch.testing.assert_close(prepare(flipped, _axes("LPS", 2.0)), ras)
    turned = ras.permute(0, 1, 3, 4, 2).flip(2)  # as the IXI volumes are stored
    torch.testing.assert_close(prepare(turned, _axes("PSR", 2.0)), ras)


def test_volumes_are_cropped_and_filled_around_their_middle() -> None:
    ras = torch.rand(1, 1, 6, 6, 6) + 1
    prepared = Preprocess(size=(4, 8, 6), spacing_mm=1.0, window=(0, 1))(ras, _axes("RAS", 1.0))
    torch.testing.assert_close(prepared[:, :, :, 1:7], ras[:, :, 1:5])
    assert float(prepared[:, :, :, [0, 7]].abs().max()) < 1e-5


def test_a_coarser_spacing_averages_and_a_finer_one_interpolates() -> None:
    volume = torch.rand(1, 1, 6, 6, 6)
    coarse = Preprocess(size=(2, 2, 2), spacing_mm=3.0, window=(0, 1))(volume, _axes("RAS", 1.0))
    torch.testing.assert_close(coarse, torch.nn.functional.avg_pool3d(volume, 3))
    ramp = torch.arange(6.0).view(1, 1, 6, 1, 1).expand(1, 1, 6, 6, 6)
    fine = Preprocess(size=(3, 1, 1), spacing_mm=0.5, window=(0, 1))(ramp, _axes("RAS", 1.0))
    torch.testing.assert_close(fine.flatten(), torch.tensor([2.0, 2.5, 3.0]))


@pytest.mark.parametrize("degrees", [0.0, 7.0])  # axis by axis, and the whole grid
@pytest.mark.parametrize("orientation", ["RAS", "PSR", "LPS", "SLA"])
@pytest.mark.parametrize("spacing_mm", [2.0, 3.0, 7.0])
def test_volumes_are_placed_as_scipy_interpolates(
    degrees: float, orientation: str, spacing_mm: float
) -> None:
    size, mm = (5, 6, 7), 2.6
    volume = torch.rand(1, 1, 9, 8, 7, generator=torch.Generator().manual_seed(1))
    turn = np.eye(3)
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn[:2, :2] = [[cosine, -sine], [sine, cosine]]
    axes = turn @ _axes(orientation, mm)[0].numpy()
    n = max(1, round(spacing_mm / mm))
    lines = [(np.arange(k * n) - (k * n - 1) / 2) * spacing_mm / n for k in size]
    world = np.stack(np.meshgrid(*lines, indexing="ij"))
    middle = (np.array(volume.shape[2:]) - 1) / 2
    places = np.einsum("ij,jxyz->ixyz", np.linalg.inv(axes), world) + middle[:, None, None, None]
    fine = ndimage.map_coordinates(volume[0, 0].numpy(), places, order=1, mode="grid-constant")
    expected = fine.reshape(size[0], n, size[1], n, size[2], n).mean(axis=(1, 3, 5))
    found = placed(volume, torch.tensor(axes)[None], size, spacing_mm)
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=2e-5)


def test_spacing_is_differentiable_and_a_case_stands_alone() -> None:
    prepare = Preprocess(size=(3, 3, 3), spacing_mm=2.0, window=None)
    volumes = torch.rand(2, 1, 7, 6, 5, requires_grad=True)
    axes = torch.cat([_axes("RAS", 1.0), _axes("PSR", 3.0)])
    both = prepare(volumes, axes)
    assert torch.equal(both[1:], prepare(volumes[1:], axes[1:]))
    (gradient,) = torch.autograd.grad(both.square().sum(), volumes)
    assert bool(gradient.flatten(1).any(dim=1).all())


def test_spacing_needs_a_header_and_three_sizes() -> None:
    with pytest.raises(ModelError, match="does not say where its voxels lie"):
        Preprocess(size=(3, 3, 3), spacing_mm=2.0)(torch.zeros(1, 1, 4, 4, 4))
    for wrong in ({"size": (3, 3)}, {"spacing_mm": 0.0}, {"size": None}):
        with pytest.raises(PlanError, match="`spacing_mm` must be a positive number"):
            Preprocess(**{"size": (3, 3, 3), "spacing_mm": 2.0} | wrong)  # type: ignore[arg-type]


def test_preparing_leaves_the_values_as_they_are() -> None:
    values = torch.arange(12.0).view(1, 3, 2, 2)
    kept = values.clone()
    for window in ((0.0, 200.0), (-5.0, 5.0), None):
        for mean, std in (((0.0,), (1.0,)), ((0.1, 0.2, 0.3), (0.5, 0.5, 2.0))):
            found = Preprocess(window=window, mean=mean, std=std)(values)
            assert torch.equal(values, kept)
            low, high = window or (0.0, 1.0)
            scaled = (kept - low) / (high - low)
            if window is None:
                scaled = (kept - kept.mean()) / (kept.var(unbiased=False) + 1e-12).sqrt()
            wide = (1, -1, 1, 1)
            expected = (scaled - torch.tensor(mean).view(wide)) / torch.tensor(std).view(wide)
            torch.testing.assert_close(found, expected)
