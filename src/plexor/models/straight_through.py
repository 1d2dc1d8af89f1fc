"""A network with some layers differentiated as if they passed their input on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError, unknown
from plexor.models.batch import Scaling
from plexor.models.features import Features
from plexor.models.model import Model, network_of, outputs_of
from plexor.models.wrapped import WrappedNetwork


class StraightThrough(WrappedNetwork):
    """A model whose gradient takes chosen layers as the identity (BPDA).

    Backward pass differentiable approximation (Athalye, Carlini & Wagner, ICML 2018): the forward
    pass is the model's own, so that outputs and decisions are unchanged; the backward pass hands
    the gradient of a layer's output to its input. For layers that round, compare or leave torch,
    and whose output resembles their input.

    Args:
        model: a model with a torch network.
        layers: names of the layers, as ``network.named_modules()`` gives them.

    Raises:
        PlanError: the model has no network, or no layer of such a name.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from plexor.models import Multiclass, TorchModel
        >>> class Round(nn.Module):
        ...     def forward(self, inputs):
        ...         return inputs.round()
        >>> network = nn.Sequential(Round(), nn.Flatten(), nn.Linear(4, 2))
        >>> model = TorchModel(network, task=Multiclass(classes=("dark", "bright")))
        >>> images = torch.rand(1, 1, 2, 2, requires_grad=True)
        >>> through = StraightThrough(model, ["0"])
        >>> bool((through.outputs(images) == model.outputs(images)).all())
        True
        >>> (gradient,) = torch.autograd.grad(through.outputs(images)[0, 0], images)
        >>> bool(gradient.any())
        True
    """

    def __init__(self, model: Model, layers: Sequence[str]) -> None:
        modules = dict(network_of(model, method="straight_through").named_modules())
        for name in layers:
            if name not in modules:
                raise PlanError("straight_through: " + unknown("layer", name, modules))
        super().__init__(model)
        self._layers = [modules[name] for name in layers]

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """The model's outputs, (N, ...), with the gradient described above.

        Raises:
            ModelError: a layer changes the shape of its input.
        """
        if not (torch.is_grad_enabled() and images.requires_grad):
            return outputs_of(self._model, images, scaling, features)
        with ExitStack() as stack:
            for layer in self._layers:
                before, after = _hooks()
                stack.callback(layer.register_forward_pre_hook(before).remove)
                stack.callback(layer.register_forward_hook(after).remove)
            return outputs_of(self._model, images, scaling, features)


Before = Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]
After = Callable[[nn.Module, tuple[Any, ...], Any], Tensor]


def _hooks() -> tuple[Before, After]:
    """Hooks that detach a layer's input, and give its output the input's gradient."""
    given: list[Tensor] = []

    def before(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        given.append(inputs[0])
        return (inputs[0].detach(), *inputs[1:])

    def after(layer: nn.Module, _: tuple[Any, ...], output: Any) -> Tensor:
        source = given.pop()
        if not isinstance(output, Tensor) or output.shape != source.shape:
            found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ModelError(
                f"straight_through: expected a layer whose output has its input's shape, "
                f"{tuple(source.shape)}, found {found} of {type(layer).__name__}; name the layers "
                "that round, compare or leave torch"
            )
        through: Tensor = source + (output - source).detach()
        # exactly the layer's output, which a sum in floating-point numbers is not
        through.data.copy_(output)
        return through

    return before, after
