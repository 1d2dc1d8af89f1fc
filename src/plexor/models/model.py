"""What is audited: preprocessing, network and task as one thing that takes stored images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError
from plexor.models.batch import Scaling
from plexor.models.device import is_out_of_memory
from plexor.models.preprocess import Preprocess, resampled
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task, check_outputs, task_from


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What one must know of a model to use it, and to say in a report which one it was.

    Attributes:
        task: what outputs mean, with the class names.
        preprocess: what happens to an image before the network.
        architecture: a built-in's name, or the import path of the user's own.
        channels: image channels the network takes.
        spatial_dims: 2 or 3.
        weights_sha256: of the weights; "" for a model handed over in memory.
        training: how it was trained, plain data; empty where Plexor did not.
    """

    task: Task
    preprocess: Preprocess
    architecture: str = ""
    channels: int | None = None
    spatial_dims: int | None = None
    weights_sha256: str = ""
    training: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Plain data; ``from_dict`` gives the card back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelCard:
        """A card from plain data, as a weights file or a plan holds it."""
        rest = dict(data)
        task = dict(rest.pop("task"))
        preprocess = {
            key: tuple(item) if isinstance(item, list) else item
            for key, item in rest.pop("preprocess").items()
        }
        return cls(task=task_from(**task), preprocess=Preprocess(**preprocess), **rest)


class Model:
    """A network with its preprocessing and task.

    Args:
        network: takes (N, C, *size), gives logits (N, n_outputs), for a segmentation
            (N, n_outputs, *any size). It is put in evaluation mode, its parameters are frozen, and
            it stays where it is, on its own device.
        task: what the logits mean.
        preprocess: from stored values to the network's input.
        card: where the model comes from; made from the rest if not given.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        task: Task,
        preprocess: Preprocess | None = None,
        card: ModelCard | None = None,
    ) -> None:
        self.was_training = network.training
        self.network = network.eval().requires_grad_(requires_grad=False)
        self.task = task
        self.preprocess = preprocess or Preprocess()
        self.card = card or ModelCard(
            task=task, preprocess=self.preprocess, architecture=type(network).__qualname__
        )

    @property
    def device(self) -> torch.device:
        """Where the network's first parameter is; the CPU for a network without any."""
        parameter = next(self.network.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    def outputs(self, images: Tensor, scaling: Scaling | None = None) -> Tensor:
        """Logits (N, n_outputs), float32, differentiable in ``images``.

        Of a segmentation (N, n_outputs, *spatial): where the network works at another size than
        the image's own, its logits are interpolated back, as ``resampled`` does.

        Args:
            images: stored numbers, (N, C, *spatial).
            scaling: from stored numbers to values; None where they are the same.

        Raises:
            ModelError: images the network cannot take, or outputs of a wrong shape. Running out
                of memory is let through as it is.
        """
        values = images if scaling is None else scaling.values(images)
        channels = self.card.channels
        if channels is not None and images.shape[1] != channels:
            raise ModelError(
                f"the model takes images with {channels} channels, got {images.shape[1]}"
            )
        inputs = self.preprocess(values)
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        try:
            outputs: Tensor = self.network(inputs)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelError(
                f"the network fails on images of shape {tuple(images.shape[1:])}: "
                f"{type(error).__name__}: {error}"
            ) from error
        spatial = tuple(images.shape[2:])
        check_outputs(self.task, outputs, len(images), spatial_dims=len(spatial))
        if isinstance(self.task, Segmentation):
            return resampled(outputs.float(), spatial)
        return outputs.float()
