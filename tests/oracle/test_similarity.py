"""PSNR, SSIM, MS-SSIM and ΔE2000 beside closed forms, scikit-image, MONAI and Sharma's pairs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from plexor.core.errors import PlanError
from plexor.visibility import (
    colour_difference,
    level_histograms,
    levels_moved,
    ms_ssim,
    psnr,
    ssim,
)

# L*, a*, b* of two colours, and ΔE2000: Sharma, Wu & Dalal, Color Res Appl 2005;30:21, table 1.
SHARMA = (
    (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
    (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
    (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
    (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
    (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
    (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
    (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
    (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
    (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
    (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
)


def pair(shape: tuple[int, ...], *, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A smooth image with some texture, and the same with noise."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(0, 3, size) for size in shape[1:]), indexing="ij")
    wave = sum(np.sin(2 * axis + number) for number, axis in enumerate(axes))
    tints = rng.uniform(0.6, 1.4, (shape[0],) + (1,) * len(axes))
    image = 120 + 20 * tints * wave + rng.normal(0, 4, shape)
    other = image + rng.normal(0, 6, shape)
    return image.clip(0, 255).astype(np.uint8), other.clip(0, 255).astype(np.uint8)


def test_psnr_of_a_constant_change_is_its_closed_form() -> None:
    image = np.full((3, 12, 12), 100, dtype=np.uint8)
    assert psnr(image, image + 5, span=255) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(image, image, span=255) == math.inf
    x, y = pair((3, 40, 50))
    assert psnr(x, y, span=255) == pytest.approx(peak_signal_noise_ratio(x, y, data_range=255))


def test_ssim_of_two_flat_images_is_luminance_alone() -> None:
    dark, light = np.full((1, 20, 20), 60.0), np.full((1, 20, 20), 90.0)
    c1 = (0.01 * 200) ** 2
    expected = (2 * 60 * 90 + c1) / (60**2 + 90**2 + c1)
    assert ssim(dark, light, span=200) == pytest.approx(expected, rel=1e-12)
    assert ms_ssim(
        np.full((1, 180, 180), 60.0), np.full((1, 180, 180), 90.0), span=200
    ) == pytest.approx(expected**0.1333, rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 37, 52), (3, 40, 33), (1, 20, 24, 18), (2, 16, 17, 19)])
def test_ssim_is_what_scikit_image_gives(shape: tuple[int, ...]) -> None:
    x, y = pair(shape)
    theirs = structural_similarity(
        x,
        y,
        channel_axis=0,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(x, y, span=255) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("shape", [(3, 192, 208), (1, 176, 176)])
def test_ms_ssim_is_what_monai_gives(shape: tuple[int, ...]) -> None:
    import torch
    from monai.metrics.regression import MultiScaleSSIMMetric, SSIMMetric

    x, y = pair(shape)
    tensors = [torch.from_numpy(image.astype(np.float64))[None] for image in (x, y)]
    many: Any = MultiScaleSSIMMetric(spatial_dims=2, data_range=255.0, kernel_size=11)(*tensors)
    one: Any = SSIMMetric(spatial_dims=2, data_range=255.0, win_size=11)(*tensors)
    assert ssim(x, y, span=255) == pytest.approx(float(one), abs=2e-5)
    # Theirs is the product over scales of channels' means, ours the mean of channels' products.
    assert ms_ssim(x, y, span=255) == pytest.approx(float(many), abs=2e-5 if len(x) == 1 else 2e-3)


def test_an_image_smaller_than_the_window_has_no_ssim() -> None:
    x, y = pair((1, 10, 30))
    assert math.isnan(ssim(x, y, span=255))
    assert math.isnan(ms_ssim(*pair((1, 175, 300)), span=255))
    assert not math.isnan(ms_ssim(*pair((1, 176, 180)), span=255))


@pytest.mark.parametrize("row", SHARMA)
def test_delta_e_of_sharmas_pairs(row: tuple[float, ...]) -> None:
    found = deltaE_ciede2000(np.array(row[:3]), np.array(row[3:6]))
    assert found == pytest.approx(row[6], abs=5e-5)


def test_delta_e_of_greys_is_its_closed_form() -> None:
    """Of greys, ΔE2000 is |ΔL*| / S_L (the same, eq. 15), and L* is CIE's of the sRGB curve."""
    dark, light = 100, 110
    original = np.full((3, 6, 8), dark, dtype=np.uint8)
    other = original.copy()
    other[:, 2, :4] = light
    lights = []
    for level in (dark, light):
        linear = ((level / 255 + 0.055) / 1.055) ** 2.4
        lights.append(116 * linear ** (1 / 3) - 16)
    middle = (sum(lights) / 2 - 50) ** 2
    expected = (lights[1] - lights[0]) / (1 + 0.015 * middle / math.sqrt(20 + middle))
    found = colour_difference(original, other, low=0, span=255)
    assert found.max == pytest.approx(expected, abs=1e-3)
    assert found.mean == pytest.approx(expected * 4 / 48, abs=1e-4)
    assert found.p95 == pytest.approx(expected, abs=1e-3)
    same = colour_difference(original.astype(np.float32) / 255 - 1, other / 255 - 1, low=-1, span=1)
    assert same.max == pytest.approx(found.max, rel=1e-5)


def test_histograms_count_every_number_once() -> None:
    original = np.array([[[0, 1, 1], [4, 4, 4]]], dtype=np.uint8)
    other = np.array([[[0, 2, 1], [3, 4, 4]]], dtype=np.uint8)
    found = level_histograms(original, other, quantum=1)
    assert found.levels.tolist() == [0, 1, 2, 3, 4]
    assert found.original.tolist() == [1, 2, 0, 0, 3]
    assert found.other.tolist() == [1, 1, 1, 1, 2]
    assert found.changes.tolist() == [-1, 0, 1]
    assert found.difference.tolist() == [1, 4, 1]


@pytest.mark.parametrize(("quantum", "span"), [(1, 250), (1, 4000), (2, 4000), (0, 1), (0.5, 30)])
def test_histograms_keep_to_their_bins(quantum: float, span: float) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.uniform(0, span, (2, 1, 40, 40))
    if quantum:
        x, y = np.round(x / quantum) * quantum, np.round(y / quantum) * quantum
    found = level_histograms(x, y, quantum=quantum, n_bins=64)
    for counts, middles in (
        (found.original, found.levels),
        (found.other, found.levels),
        (found.difference, found.changes),
    ):
        assert counts.sum() == 1600
        assert len(counts) == len(middles) <= 64
    width = found.levels[1] - found.levels[0]
    assert found.original @ found.levels / 1600 == pytest.approx(x.mean(), abs=width / 2)
    assert found.difference @ found.changes / 1600 == pytest.approx((y - x).mean(), abs=width)


def test_pairs_that_do_not_fit_are_refused() -> None:
    image = np.zeros((1, 12, 12))
    with pytest.raises(PlanError, match="one shape"):
        psnr(image, np.zeros((1, 12, 13)), span=1)
    with pytest.raises(PlanError, match="`span` must be above 0"):
        ssim(image, image, span=0)
    with pytest.raises(PlanError, match="red, green and blue"):
        colour_difference(image, image, low=0, span=1)
    with pytest.raises(PlanError, match="finite"):
        level_histograms(image, image * np.nan, quantum=1)


def test_levels_moved_are_counted_up_or_down_in_levels() -> None:
    original = np.full((1, 4, 4), 1000, np.int16)
    steps = [0, 0, 0, 1, -1, 2, -3, 4, 5, -8, 9, 16, -17, 32, 33, -400]
    other = original + 2 * np.array(steps, np.int16).reshape(1, 4, 4)
    assert levels_moved(original, other, quantum=2) == (3, 2, 1, 1, 1, 2, 2, 2, 2)
    assert sum(levels_moved(original, other, quantum=1)) == 16
    assert levels_moved(original.astype(np.float32), other.astype(np.float32), quantum=0) == ()
    with pytest.raises(PlanError, match="one shape"):
        levels_moved(original, other[:, 1:], quantum=1)


def test_levels_moved_of_bytes_are_those_of_wider_numbers() -> None:
    rng = np.random.default_rng(8)
    original, other = rng.integers(0, 256, (2, 3, 40, 40)).astype(np.uint8)
    other[:, :20] = original[:, :20]
    other[0, :2, :2], original[0, :2, :2] = [[0, 255], [32, 33]], [[255, 0], [0, 0]]
    wide = levels_moved(original.astype(np.int16), other.astype(np.int16), quantum=1)
    assert levels_moved(original, other, quantum=1) == wide
    assert min(wide) > 0


def test_levels_moved_are_those_of_the_difference_histogram() -> None:
    rng = np.random.default_rng(7)
    original = rng.integers(5, 250, (3, 20, 20)).astype(np.uint8)
    other = (original + rng.integers(-4, 5, original.shape)).astype(np.uint8)
    found = level_histograms(original, other, quantum=1)
    by_level = [int(found.difference[np.abs(found.changes) == level].sum()) for level in range(5)]
    assert levels_moved(original, other, quantum=1) == (*by_level, 0, 0, 0, 0)
