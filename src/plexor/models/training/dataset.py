"""Cases as training examples: read, resized, augmented with draws seeded by epoch and case."""

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
from torch.nn import functional
from torch.utils.data import Dataset

from plexor.cases import Case, Image, read_case, truth_of
from plexor.core.errors import DataError
from plexor.core.seeds import seed_for
from plexor.models.batch import axes_of
from plexor.models.features import Feature, Features
from plexor.models.orientation import reorderings, turned
from plexor.models.preprocess import Preprocess
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task
from plexor.models.training.config import Augmentation
from plexor.models.truth import encode

_NUMPY_SEED = 2**32


Example = tuple[Tensor, Tensor, Tensor]
"""Network input, standardised features and label."""


class CaseDataset(Dataset[Example]):
    """Network input (C, *size) float32, features (n,) float32 and label of each case.

    The label of a segmentation is its mask, (*size) int64, resized to the network's size by nearest
    neighbour and transformed together with its image.

    Args:
        cases: the cases.
        task: the task that their truths are of.
        preprocess: of the model.
        channels: number of channels that every image must have.
        features: numbers beside the image, standardised by their mean and standard deviation; the
            second tensor has no element where there are none.
        augment: random changes; None for unchanged images.
        seed: of the random changes.
        epoch: of the random changes.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        task: Task,
        preprocess: Preprocess,
        *,
        channels: int,
        features: Sequence[Feature] = (),
        augment: Augmentation | None = None,
        seed: int = 0,
        epoch: int = 0,
    ) -> None:
        self.cases = cases
        self.task = task
        masked = isinstance(task, Segmentation)
        self.labels = torch.empty(0) if masked else encode(task, [case.truth for case in cases])
        self.preprocess = preprocess
        self.channels = channels
        given = Features.of(cases, torch.device("cpu")) if features else None
        self.features = (
            torch.empty(len(cases), 0) if given is None else given.standardised(features)
        )
        spatial_dims = len(preprocess.size or ())
        self.move_image, self.move_mask = (
            None if augment is None else _transform(augment, spatial_dims, of_mask=of_mask)
            for of_mask in (False, True)
        )
        self.seed = seed
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> Example:
        case = self.cases[index]
        image = read_case(case)
        if len(image.pixels) != self.channels:
            raise DataError(
                f"{case.path} has {len(image.pixels)} channels, expected {self.channels} as in the "
                "first image of the training split"
            )
        stored = torch.from_numpy(image.pixels.astype(np.float32))[None]
        values = stored * image.intensity.slope + image.intensity.intercept
        axes = axes_of([image], values.device)
        scaled = self.preprocess.scale(self.preprocess.resize(values, axes))
        draws = seed_for(self.seed, "augment", str(self.epoch), case.id) % _NUMPY_SEED
        if self.move_image is not None:
            scaled = _drawn(self.move_image, scaled[0], draws)[None]
        inputs = self.preprocess.normalise(scaled)[0]
        if isinstance(self.task, Segmentation):
            return inputs, self.features[index], self._mask(self.task, case, image, draws)
        return inputs, self.features[index], self.labels[index]

    def _mask(self, task: Segmentation, case: Case, image: Image, draws: int) -> Tensor:
        label = encode(task, [truth_of(case, image)])
        if (code := self.preprocess.orientation) is not None:
            (turn,) = reorderings(axes_of([image], label.device), code)
            label = turned(label[None], turn)[0]
        size = self.preprocess.size or tuple(label.shape[1:])
        resized = functional.interpolate(label[None].float(), size, mode="nearest-exact")[0]
        if self.move_mask is not None:
            resized = _drawn(self.move_mask, resized, draws)
        return resized[0].long()


def _drawn(transform: Compose, image: Tensor, seed: int) -> Tensor:
    """The image (C, *size), transformed with the draws of this seed."""
    transform.set_random_state(seed=seed)
    moved: Tensor = convert_to_tensor(transform(image), track_meta=False)
    return moved


def _transform(augment: Augmentation, spatial_dims: int, *, of_mask: bool) -> Compose:
    """MONAI's random transforms, whose random state is set before each case.

    Spatial transforms come first, so that an image and its mask, which has only these, get the same
    draws.
    """
    steps: list[Callable[..., Any]] = [
        RandFlip(prob=0.5, spatial_axis=axis) for axis in augment.flip
    ]
    n_angles = 1 if spatial_dims == 2 else 3
    if augment.rotate_degrees or augment.zoom:
        steps.append(
            RandAffine(
                prob=0.9,
                rotate_range=[np.deg2rad(augment.rotate_degrees)] * n_angles,
                scale_range=[augment.zoom] * spatial_dims,
                padding_mode="reflection",
                mode="nearest" if of_mask else "bilinear",
            )
        )
    if of_mask:
        return Compose(steps)
    if augment.brightness:
        steps.append(RandShiftIntensity(offsets=augment.brightness, prob=0.9))
    if augment.contrast:
        gamma = (1 - augment.contrast, 1 + augment.contrast)
        steps.append(RandAdjustContrast(prob=0.9, gamma=gamma))
    return Compose(steps)
