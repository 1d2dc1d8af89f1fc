"""Models that are Python functions of an array, or objects like those of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, brief
from plexor.models.card import ModelCard
from plexor.models.foreign_code import foreign_code
from plexor.models.loading import called
from plexor.models.model import Model
from plexor.models.preprocess import Preprocess
from plexor.models.sources.adapter import Adapted, Adapter
from plexor.models.sources.opened import Opened
from plexor.models.sources.shown import Shown
from plexor.models.torch_model import TorchModel


class Function(nn.Module):
    """A function of an array (N, C, *spatial) as a network without gradients.

    Args:
        predict: the function, or an object with ``predict_proba``, else ``predict``, that takes
            images flattened to (N, numbers), as estimators of scikit-learn do.
        name: of the function, for messages.

    Attributes:
        source_sha256: the name, which is part of the model's identity.
    """

    def __init__(self, predict: Any, name: str) -> None:
        super().__init__()
        self._name = self.source_sha256 = name
        self._predict = predict

    def forward(self, images: Tensor, *features: Tensor) -> Tensor:
        """What the function returns."""
        given = [images.detach().cpu().numpy(), *(one.detach().cpu().numpy() for one in features)]
        function, flat = _callable(self._predict)
        if flat:
            given[0] = given[0].reshape(len(images), -1)
        try:
            with foreign_code(self._name):
                found = np.asarray(function(*given))
            if found.dtype.kind not in "fiub":
                raise ModelError(f"{self._name} returned {found.dtype}, expected numbers")
            return torch.from_numpy(found.astype(np.float32)).to(images.device)
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"{self._name} fails on an array of shape {given[0].shape}: "
                f"{type(error).__name__}: {brief(error, longest=300)}"
            ) from error


def _callable(predict: Any) -> tuple[Callable[..., Any], bool]:
    """The function, and whether it takes flattened images."""
    for name in ("predict_proba", "predict"):
        if hasattr(predict, name):
            return getattr(predict, name), True
    return predict, False


def function_model(
    predict: Any,
    card: ModelCard,
    *,
    outputs: str = "probabilities",
    name: str = "predict",
    version: str = "",
) -> Model:
    """A model of a function in this process, which is asked without gradients.

    Args:
        predict: a function of an array (N, C, *spatial), preprocessed as the card says, that
            returns an array, or an estimator like those of scikit-learn, which is given images
            flattened to (N, numbers).
        card: the task, the preprocessing, the channels.
        outputs: what it returns: "probabilities", "logits" or "decisions".
        name: of the model, for the report.
        version: part of the model's identity; change it when the function changes.

    Example:
        >>> from plexor.models import ModelCard, Multiclass
        >>> def predict(images):
        ...     bright = images.mean(axis=(1, 2, 3))
        ...     return np.stack([1 - bright, bright], axis=1)
        >>> card = ModelCard(task=Multiclass(classes=("dark", "bright")), channels=1)
        >>> model = function_model(predict, card)
        >>> model.access, model.task.decide(model.outputs(torch.full((1, 1, 8, 8), 200.0)))
        ('scores', tensor([1]))
    """
    network = Function(predict, f"{name} {version}".strip())
    adapter = Adapter(outputs=outputs)  # type: ignore[arg-type]
    preprocess = card.preprocess or Preprocess()
    model = TorchModel(
        Adapted(
            network, adapter, card.task, features=[feature.name for feature in card.features]
        ).eval(),
        task=card.task,
        preprocess=preprocess,
        card=card,
    )
    return Shown(model, "decisions" if outputs == "decisions" else "scores")


def open_function(path: str, *, allow_code: bool) -> Opened:
    """A function that a plan names as "package.module:function".

    A function without required parameters is called once, and what it returns is the model: a
    function, or an estimator.

    Raises:
        PlanError: code is not allowed.
        ModelError: it cannot be imported.
    """
    predict = called("predict", path, allow_code=allow_code)
    return Opened(network=Function(predict, path), access="scores", name=f"function {path}")
