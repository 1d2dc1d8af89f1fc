"""A model from what a plan says of it."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from plexor.core.errors import ModelError, PlanError, unknown
from plexor.models.architectures import build_network, check_architecture
from plexor.models.card import ModelCard
from plexor.models.preprocess import Preprocess
from plexor.models.task import TASKS, task_from
from plexor.models.torch_model import TorchModel
from plexor.models.weights import fill, read_card, read_weights

_CHANNELS, _SPATIAL_DIMS = 3, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """Where a model comes from.

    A file that ``plexor train`` wrote holds its card: ``weights`` alone is enough, and what is said
    beside it must be what the card says. Anything else needs ``classes``, and ``architecture`` or
    ``python``.

    Attributes:
        weights: a .safetensors file, or a torch file of tensors.
        architecture: a built-in network, see ``plexor.models.ARCHITECTURES``.
        python: "package.module:factory", a function that returns the network; it is your code and
            is run, so it needs ``--allow-code``.
        task: "multiclass", "binary", "multilabel", "regression" or "segmentation"; the card's if
            not given, without a card "multiclass".
        classes: class names, or findings, in the order of the outputs; none for a regression; for a
            segmentation with the background first, or a single one from one logit.
        threshold: for "binary", "multilabel" and a "segmentation" of one logit, the probability
            above which the decision is positive; for several findings one for all, or one each. The
            card's if not given, without a card 0.5.
        unit: for "regression", what the number counts, e.g. "years".
        channels: image channels; the card's if not given, without a card 3.
        spatial_dims: 2 or 3; the card's if not given, without a card 2.
        preprocess: resize, window, normalise.
    """

    weights: Path | None = None
    architecture: str | None = None
    python: str | None = None
    task: str | None = None
    classes: tuple[str, ...] = ()
    threshold: float | tuple[float, ...] | None = None
    unit: str | None = None
    channels: int | None = None
    spatial_dims: int | None = None
    preprocess: Preprocess = Preprocess()

    def __post_init__(self) -> None:
        if self.architecture is not None:
            check_architecture(self.architecture, task=self.task)
        if self.task is not None and self.task not in TASKS:
            raise PlanError(unknown("task", self.task, TASKS))

    def described(self) -> ModelCard:
        """The card of a model that has none.

        Raises:
            PlanError: ``classes`` is missing, or task, classes, threshold and unit do not go
                together.
        """
        kind = self.task or "multiclass"
        if not self.classes and kind != "regression":
            raise PlanError("model: `classes` is needed, in the order of the model's outputs")
        if kind == "multiclass" and self.threshold is not None:
            raise PlanError(
                "model: `threshold` means nothing to a multiclass task, whose greatest output "
                "decides; leave it out, or say `task: binary`"
            )
        task = task_from(kind, self.classes, threshold=self.threshold, unit=self.unit)
        return ModelCard(
            task=task,
            preprocess=self.preprocess,
            architecture=self.python or self.architecture or "",
            channels=self.channels or _CHANNELS,
            spatial_dims=self.spatial_dims or _SPATIAL_DIMS,
        )


def load_model(
    source: ModelSource, *, device: torch.device | None = None, allow_code: bool = False
) -> TorchModel:
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
        card = source.described()
    network = _network(source, card, allow_code=allow_code)
    if source.weights is not None:
        fill(network, read_weights(source.weights), source=source.weights)
    return TorchModel(
        network.eval().to(device or torch.device("cpu")),
        task=card.task,
        preprocess=card.preprocess,
        card=card,
    )


def _check_agrees(source: ModelSource, card: ModelCard) -> None:
    """Refuses a plan that wants another model than the one its weights are of."""
    for name, said, found in (
        ("architecture", source.architecture, card.architecture),
        ("task", source.task, card.task.kind),
        ("classes", source.classes, card.task.classes),
        ("threshold", source.threshold, getattr(card.task, "threshold", None)),
        ("unit", source.unit, getattr(card.task, "unit", None)),
        ("channels", source.channels, card.channels or source.channels),
        ("spatial_dims", source.spatial_dims, card.spatial_dims or source.spatial_dims),
        ("preprocess", source.preprocess, card.preprocess),
    ):
        if said not in (None, (), Preprocess(), found):
            raise PlanError(
                f"model: `{name}` is {said} in the plan and {found or 'nothing'} in "
                f"{source.weights}; leave it out, the weights file knows"
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
        spatial_dims=card.spatial_dims or source.spatial_dims or _SPATIAL_DIMS,
        channels=card.channels or source.channels or _CHANNELS,
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
