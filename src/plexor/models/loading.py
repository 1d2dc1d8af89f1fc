"""A model from what a plan says of it."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from plexor.core.errors import ModelError, PlanError
from plexor.models.architectures import build_network
from plexor.models.model import Model, ModelCard
from plexor.models.preprocess import Preprocess
from plexor.models.task import Task, task_from
from plexor.models.weights import fill, read_card, read_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """Where a model comes from.

    A file that ``plexor train`` wrote holds its card: ``weights`` alone is enough. Anything else
    needs ``classes``, and ``architecture`` or ``python``.

    Attributes:
        weights: a .safetensors file, or a torch file of tensors.
        architecture: a built-in network, see ``plexor.models.ARCHITECTURES``.
        python: "package.module:factory", a function that returns the network; it is your code and
            is run, so it needs ``--allow-code``.
        task: "multiclass" or "binary".
        classes: class names in the order of the outputs.
        threshold: for "binary", the probability above which the decision is positive.
        channels: image channels.
        spatial_dims: 2 or 3.
        preprocess: resize, window, normalise.
    """

    weights: Path | None = None
    architecture: str | None = None
    python: str | None = None
    task: str = "multiclass"
    classes: tuple[str, ...] = ()
    threshold: float = 0.5
    channels: int = 3
    spatial_dims: int = 2
    preprocess: Preprocess = Preprocess()

    def named_task(self) -> Task:
        """The task with its classes."""
        if not self.classes:
            raise PlanError("model: `classes` is needed, in the order of the model's outputs")
        if self.task == "binary":
            return task_from(self.task, self.classes, threshold=self.threshold)
        return task_from(self.task, self.classes)


def load_model(
    source: ModelSource, *, device: torch.device | None = None, allow_code: bool = False
) -> Model:
    """Builds the model, in evaluation mode, on ``device`` (the CPU if None).

    Raises:
        ModelError: weights are missing, damaged or do not fit.
        PlanError: the source is incomplete, says something else than the weights' card, or is code
            and ``allow_code`` is not set.
    """
    card = read_card(source.weights) if source.weights else None
    if card is not None:
        _check_agrees(source, card)
    else:
        card = ModelCard(
            task=source.named_task(),
            preprocess=source.preprocess,
            architecture=source.python or source.architecture or "",
            channels=source.channels,
            spatial_dims=source.spatial_dims,
        )
    network = _network(source, card, allow_code=allow_code)
    if source.weights is not None:
        fill(network, read_weights(source.weights), source=source.weights)
    return Model(
        network.eval().to(device or torch.device("cpu")),
        task=card.task,
        preprocess=card.preprocess,
        card=card,
    )


def _check_agrees(source: ModelSource, card: ModelCard) -> None:
    """Refuses a plan that wants another model than the one its weights are of."""
    for name, said, found in (
        ("architecture", source.architecture, card.architecture),
        ("classes", source.classes, card.task.classes),
        ("preprocess", source.preprocess, card.preprocess),
    ):
        if said not in (None, (), Preprocess(), found):
            raise PlanError(
                f"model: `{name}` is {said} in the plan and {found} in {source.weights}; leave it "
                "out, the weights file knows"
            )


def _network(source: ModelSource, card: ModelCard, *, allow_code: bool) -> nn.Module:
    if source.python is not None:
        return _from_python(source.python, allow_code=allow_code)
    if not card.architecture:
        raise PlanError(
            "model: give `weights` that plexor train wrote, or `architecture`, or "
            "`python: package.module:factory`"
        )
    if source.weights is None:
        raise PlanError(f"model: `weights` is needed for architecture {card.architecture!r}")
    return build_network(
        card.architecture,
        spatial_dims=card.spatial_dims or source.spatial_dims,
        channels=card.channels or source.channels,
        n_outputs=card.task.n_outputs,
    )


def _from_python(path: str, *, allow_code: bool) -> nn.Module:
    module_name, _, factory_name = path.partition(":")
    if not factory_name:
        raise PlanError(f"model: `python` must be 'package.module:factory', got {path!r}")
    if not allow_code:
        raise PlanError(
            f"model: `python: {path}` would import {module_name} and call {factory_name}(); "
            "if you trust it, add --allow-code"
        )
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        network = getattr(importlib.import_module(module_name), factory_name)()
    except Exception as error:
        raise ModelError(
            f"model: cannot get {factory_name} from {module_name}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(network, nn.Module):
        raise ModelError(
            f"model: {path} returned {type(network).__name__}, expected a torch.nn.Module"
        )
    return network
