"""Volumes turned to a network's axes, against nibabel; clipping, against NumPy."""

from __future__ import annotations

from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError
from plexor.models import Preprocess, Scaling, Segmentation, TorchModel
from plexor.models.preprocess import percentile

VOLUME = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
AFFINES = {
    "PSR": [[0, 0, 2, 0], [-2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1]],
    "LPS": [[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]],
    "oblique AIL": [[0.2, 0.1, -2, 0], [1, 0.3, 0.1, 0], [0.3, -1.5, 0, 0], [0, 0, 0, 1]],
}


def scaling(*affines: Any) -> Scaling:
    ones = torch.ones(len(affines), 1, 1, 1, 1)
    axes = torch.tensor(np.array(affines)[:, :3, :3], dtype=torch.float32)
    return Scaling(slope=ones, intercept=0 * ones, axes=axes)


@pytest.mark.parametrize("code", ["RAS", "LPS", "SRA", "IPL"])
@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_a_network_sees_the_volume_that_nibabel_turns(affine: Any, code: str) -> None:
    nib: Any = nibabel
    stored = nib.Nifti1Image(VOLUME, np.array(affine, dtype=float))
    axes = nib.orientations
    turn = axes.ornt_transform(axes.io_orientation(stored.affine), axes.axcodes2ornt(tuple(code)))
    wanted = np.asarray(stored.as_reoriented(turn).dataobj)
    prepare = Preprocess(orientation=code, window=(0, 1))
    found = prepare(torch.tensor(VOLUME)[None, None], scaling(affine).axes)
    np.testing.assert_array_equal(found[0, 0], wanted)


class RightOf(nn.Module):
    """Logits that grow from left to right, whatever the image is."""

    def forward(self, given: Tensor) -> Tensor:
        places = torch.arange(given.shape[2], dtype=given.dtype).view(1, 1, -1, 1, 1)
        return given * 0 + places


def test_answers_for_voxels_are_turned_back_to_where_the_file_has_them() -> None:
    """Two volumes of one stored shape: R grows along the last axis of one, falls along the first of
    the other."""
    task = Segmentation(classes=("right",))
    prepare = Preprocess(orientation="RAS", size=(6, 6, 6))
    model = TorchModel(RightOf(), task=task, preprocess=prepare)
    images = torch.rand(2, 1, 6, 6, 6, requires_grad=True)
    found = model.outputs(images, scaling(AFFINES["PSR"], AFFINES["LPS"]))
    steps = torch.arange(6.0)
    assert torch.equal(found[0, 0], steps.expand(6, 6, 6))
    assert torch.equal(found[1, 0], steps.flip(0).view(6, 1, 1).expand(6, 6, 6))
    (gradient,) = torch.autograd.grad(found.sum(), images)
    assert gradient.shape == images.shape


def test_what_cannot_be_turned_is_refused() -> None:
    prepare = Preprocess(orientation="RAS")
    with pytest.raises(ModelError, match="does not say how its own run"):
        prepare(torch.zeros(1, 1, 2, 2, 2))
    both = scaling(AFFINES["PSR"], AFFINES["LPS"]).axes
    with pytest.raises(ModelError, match=r"write `preprocess\.size`"):
        prepare(torch.zeros(2, 1, 3, 4, 5), both)
    for code in ("RLS", "RA", "RASI", "xyz"):
        with pytest.raises(PlanError, match="one letter of each of R or L"):
            Preprocess(orientation=code)
    with pytest.raises(PlanError, match="leave `orientation` out"):
        Preprocess(orientation="RAS", spacing_mm=2, size=(4, 4, 4))


@pytest.mark.parametrize("percent", [0, 0.5, 33.3, 50, 99.5, 100])
def test_percentiles_are_numpys(percent: float) -> None:
    values = torch.randn(3, 2, 7, 5, dtype=torch.float64)
    wanted = np.percentile(values.flatten(1).numpy(), percent, axis=1)
    np.testing.assert_allclose(percentile(values, percent).flatten(), wanted, rtol=1e-12)


def test_values_beyond_are_clipped_before_scaling() -> None:
    values = torch.tensor([[[-2000.0, -1000.0, 0.0, 3000.0]]])
    clipped = Preprocess(clip=(-1000, 400), window=(-1000, 400))(values)
    np.testing.assert_allclose(clipped, [[[0, 0, 1000 / 1400, 1]]], rtol=1e-6)
    inner = Preprocess(clip_percentiles=(0, 50), window=(0, 1))(values)
    np.testing.assert_allclose(inner, [[[-2000, -1000, -500, -500]]])
    with pytest.raises(PlanError, match="`clip` must be"):
        Preprocess(clip=(3, 3))
    with pytest.raises(PlanError, match="`clip_percentiles` must be"):
        Preprocess(clip_percentiles=(5, 101))
