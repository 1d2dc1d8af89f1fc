"""Models from weights, built-in networks and Python functions."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from plexor.core.door import option
from plexor.core.errors import ModelError, PlanError, brief
from plexor.models.architectures import build_network
from plexor.models.card import ModelCard
from plexor.models.foreign_code import foreign_code
from plexor.models.model_source import CHANNELS, SPATIAL_DIMS, ModelSource
from plexor.models.preprocess import Preprocess
from plexor.models.sources.adapter import Adapted, Adapter
from plexor.models.torch_model import TorchModel
from plexor.models.weights import fill, read_card, read_weights


def load_model(
    source: ModelSource, *, device: torch.device | None = None, allow_code: bool = False
) -> TorchModel:
    """Builds the model and loads its weights, in evaluation mode.

    Args:
        source: where the model comes from.
        device: where its network is placed; the CPU if None.
        allow_code: whether ``source.python`` may be imported and called.

    Raises:
        ModelError: weights are missing, damaged or do not fit.
        PlanError: the source is incomplete, contradicts the weights' card, or is code and
            ``allow_code`` is not set.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> from plexor.models import ModelCard, Multiclass, Preprocess, save_weights
        >>> from plexor.models.architectures import build_network
        >>> task = Multiclass(classes=("benign", "malignant"))
        >>> card = ModelCard(
        ...     task=task,
        ...     preprocess=Preprocess(),
        ...     architecture="small-cnn",
        ...     channels=3,
        ...     spatial_dims=2,
        ... )
        >>> network = build_network("small-cnn", spatial_dims=2, channels=3, n_outputs=2)
        >>> with TemporaryDirectory() as folder:
        ...     weights = Path(folder) / "lesions.safetensors"
        ...     save_weights(weights, network, card)
        ...     model = load_model(ModelSource(weights=weights))
        >>> model.outputs(torch.zeros(4, 3, 32, 32)).shape
        torch.Size([4, 2])
    """
    if source.foreign is not None:
        raise PlanError(
            f"model: `{source.foreign}` names a model of another program; open it with "
            "plexor.open_model"
        )
    card = card_of(source)
    network = _network(source, card, allow_code=allow_code)
    if source.weights is not None:
        fill(network, read_weights(source.weights), source=source.weights)
    if source.adapter != Adapter() or source.sliding_window is not None:
        network = Adapted(
            network,
            source.adapter,
            card.task,
            features=[feature.name for feature in card.features],
            window=source.sliding_window,
        )
    model = TorchModel(network.eval(), task=card.task, preprocess=card.preprocess, card=card)
    try:
        return model.to(device or torch.device("cpu"))
    except NotImplementedError as error:
        raise ModelError(
            f"model: {type(network).__name__} has parameters on meta, which hold no numbers; load "
            "weights into it"
        ) from error


def card_of(source: ModelSource) -> ModelCard:
    """The card of a model's weights, checked against the plan; without one, that of the plan.

    Raises:
        ModelError: the weights are missing or damaged.
        PlanError: the source is incomplete, or contradicts the weights' card.
    """
    card = read_card(source.weights) if source.weights else None
    if card is None:
        return source.described()
    _check_agrees(source, card)
    return card


def _check_agrees(source: ModelSource, card: ModelCard) -> None:
    """Refuses a plan that contradicts the card of its weights."""
    for name, said, found in (
        ("architecture", source.architecture, card.architecture),
        ("task", source.task, card.task.kind),
        ("classes", source.classes, card.task.classes),
        ("threshold", source.threshold, getattr(card.task, "threshold", None)),
        ("unit", source.unit, getattr(card.task, "unit", None)),
        ("channels", source.channels, card.channels or source.channels),
        ("spatial_dims", source.spatial_dims, card.spatial_dims or source.spatial_dims),
        ("preprocess", source.preprocess, card.preprocess),
        ("features", source.features, card.features),
    ):
        if said not in (None, (), Preprocess(), found):
            raise PlanError(
                f"model: `{name}` is {said} in the plan and {found or 'nothing'} in the card of "
                f"{source.weights}; leave it out of the plan"
            )


def _network(source: ModelSource, card: ModelCard, *, allow_code: bool) -> nn.Module:
    if source.python is not None:
        return _from_python(source.python, allow_code=allow_code)
    if not card.architecture:
        raise PlanError(
            "model: the network is not known; give `weights` written by plexor train, or "
            "`architecture`, or `python: package.module:factory`"
        )
    if source.weights is None:
        raise PlanError(f"model: `weights` is needed for architecture {card.architecture!r}")
    return build_network(
        card.architecture,
        spatial_dims=card.spatial_dims or source.spatial_dims or SPATIAL_DIMS,
        channels=card.channels or source.channels or CHANNELS,
        n_outputs=card.task.n_outputs,
        n_features=len(card.features),
    )


def _from_python(path: str, *, allow_code: bool) -> nn.Module:
    network = called("python", path, allow_code=allow_code)
    if not isinstance(network, nn.Module):
        raise ModelError(
            f"model: {path} returned {type(network).__name__}, expected a torch.nn.Module"
        )
    return network


def called(key: str, path: str, *, allow_code: bool, within: str = "model") -> Any:
    """What a plan names as "package.module:name": called, if it takes no arguments.

    Args:
        key: the plan's, "python" or "predict", for messages. The first is always called.
        path: the name.
        allow_code: whether it may be imported.
        within: the part of the plan, for messages.

    Raises:
        ModelError: it cannot be imported, or its code fails.
        PlanError: it is no such name, or code is not allowed.
    """
    module_name, _, name = path.partition(":")
    if not name:
        raise PlanError(f"{within}: `{key}` must be 'package.module:factory', got {path!r}")
    if not allow_code:
        raise PlanError(
            f"{within}: `{key}: {path}` would import {module_name} and call {name}(); "
            f"if you trust it, add {option('allow_code')}"
        )
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        with foreign_code(f"{name} of {module_name}"):
            found = getattr(importlib.import_module(module_name), name)
            return found() if key == "python" or _is_factory(found) else found
    except ModelError as error:
        raise ModelError(f"{within}: {error}") from error
    except Exception as error:
        raise ModelError(
            f"{within}: cannot load {name} from {module_name}: {type(error).__name__}: "
            f"{brief(error, longest=500)}"
        ) from error


def _is_factory(found: Any) -> bool:
    """Whether it can be called without arguments; an estimator in a module is not called."""
    if not callable(found):
        return False
    return all(
        one.default is not one.empty or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        for one in inspect.signature(found).parameters.values()
    )
