"""``preprocess`` does what the transforms of MONAI's do that the documentation names beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from monai.data.meta_tensor import MetaTensor
from monai.transforms.intensity.array import NormalizeIntensity, ScaleIntensityRange
from monai.transforms.spatial.array import Orientation

from plexor.models import Preprocess

RNG = np.random.default_rng(0)
VALUES = torch.from_numpy(RNG.normal(50, 300, (1, 6, 5, 4)))


@pytest.mark.parametrize(
    ("transform", "prepare"),
    [
        (ScaleIntensityRange(-100, 400, 0, 1), Preprocess(window=(-100, 400))),
        (
            ScaleIntensityRange(-100, 400, 0, 1, clip=True),
            Preprocess(window=(-100, 400), clip=(-100, 400)),
        ),
        (NormalizeIntensity(), Preprocess(window=None)),
        (
            NormalizeIntensity(torch.tensor(40.0), torch.tensor(250.0)),
            Preprocess(window=(0, 1), mean=(40,), std=(250,)),
        ),
    ],
    ids=["range", "clipped", "z-score", "mean and deviation"],
)
def test_intensities(transform: Callable[[Any], Any], prepare: Preprocess) -> None:
    expected = np.asarray(transform(VALUES.clone()))
    np.testing.assert_allclose(prepare(VALUES[None])[0], expected, rtol=1e-6, atol=1e-6)


def test_orientation() -> None:
    affine = np.diag([-1.0, 2.0, 3.0, 1.0])[[1, 0, 2, 3]]
    turned = Orientation("RAS", labels=None)(MetaTensor(VALUES, affine=torch.from_numpy(affine)))
    axes = torch.from_numpy(affine[:3, :3].copy()).float()[None]
    found = Preprocess(orientation="RAS", window=(0, 1))(VALUES[None], axes)
    np.testing.assert_array_equal(found[0], np.asarray(turned))
