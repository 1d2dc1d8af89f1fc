"""``open_model``: any source of a plan as a model."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch

from plexor.core.errors import PlanError
from plexor.models.card import ModelCard
from plexor.models.classification import Binary, Multiclass
from plexor.models.loading import load_model
from plexor.models.model import Model
from plexor.models.model_source import ModelSource
from plexor.models.preprocess import Preprocess
from plexor.models.segmentation import Segmentation
from plexor.models.sources.adapter import Adapted
from plexor.models.sources.opened import Opened
from plexor.models.sources.shown import Shown
from plexor.models.task import Regression
from plexor.models.torch_model import TorchModel

logger = logging.getLogger(__name__)


def open_model(
    source: ModelSource, *, device: torch.device | None = None, allow_code: bool = False
) -> Model:
    """Opens a model of any source, in evaluation mode.

    Args:
        source: where the model comes from.
        device: where its network is placed; the CPU if None.
        allow_code: whether a source may run code: ``python``, ``predict``, ``torchscript``,
            ``exported``, and expressions in a ``bundle``.

    Returns:
        A ``TorchModel`` where the source shows gradients; a model that shows scores or decisions
        elsewhere.

    Raises:
        ModelError: a file is missing, damaged or would run code, or a server does not answer.
        PlanError: the source is incomplete, or needs ``allow_code``.

    Example:
        >>> source = ModelSource(onnx=Path("net.onnx"), classes=("benign", "malignant"))
        >>> open_model(source)  # doctest: +SKIP
    """
    if source.foreign is None:
        return load_model(source, device=device, allow_code=allow_code)
    source = completed(source)
    card = source.described()
    opened = open_source(source, _as_asked(source, card), allow_code=allow_code)
    for note in opened.notes:
        logger.log(logging.INFO if opened.access == "gradients" else logging.WARNING, "%s", note)
    return as_model(source, card, opened).to(device or torch.device("cpu"))


def completed(source: ModelSource) -> ModelSource:
    """The source with what its files say and the plan leaves out."""
    if source.bundle is None:
        return source
    from plexor.models.sources.bundle import classes_of, image_of, metadata_of

    about = metadata_of(source.bundle)
    image = image_of(about)
    shape = image.get("spatial_shape") or ()
    return replace(
        source,
        classes=source.classes or classes_of(about),
        task=source.task
        or ("segmentation" if "seg" in str(about.get("task", "")).lower() else None),
        channels=source.channels or image.get("num_channels"),
        spatial_dims=source.spatial_dims or (len(shape) if len(shape) in (2, 3) else None),
    )


def _as_asked(source: ModelSource, card: ModelCard) -> ModelCard:
    """The card with the size that the network itself is asked at: that of its windows."""
    if source.sliding_window is None:
        return card
    prepare = replace(card.preprocess or Preprocess(), size=source.sliding_window.roi)
    return replace(card, preprocess=prepare)


def open_source(source: ModelSource, card: ModelCard, *, allow_code: bool) -> Opened:
    """The network of a source of another program; each reader is imported when it is needed."""
    if source.onnx is not None:
        from plexor.models.sources.onnx_model import open_onnx

        return open_onnx(source.onnx, card, source.adapter)
    if source.url is not None:
        from plexor.models.sources.endpoint import open_endpoint

        return open_endpoint(source.url, source.request, source.response, card)
    if source.predict is not None:
        from plexor.models.sources.function import open_function

        return open_function(source.predict, allow_code=allow_code)
    if source.torchscript is not None or source.exported is not None:
        from plexor.models.sources.torch_files import open_torch_file

        path = source.torchscript or source.exported or Path()
        return open_torch_file(
            path, source.foreign or "", card, source.adapter, allow_code=allow_code
        )
    if source.keras is not None:
        from plexor.models.sources.keras_file import open_keras

        return open_keras(source.keras, card, source.adapter)
    if source.bundle is not None:
        from plexor.models.sources.bundle import open_bundle

        return open_bundle(source.bundle, allow_code=allow_code)
    raise PlanError("model: the plan names no model")


def as_model(source: ModelSource, card: ModelCard, opened: Opened) -> Model:
    """A model of what was opened: adapted to the task, and showing what the source shows."""
    adapter, network = source.adapter, opened.network
    if source.layout is None and opened.layout is not None:
        adapter = replace(adapter, layout=opened.layout)
    if not adapter.inputs and opened.inputs:
        adapter = replace(adapter, inputs=opened.inputs)
    if _takes_off(source, card, opened) and opened.without_last is not None:
        network, adapter = opened.without_last(), replace(adapter, outputs="logits")
    elif source.outputs is None and opened.ends_with and _is_of_classes(source, card):
        adapter = replace(adapter, outputs="probabilities")
    if source.onnx is not None or source.keras is not None:
        adapter = replace(adapter, head=None)  # the file's output was chosen by its name
    preprocess, request = card.preprocess or Preprocess(), source.request
    if preprocess.size is None and opened.size is not None and source.sliding_window is None:
        preprocess = replace(preprocess, size=opened.size)
    card = replace(
        card,
        preprocess=preprocess,
        architecture=opened.name,
        spatial_dims=len(preprocess.size) if preprocess.size else card.spatial_dims,
        weights_sha256=str(getattr(opened.network, "source_sha256", "")),
        source={
            "kind": source.foreign or "",
            "access": opened.access,
            "outputs": source.outputs or ("logits" if not opened.ends_with else opened.ends_with),
            "notes": list(opened.notes),
            **({"ledger": request.ledger.name} if source.url and request.ledger else {}),
        },
    )
    model = TorchModel(
        Adapted(
            network,
            adapter,
            card.task,
            features=[feature.name for feature in card.features],
            window=source.sliding_window,
        ).eval(),
        task=card.task,
        preprocess=preprocess,
        card=card,
    )
    access = "decisions" if adapter.outputs == "decisions" else opened.access
    return model if access == "gradients" else Shown(model, access)


def _takes_off(source: ModelSource, card: ModelCard, opened: Opened) -> bool:
    """Whether the function at the end is the inverse of the task's own, so that logits remain."""
    if source.outputs not in (None, "probabilities") or not opened.ends_with:
        return False
    exclusive = isinstance(card.task, Multiclass | Regression) or (
        isinstance(card.task, Segmentation) and card.task.n_outputs > 1
    )
    if not _is_of_classes(source, card):
        return False
    if opened.ends_with == "softmax":  # of two columns, a Binary takes the difference
        return exclusive or isinstance(card.task, Binary)
    return not exclusive


def _is_of_classes(source: ModelSource, card: ModelCard) -> bool:
    """Whether outputs are for classes, or for bins of a number; not a number itself."""
    return not isinstance(card.task, Regression) or source.target.bin_range is not None
