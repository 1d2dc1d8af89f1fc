"""What preprocessing does to numbers, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from plexor.core.errors import ModelError, PlanError
from plexor.models import Preprocess

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
