"""What a plan says of a model, and models from weights, built-in networks and Python functions."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator
from torch import nn

from plexor.core.door import option
from plexor.core.errors import ModelError, PlanError, brief, unknown
from plexor.models.architectures import build_network, check_architecture
from plexor.models.card import ModelCard
from plexor.models.features import Feature
from plexor.models.foreign_code import foreign_code
from plexor.models.preprocess import Preprocess
from plexor.models.sliding_window import SlidingWindow
from plexor.models.sources.adapter import Adapted, Adapter, Outputs
from plexor.models.sources.endpoint_settings import Request, Response, default_ledger
from plexor.models.sources.input_order import InputOrder
from plexor.models.sources.target import Target
from plexor.models.task import TASKS, task_from
from plexor.models.torch_model import TorchModel
from plexor.models.weights import fill, read_card, read_weights

_CHANNELS, _SPATIAL_DIMS = 3, 2
FOREIGN = ("onnx", "keras", "torchscript", "exported", "bundle", "url", "predict")
"""Attributes of ``ModelSource`` that name a model of another program."""
FILES = ("weights", "onnx", "keras", "torchscript", "exported", "bundle")
"""Attributes of ``ModelSource`` that are paths."""


def _named(value: Any) -> Any:
    """Features in a plan: a name alone is one that the network takes as it is."""
    if not isinstance(value, list | tuple):
        return value
    return [{"name": one} if isinstance(one, str) else one for one in value]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """Source of a model, as a plan names it.

    A file written by ``plexor train`` holds a card: ``weights`` alone is enough, and any other
    attribute given must agree with the card. Other files of weights need ``classes``, and
    ``architecture`` or ``python``. Instead of ``weights``, one of ``onnx``, ``keras``,
    ``torchscript``, ``exported``, ``bundle``, ``url`` or ``predict`` names a model of another
    program; it needs ``classes`` too.

    Attributes:
        weights: a .safetensors file, or a torch file of tensors.
        architecture: name of a built-in network, see ``plexor.models.ARCHITECTURES``.
        python: "package.module:factory", a function that returns the network. It is code that is
            run, and so needs ``--allow-code``.
        task: "multiclass", "binary", "multilabel", "regression" or "segmentation"; if not given,
            that of the card, without a card "multiclass".
        classes: names of classes or labels, in the order of the outputs; none for a regression; for
            a segmentation with the background first, or a single name for one logit.
        threshold: for "binary", "multilabel" and a "segmentation" of one logit, the probability
            above which the decision is positive; for several labels one number, or one per label.
            If not given, that of the card, without a card 0.5.
        unit: for "regression", the unit of the number, e.g. "years".
        channels: image channels; if not given, that of the card, without a card 3.
        spatial_dims: 2 or 3; if not given, that of the card, without a card 2.
        preprocess: resize, window, normalise; if not given, that of the card.
        features: numbers that the network takes beside the image, in its order: names of columns,
            or each with its ``name``, ``mean`` and ``std`` where it wants them standardised; if not
            given, those of the card.
        inputs: what the network takes, in its order, where that is not the image and then all
            features as one tensor, e.g. ``[[icv, ventricles], image, sex]``: ``image``, the name of
            a feature, or names that come together. Files that say the sizes of two inputs need it
            not.
        onnx: an ONNX file. Gradients are shown where the network computed in torch answers as
            onnxruntime does; scores elsewhere.
        keras: a file of Keras 3 (``.keras``).
        torchscript: a file of ``torch.jit.save``; needs ``--allow-code``.
        exported: a ``.pt2`` file of ``torch.export.save``; needs ``--allow-code``.
        bundle: the folder of a MONAI bundle.
        url: the address of a server that answers for images.
        request: how the server is asked.
        response: where in its answer the outputs are.
        predict: "package.module:function", a function of an array (N, C, *spatial) that returns an
            array, or a factory of an object with ``predict_proba``; needs ``--allow-code``.
        layout: where the channels are in the network's input: "NCHW", or "NHWC"; for volumes
            "NCDHW" or "NDHWC". If not given, that of a Keras file, else "NCHW".
        outputs: "logits", "probabilities" or "decisions"; if not given, logits, after a softmax or
            sigmoid at the end of the network was taken off.
        head: number or name of the output that counts, of a network with several.
        columns: of the network's output, those that are ``classes``, in their order.
        target: for "regression", what the network was trained to give, where it is not the number
            itself: a z-score, ``{mean: 44, std: 16}``, or bins, ``{bin_range: [42, 82]}``.
        sliding_window: for a segmentation, windows in which the network is asked, e.g.
            ``{roi: [96, 96, 96], overlap: 0.5}``; None gives it the whole image.
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
    features: Annotated[
        tuple[Feature, ...],
        BeforeValidator(_named, json_schema_input_type=tuple[Feature | str, ...]),
    ] = ()
    inputs: InputOrder = ()
    onnx: Path | None = None
    keras: Path | None = None
    torchscript: Path | None = None
    exported: Path | None = None
    bundle: Path | None = None
    url: str | None = None
    request: Request = Request()
    response: Response = Response()
    predict: str | None = None
    layout: str | None = None
    outputs: Outputs | None = None
    head: int | str | None = None
    columns: tuple[int, ...] = ()
    target: Target = Target()
    sliding_window: SlidingWindow | None = None

    def __post_init__(self) -> None:
        if self.architecture is not None:
            check_architecture(self.architecture, task=self.task)
        if self.task is not None and self.task not in TASKS:
            raise PlanError(unknown("task", self.task, TASKS))
        given = [name for name in FOREIGN if getattr(self, name) is not None]
        ours = [name for name in ("weights", "architecture", "python") if getattr(self, name)]
        if len(given) > 1 or (given and ours):
            raise PlanError(
                f"model: {' and '.join([*given, *ours])} are given; name one source of the model"
            )
        _ = self.adapter

    @property
    def foreign(self) -> str | None:
        """Name of the attribute that names a model of another program; None for Plexor's own."""
        return next((name for name in FOREIGN if getattr(self, name) is not None), None)

    @property
    def adapter(self) -> Adapter:
        """What the network takes and gives, as the plan says."""
        return Adapter(
            layout=self.layout or "NCHW",
            outputs=self.outputs or "logits",
            head=self.head,
            columns=self.columns,
            inputs=self.inputs,
            target=self.target,
        )

    def moved(self, path: Callable[[Path], Path]) -> ModelSource:
        """The source with each of its paths replaced."""
        found = {name: getattr(self, name) for name in FILES}
        request = self.request
        if self.url is not None:
            request = replace(request, ledger=path(request.ledger or default_ledger(self.url)))
        paths: dict[str, Any] = {name: path(one) for name, one in found.items() if one is not None}
        return replace(self, request=request, **paths)

    def described(self) -> ModelCard:
        """The card made from these attributes, for weights without one.

        Raises:
            PlanError: ``classes`` is missing, or task, classes, threshold and unit do not agree.
        """
        kind = self.task or "multiclass"
        if not self.classes and kind != "regression":
            raise PlanError(
                "model: `classes` is needed, in the order of the model's outputs, e.g. "
                "`classes: [benign, malignant]`"
            )
        if kind == "multiclass" and self.threshold is not None:
            raise PlanError(
                "model: `threshold` has no meaning for a multiclass task, where the greatest "
                "output decides; leave it out, or write `task: binary`"
            )
        task = task_from(kind, self.classes, threshold=self.threshold, unit=self.unit)
        return ModelCard(
            task=task,
            preprocess=self.preprocess,
            architecture=self.python or self.architecture or "",
            channels=self.channels or _CHANNELS,
            spatial_dims=self.spatial_dims or _SPATIAL_DIMS,
            features=self.features,
        )


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
        spatial_dims=card.spatial_dims or source.spatial_dims or _SPATIAL_DIMS,
        channels=card.channels or source.channels or _CHANNELS,
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
