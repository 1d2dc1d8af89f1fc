"""Cases as training examples: read, resized, augmented; every draw named by epoch and case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import RandAdjustContrast, RandShiftIntensity
from monai.transforms.spatial.array import RandAffine, RandFlip
from monai.utils.type_conversion import convert_to_tensor
from torch import Tensor
from torch.utils.data import Dataset

from plexor.cases import Case, read_image
from plexor.core.errors import DataError
from plexor.core.seeds import seed_for
from plexor.models.preprocess import Preprocess
from plexor.models.training.config import Augmentation

_NUMPY_SEED = 2**32


class CaseDataset(Dataset[tuple[Tensor, Tensor]]):
    """(network input (C, *size) float32, label) of each case.

    Args:
        cases: the cases.
        labels: their labels, (N,) int64.
        preprocess: the model's.
        channels: what every image must have.
        augment: the draws, or None for images as they are.
        seed: of the draws.
        epoch: of the draws.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        labels: Tensor,
        preprocess: Preprocess,
        *,
        channels: int,
        augment: Augmentation | None = None,
        seed: int = 0,
        epoch: int = 0,
    ) -> None:
        self.cases = cases
        self.labels = labels
        self.preprocess = preprocess
        self.channels = channels
        self.transform = None if augment is None else _transform(augment, preprocess)
        self.seed = seed
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        case = self.cases[index]
        image = read_image(case.path)
        if len(image.pixels) != self.channels:
            raise DataError(
                f"{case.path} has {len(image.pixels)} channels, the others have {self.channels}"
            )
        stored = torch.from_numpy(image.pixels.astype(np.float32))[None]
        values = stored * image.intensity.slope + image.intensity.intercept
        scaled = self.preprocess.scale(self.preprocess.resize(values))
        if self.transform is not None:
            seed = seed_for(self.seed, "augment", str(self.epoch), case.id) % _NUMPY_SEED
            self.transform.set_random_state(seed=seed)
            scaled = convert_to_tensor(self.transform(scaled[0]), track_meta=False)[None]
        return self.preprocess.normalise(scaled)[0], self.labels[index]


def _transform(augment: Augmentation, preprocess: Preprocess) -> Compose:
    """MONAI's random transforms; each draws from the state that is set before each case."""
    steps: list[Callable[..., Any]] = [
        RandFlip(prob=0.5, spatial_axis=axis) for axis in augment.flip
    ]
    spatial_dims = len(preprocess.size or ())
    n_angles = 1 if spatial_dims == 2 else 3
    if augment.rotate_degrees or augment.zoom:
        steps.append(
            RandAffine(
                prob=0.9,
                rotate_range=[np.deg2rad(augment.rotate_degrees)] * n_angles,
                scale_range=[augment.zoom] * spatial_dims,
                padding_mode="reflection",
            )
        )
    if augment.brightness:
        steps.append(RandShiftIntensity(offsets=augment.brightness, prob=0.9))
    if augment.contrast:
        gamma = (1 - augment.contrast, 1 + augment.contrast)
        steps.append(RandAdjustContrast(prob=0.9, gamma=gamma))
    return Compose(steps)
