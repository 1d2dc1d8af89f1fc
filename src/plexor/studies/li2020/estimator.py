"""A differentiable estimator of regional volumes: a segmentation network trained on phantoms.

In practice the volumes of a hybrid are measured on the same image, so that an attack on the image
moves them too. A pipeline of segmentation is not differentiable as a whole; a small U-Net stands in
for it. As in a pipeline, a volume is the sum over voxels of the probability of its region times the
volume of a voxel: it moves only as far as the segmentation does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor, nn

from plexor.cases import Case, Image, read_case
from plexor.cases.phantoms.ageing import REGIONS
from plexor.core.errors import ModelError
from plexor.core.files import write_atomic
from plexor.models import Features, ModelCard, Preprocess, Scaling
from plexor.models.architectures import build_network
from plexor.models.batch import Batch
from plexor.studies.li2020.layout import FEATURES

N_CLASSES = len(REGIONS) + 2
"""The regions, what else the cranial cavity holds, and all outside of it."""
_CARD = "li2020_estimator"
_LIMITS_OF_AGREEMENT = 1.96
_MM3_PER_ML = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """A segmentation network whose soft volumes are the features of a hybrid.

    Attributes:
        network: takes (N, 1, *size), returns logits (N, ``N_CLASSES``, *size).
        preprocess: of its input; its ``spacing_mm`` is the edge of the voxels that are counted.
        slopes: of the calibration of each of ``FEATURES``, see ``calibrated``.
        intercepts: of the calibration, in ml.
    """

    network: nn.Module
    preprocess: Preprocess
    slopes: tuple[float, ...] = (1.0,) * len(FEATURES)
    intercepts: tuple[float, ...] = (0.0,) * len(FEATURES)

    def __post_init__(self) -> None:
        if self.preprocess.spacing_mm is None:
            raise ModelError(
                "an estimator of volumes counts voxels of a known size; its preprocessing needs "
                "`spacing_mm`"
            )

    def shares(self, images: Tensor, scaling: Scaling | None) -> Tensor:
        """Probability of each class in each voxel, (N, ``N_CLASSES``, *size), of stored images."""
        values = images if scaling is None else scaling.values(images)
        inputs = self.preprocess(values, None if scaling is None else scaling.axes)
        return torch.softmax(self.network(inputs), dim=1)

    def estimate(self, images: Tensor, scaling: Scaling | None) -> Features:
        """``FEATURES`` in ml of stored images (N, 1, X, Y, Z), differentiable in these."""
        voxel_ml = (self.preprocess.spacing_mm or 1.0) ** 3 / _MM3_PER_ML
        ml = self.shares(images, scaling).flatten(2).sum(2) * voxel_ml
        skull = ml[:, :-1].sum(1, keepdim=True)
        counted = torch.cat([ml[:, : len(REGIONS)], skull], dim=1)
        slopes, intercepts = (ml.new_tensor(line) for line in (self.slopes, self.intercepts))
        return Features(names=FEATURES, values=counted * slopes + intercepts)

    def save(self, path: Path) -> None:
        """Writes weights and card to one safetensors file."""
        about = {
            "preprocess": asdict(self.preprocess),
            "slopes": self.slopes,
            "intercepts": self.intercepts,
        }
        tensors = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        metadata = {_CARD: json.dumps(about)}
        write_atomic(path, safetensors.torch.save(tensors, metadata=metadata))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what ``save`` wrote.

        Raises:
            ModelError: the file is damaged or holds something else.
        """
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})[_CARD])
            network = segmentation_network()
            network.load_state_dict(safetensors.torch.load_file(path))
        except Exception as error:
            raise ModelError(
                f"{path} holds no estimator of volumes: {error}; remove it and run the study again"
            ) from error
        task = {"kind": "regression", "unit": "ml"}
        card = ModelCard.from_dict({"task": task, "preprocess": about["preprocess"]})
        return cls(
            network=network.eval().requires_grad_(requires_grad=False),
            preprocess=card.preprocess or Preprocess(),
            slopes=tuple(about["slopes"]),
            intercepts=tuple(about["intercepts"]),
        )


def segmentation_network() -> nn.Module:
    """A U-Net with random weights, see ``plexor.models.architectures.unet``."""
    return build_network("small-unet", spatial_dims=3, channels=1, n_outputs=N_CLASSES)


def calibrated(estimator: Estimator, cases: Sequence[Case]) -> Estimator:
    """The estimator with a straight line for each volume, least squares of true on counted volumes.

    The line takes the mean error of the segmentation out, and of the intracranial volume the rim
    of fluid within the phantom's skull that its true volume does not count.

    Args:
        estimator: its own lines are replaced.
        cases: with true volumes as features.
    """
    plain = replace(estimator, slopes=(1.0,) * len(FEATURES), intercepts=(0.0,) * len(FEATURES))
    counted, true = _counted_and_true(plain, cases)
    apart = counted - counted.mean(0)
    spread = apart.square().sum(0)
    # a volume that is counted alike in everybody tells nothing: the mean is its best estimate
    slopes = torch.where(spread > 0, (apart * true).sum(0) / spread.clamp(min=1e-12), 0.0)
    intercepts = true.mean(0) - slopes * counted.mean(0)
    return replace(plain, slopes=tuple(slopes.tolist()), intercepts=tuple(intercepts.tolist()))


def rescan_radii(estimator: Estimator, cases: Sequence[Case]) -> dict[str, float]:
    """Repeatability of each estimated volume between two scans of a person, in ml.

    1.96 times the standard deviation of one measurement: half of the 95 % limits of agreement
    divided by the square root of 2 (Bland & Altman, Lancet 1986;1:307, repeatability). Rounded to
    three significant figures.

    Args:
        estimator: the estimator.
        cases: two scans of each person; a person is a group.
    """
    by_person: dict[str, list[Tensor]] = {}
    for case in cases:
        by_person.setdefault(case.group, []).append(volumes_of(estimator, read_case(case)))
    pairs = torch.stack([torch.stack(scans[:2]) for scans in by_person.values()])
    spread = (pairs[:, 0] - pairs[:, 1]).square().mean(0).div(2).sqrt() * _LIMITS_OF_AGREEMENT
    return {
        name: float(f"{radius:.3g}") for name, radius in zip(FEATURES, spread.tolist(), strict=True)
    }


def estimator_errors(estimator: Estimator, cases: Sequence[Case]) -> dict[str, tuple[float, float]]:
    """Mean absolute error of each estimated volume in ml, and its correlation with the true one.

    Args:
        estimator: measures.
        cases: with true volumes as features.
    """
    found, true = _counted_and_true(estimator, cases)
    errors = (found - true).abs().mean(0)
    return {
        name: (
            float(errors[n]),
            float(torch.corrcoef(torch.stack([found[:, n], true[:, n]]))[0, 1]),
        )
        for n, name in enumerate(FEATURES)
    }


def volumes_of(estimator: Estimator, image: Image) -> Tensor:
    """Estimated volumes of one image in ml, (n,)."""
    batch = Batch.of(["one"], [image], torch.zeros(1), torch.device("cpu"))
    with torch.no_grad():
        return estimator.estimate(batch.images, batch.scaling).values[0]


def _counted_and_true(estimator: Estimator, cases: Sequence[Case]) -> tuple[Tensor, Tensor]:
    """Estimated and true volumes in ml, each (cases, features)."""
    found = torch.stack([volumes_of(estimator, read_case(case)) for case in cases])
    true = torch.tensor([[case.features[name] for name in FEATURES] for case in cases])
    return found.double(), true.double()
