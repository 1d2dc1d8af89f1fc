"""Windows over an image against the whole image, and against sums written out."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError
from plexor.models import Multiclass, Preprocess, Segmentation, TorchModel
from plexor.models.sliding_window import SlidingWindow
from plexor.models.sources.adapter import Adapted, Adapter

TASK = Segmentation(classes=("background", "lesion"))


def convolutions(kernel: int, spatial_dims: int) -> nn.Sequential:
    torch.manual_seed(0)
    layer: Any = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
    first = layer(1, 4, kernel, padding=kernel // 2)
    return nn.Sequential(first, nn.Tanh(), layer(4, 2, 1)).double().requires_grad_(False)


@pytest.mark.parametrize("blend", ["constant", "gaussian"])
@pytest.mark.parametrize("shape", [(11, 9), (7, 8, 6), (3, 9)])
def test_a_network_that_sees_single_pixels_answers_as_for_the_whole_image(
    shape: tuple[int, ...], blend: Any
) -> None:
    network = convolutions(1, len(shape))
    images = torch.randn(2, 1, *shape, dtype=torch.float64)
    window = SlidingWindow(roi=(4,) * len(shape), overlap=0.5, blend=blend)
    torch.testing.assert_close(window(network, images), network(images))


def test_pixels_whose_surroundings_lie_inside_of_all_their_windows_are_as_in_the_whole() -> None:
    """Windows of 8 at 0, 4, 8: a pixel next to a window's edge has 0 beside it in that window."""
    network = convolutions(3, 2)
    images = torch.randn(1, 1, 16, 16, dtype=torch.float64)
    found, whole = SlidingWindow(roi=(8, 8), overlap=0.5)(network, images), network(images)
    inside = torch.ones(16, dtype=torch.bool)
    inside[[3, 4, 7, 8, 11, 12]] = False
    both = inside[:, None] & inside[None, :]
    torch.testing.assert_close(found[..., both], whole[..., both])
    assert not torch.allclose(found[..., ~both], whole[..., ~both])


def test_overlapping_windows_are_averaged() -> None:
    network = convolutions(3, 2)
    images = torch.randn(1, 1, 10, 8, dtype=torch.float64)
    total, count = torch.zeros(1, 2, 10, 8, dtype=torch.float64), torch.zeros(10, 8)
    for i, j in itertools.product((0, 3, 4), (0, 2)):  # steps of 3, the last moved to the end
        total[..., i : i + 6, j : j + 6] += network(images[..., i : i + 6, j : j + 6])
        count[i : i + 6, j : j + 6] += 1
    torch.testing.assert_close(
        SlidingWindow(roi=(6, 6), overlap=0.5)(network, images), total / count
    )


def test_gradients_are_those_of_finite_differences() -> None:
    network = convolutions(3, 2)
    window = SlidingWindow(roi=(4, 4), overlap=0.5, blend="gaussian")
    images = torch.randn(1, 1, 6, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given: window(network, given), images)


def test_a_model_with_channels_last_is_asked_in_windows_after_preprocessing() -> None:
    seen: list[tuple[int, ...]] = []

    class Last(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            seen.append(tuple(given.shape))
            return torch.cat([-given, given], dim=-1)

    window = SlidingWindow(roi=(4, 4), overlap=0)
    network = Adapted(Last(), Adapter(layout="NHWC"), TASK, window=window)
    model = TorchModel(network, task=TASK, preprocess=Preprocess(window=(0, 10)))
    images = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(model.outputs(images)[:, 1:], images / 10)
    assert seen == [(1, 4, 4, 1)] * 4
    plain = TorchModel(Adapted(Last(), Adapter(layout="NHWC"), TASK), task=TASK)
    assert model.identity() != plain.identity()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"roi": (4,)}, "`roi` must be 2 or 3 positive numbers"),
        ({"roi": (4, 0)}, "`roi` must be 2 or 3 positive numbers"),
        ({"roi": (4, 4), "overlap": 1.0}, "at least 0 and below 1, got 1.0"),
        ({"roi": (4, 4), "blend": "mean"}, "constant or gaussian, got 'mean'"),
    ],
)
def test_settings_without_meaning_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        SlidingWindow(**options)


def test_a_model_of_whole_images_has_no_windows() -> None:
    with pytest.raises(PlanError, match="is for a segmentation, and the task is multiclass"):
        Adapted(
            nn.Identity(),
            Adapter(),
            Multiclass(classes=("a", "b")),
            window=SlidingWindow(roi=(4, 4)),
        )
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(2))
    with pytest.raises(ModelError, match="answers for each pixel"):
        SlidingWindow(roi=(4, 4))(pooled, torch.zeros(1, 1, 8, 8))
    with pytest.raises(ModelError, match="`roi` has 3 numbers, and the images have 2"):
        SlidingWindow(roi=(4, 4, 4))(pooled, torch.zeros(1, 1, 8, 8))
