"""The numbers that went into a model's last, saturating function, e.g. the logits of a softmax."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from plexor.models.batch import Scaling
from plexor.models.classification import Multiclass
from plexor.models.features import Features
from plexor.models.model import outputs_of
from plexor.models.task import Task
from plexor.models.wrapped import Wrapped

_SATURATING: frozenset[Callable[..., Any]] = frozenset(
    [
        nn.functional.softmax,
        nn.functional.log_softmax,
        torch.softmax,
        torch.log_softmax,
        torch.tanh,
        torch.sigmoid,
        Tensor.softmax,
        Tensor.log_softmax,
        Tensor.tanh,
        Tensor.sigmoid,
    ]
)
"""Functions that keep the order of the classes, and whose slope vanishes for large numbers."""
_CASTS: frozenset[Callable[..., Any]] = frozenset(
    [Tensor.float, Tensor.double, Tensor.to, Tensor.contiguous]
)


class Unsaturated(Wrapped):
    """A model of one class a case, without the softmax, tanh or sigmoid that it ends with.

    Its decisions are those of the model, and its gradients do not vanish where the model's do
    because the last function is flat in floating-point numbers. The function is found while the
    model runs, so that it may be a layer or a call.

    Args:
        model: the model; its task is ``Multiclass``, and it ends with such a function.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from plexor.models import Multiclass, TorchModel
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Softmax(dim=1))
        >>> model = TorchModel(network, task=Multiclass(classes=("dark", "bright")))
        >>> images = torch.rand(1, 1, 2, 2)
        >>> logits = Unsaturated(model).outputs(images)
        >>> bool((logits.softmax(dim=1) - model.outputs(images)).abs().max() < 1e-6)
        True
    """

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """The input of the last function, (N, n_outputs); the outputs where there is none."""
        outputs, before_last = look_before_last(
            self._model.task, lambda: outputs_of(self._model, images, scaling, features)
        )
        return outputs if before_last is None else before_last


def look_before_last(task: Task, ask: Callable[[], Tensor]) -> tuple[Tensor, Tensor | None]:
    """Outputs, and the input of the saturating function that they came from.

    Args:
        task: the model's.
        ask: runs the model and returns its outputs.

    Returns:
        The outputs, (N, n_outputs), and the numbers before the last function in float32; None where
        the model does not end with such a function or is not of the task ``Multiclass``.
    """
    recorder = _Recorder()
    with recorder:
        outputs = ask()
    if not isinstance(task, Multiclass):
        return outputs, None
    found = recorder.trace(outputs)
    if found is outputs or found.shape != outputs.shape:
        return outputs, None
    return outputs, found.float()


class _Recorder(TorchFunctionMode):
    """Remembers the inputs of saturating functions by their results."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, tuple[Tensor, Tensor, bool]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        known = func in _SATURATING or func in _CASTS
        if known and args and isinstance(args[0], Tensor) and result is not args[0]:
            self._calls[id(result)] = result, args[0], func in _SATURATING
        return result

    def trace(self, outputs: Tensor) -> Tensor:
        """What the outputs were computed from by saturating functions; else the outputs."""
        place, found = outputs, outputs
        while id(place) in self._calls:
            _, place, saturating = self._calls[id(place)]
            found = place if saturating else found
        return found
