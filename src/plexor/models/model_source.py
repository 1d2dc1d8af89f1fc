"""What a plan says of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from plexor.core.errors import PlanError, unknown
from plexor.models.architectures import check_architecture
from plexor.models.card import ModelCard
from plexor.models.features import Feature
from plexor.models.preprocess import Preprocess
from plexor.models.sliding_window import SlidingWindow
from plexor.models.sources.adapter import Adapter, Outputs
from plexor.models.sources.endpoint_settings import Request, Response, default_ledger
from plexor.models.sources.input_order import InputOrder
from plexor.models.sources.target import Target
from plexor.models.task import TASKS, task_from

CHANNELS, SPATIAL_DIMS = 3, 2
"""Of images whose model states neither."""
_FOREIGN = ("onnx", "keras", "torchscript", "exported", "bundle", "url", "predict")
"""Attributes of ``ModelSource`` that name a model of another program."""
_FILES = ("weights", "onnx", "keras", "torchscript", "exported", "bundle")
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
        given = [name for name in _FOREIGN if getattr(self, name) is not None]
        ours = [name for name in ("weights", "architecture", "python") if getattr(self, name)]
        if len(given) > 1 or (given and ours):
            raise PlanError(
                f"model: {' and '.join([*given, *ours])} are given; name one source of the model"
            )
        _ = self.adapter

    @property
    def foreign(self) -> str | None:
        """Name of the attribute that names a model of another program; None for Plexor's own."""
        return next((name for name in _FOREIGN if getattr(self, name) is not None), None)

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
        found = {name: getattr(self, name) for name in _FILES}
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
            channels=self.channels or CHANNELS,
            spatial_dims=self.spatial_dims or SPATIAL_DIMS,
            features=self.features,
        )
