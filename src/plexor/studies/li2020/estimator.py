"""A differentiable estimator of regional volumes, and the pipeline of estimator and hybrid.

In practice the volumes of a hybrid are measured on the same image, so that an attack on the image
moves them too. A pipeline of segmentation is not differentiable as a whole; a small network,
trained on phantoms, whose volumes are known, stands in for it. It is a regression of the volumes
from the image, not a segmentation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor, nn

from plexor.cases import Case, Cohort, Image, read_case
from plexor.core.errors import ModelError
from plexor.core.files import write_atomic
from plexor.core.ids import digest
from plexor.core.seeds import seed_for
from plexor.models import Features, ModelCard, Preprocess, Scaling, Task, TorchModel
from plexor.models.architectures import build_network
from plexor.models.batch import Batch, axes_of
from plexor.models.features import Feature, fitted_features
from plexor.models.model import ModelAccess

_BATCH, _RATE = 8, 3e-3
_CARD = "li2020_estimator"
_LIMITS_OF_AGREEMENT = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """A network from an image to standardised volumes.

    Attributes:
        network: takes (N, 1, *size), returns (N, len(features)).
        preprocess: of its input.
        features: what its outputs are, and how they are standardised.
    """

    network: nn.Module
    preprocess: Preprocess
    features: tuple[Feature, ...]

    def estimate(self, images: Tensor, scaling: Scaling | None) -> Features:
        """Volumes in ml of stored images (N, 1, X, Y, Z), differentiable in these."""
        values = images if scaling is None else scaling.values(images)
        inputs = self.preprocess(values, None if scaling is None else scaling.axes)
        scores: Tensor = self.network(inputs)
        mean, std = (
            scores.new_tensor([getattr(feature, name) for feature in self.features])
            for name in ("mean", "std")
        )
        return Features(
            names=tuple(feature.name for feature in self.features), values=scores * std + mean
        )

    def save(self, path: Path) -> None:
        """Writes weights and card to one safetensors file."""
        about = {
            "preprocess": asdict(self.preprocess),
            "features": [asdict(feature) for feature in self.features],
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
            weights = safetensors.torch.load_file(path)
        except Exception as error:
            raise ModelError(
                f"{path} holds no estimator of volumes: {error}; remove it and run the study again"
            ) from error
        card = ModelCard.from_dict({"task": {"kind": "regression", "unit": "ml"}, **about})
        network = _network(len(card.features))
        network.load_state_dict(weights)
        return cls(
            network=network.eval().requires_grad_(requires_grad=False),
            preprocess=card.preprocess or Preprocess(),
            features=card.features,
        )


class Pipeline:
    """A model whose features are estimated from the image, so that it takes the image only.

    Args:
        inner: a model that takes features.
        estimator: estimates the features.
    """

    def __init__(self, inner: TorchModel, estimator: Estimator) -> None:
        self.inner, self.estimator = inner, estimator
        self.card = ModelCard(
            task=inner.task, architecture=f"{inner.card.architecture}, volumes estimated"
        )

    @property
    def task(self) -> Task:
        """See ``Model``."""
        return self.inner.task

    @property
    def access(self) -> ModelAccess:
        """See ``Model``."""
        return "gradients"

    @property
    def device(self) -> torch.device:
        """See ``Model``."""
        return self.inner.device

    def to(self, device: torch.device) -> Self:
        """See ``Model``; moves both networks."""
        self.inner.to(device)
        self.estimator.network.to(device)
        return self

    def identity(self) -> str:
        """SHA-256 of both models."""
        weights = self.estimator.network.state_dict()
        parts = [[name, digest(tensor.flatten().tolist())] for name, tensor in weights.items()]
        return digest([self.inner.identity(), parts])

    def outputs(
        self,
        images: Tensor,
        scaling: Scaling | None = None,
        features: Features | None = None,  # noqa: ARG002 (it takes the image only)
    ) -> Tensor:
        """Outputs of the inner model with estimated features; ``features`` is not used."""
        return self.inner.outputs(images, scaling, self.estimator.estimate(images, scaling))


def train_estimator(
    cohort: Cohort,
    path: Path,
    *,
    preprocess: Preprocess,
    n_steps: int,
    seed: int,
    advance: Callable[[int, int, str], None],
) -> None:
    """Trains on the cases of a cohort by squared error of standardised volumes, and saves.

    Args:
        cohort: cases with features.
        path: the file to write.
        preprocess: of the network's input.
        n_steps: batches of 8 in an order drawn anew for each pass.
        seed: of initial weights and order.
        advance: called after each step.
    """
    features = fitted_features(cohort.cases)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "estimator"))
        network = _network(len(features)).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=_RATE, total_steps=n_steps)
    draw = torch.Generator().manual_seed(seed_for(seed, "estimator", "order"))
    order: list[int] = []
    for step in range(n_steps):
        if len(order) < min(_BATCH, len(cohort)):
            order += torch.randperm(len(cohort), generator=draw).tolist()
        chosen, order = order[:_BATCH], order[_BATCH:]
        # read anew each time, so that memory does not grow with the cohort
        inputs, volumes = _examples([cohort.cases[i] for i in chosen], preprocess, features)
        loss = (network(inputs) - volumes).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        advance(step + 1, n_steps, f"loss {float(loss.detach()):.3f}")
    Estimator(network=network.eval(), preprocess=preprocess, features=features).save(path)


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
        feature.name: float(f"{radius:.3g}")
        for feature, radius in zip(estimator.features, spread.tolist(), strict=True)
    }


def estimator_errors(estimator: Estimator, cases: Sequence[Case]) -> dict[str, tuple[float, float]]:
    """Mean absolute error of each estimated volume in ml, and its correlation with the true one.

    Args:
        estimator: measures.
        cases: with true volumes as features.
    """
    found = torch.stack([volumes_of(estimator, read_case(case)) for case in cases]).double()
    names = [feature.name for feature in estimator.features]
    true = torch.tensor([[case.features[name] for name in names] for case in cases]).double()
    errors = (found - true).abs().mean(0)
    return {
        name: (
            float(errors[n]),
            float(torch.corrcoef(torch.stack([found[:, n], true[:, n]]))[0, 1]),
        )
        for n, name in enumerate(names)
    }


def volumes_of(estimator: Estimator, image: Image) -> Tensor:
    """Estimated volumes of one image in ml, (n,)."""
    batch = Batch.of(["one"], [image], torch.zeros(1), torch.device("cpu"))
    with torch.no_grad():
        return estimator.estimate(batch.images, batch.scaling).values[0]


def _network(n_outputs: int) -> nn.Module:
    return build_network("brain-age", spatial_dims=3, channels=1, n_outputs=n_outputs)


def _examples(
    cases: Sequence[Case], preprocess: Preprocess, features: Sequence[Feature]
) -> tuple[Tensor, Tensor]:
    """Network inputs (N, 1, *size) and standardised volumes (N, n)."""
    device = torch.device("cpu")
    inputs = []
    for case in cases:
        image = read_case(case)
        batch = Batch.of([case.id], [image], torch.zeros(1), device)
        inputs.append(preprocess(batch.scaling.values(batch.images), axes_of([image], device)))
    given = Features.of(cases, device)
    assert given is not None  # noqa: S101 (our own cohorts have them)
    return torch.cat(inputs), given.standardised(features)
