"""A network with other gradients for some of its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError, unknown
from plexor.models.batch import Scaling
from plexor.models.features import Features
from plexor.models.model import Model, network_of, outputs_of
from plexor.models.recompute import keeping
from plexor.models.stand_ins import StandIn
from plexor.models.wrapped import WrappedNetwork

_SHOWN = 12
"""Names of layers listed in a message."""


class Backward(WrappedNetwork):
    """A model that takes gradients of other functions than some of its layers (BPDA).

    Backward pass differentiable approximation (Athalye, Carlini & Wagner, ICML 2018): the forward
    pass is the model's own, bit for bit, so that outputs and decisions are unchanged; in the
    backward pass a differentiable stand-in, evaluated at the layer's input, takes the layer's
    place. For layers that round, compare, detach, or leave torch, in ``torch.no_grad()`` or not.
    Of a layer with several inputs, only the first gets a gradient; of one that returns a tuple,
    only the first output passes it on.

    Args:
        model: a model with a torch network.
        stand_ins: name of a layer, as ``network.named_modules()`` gives it → what stands for it.

    Raises:
        PlanError: the model has no network, or no layer of such a name.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from plexor.models import Multiclass, TorchModel
        >>> from plexor.models.stand_ins import Identity
        >>> class Round(nn.Module):
        ...     def forward(self, inputs):
        ...         return inputs.round()
        >>> network = nn.Sequential(Round(), nn.Flatten(), nn.Linear(4, 2))
        >>> model = TorchModel(network, task=Multiclass(classes=("dark", "bright")))
        >>> images = torch.rand(1, 1, 2, 2, requires_grad=True)
        >>> through = Backward(model, {"0": Identity()})
        >>> bool((through.outputs(images) == model.outputs(images)).all())
        True
        >>> (gradient,) = torch.autograd.grad(through.outputs(images)[0, 0], images)
        >>> bool(gradient.any())
        True
    """

    def __init__(self, model: Model, stand_ins: Mapping[str, StandIn]) -> None:
        modules = dict(network_of(model, method="backward").named_modules())
        modules.pop("", None)
        for name in stand_ins:
            if name not in modules:
                raise PlanError("backward: " + _unknown_layer(name, modules))
        super().__init__(model)
        self._layers = [_Layer(name, modules[name], one) for name, one in stand_ins.items()]

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """The model's outputs, (N, ...), with the gradient described above.

        Raises:
            ModelError: a layer did not run, or its output and its stand-in's differ in shape.
        """
        if not (torch.is_grad_enabled() and images.requires_grad):
            return outputs_of(self._model, images, scaling, features)
        ran: set[str] = set()
        with ExitStack() as stack:
            stack.enter_context(keeping(layer.module for layer in self._layers))
            for layer in self._layers:
                before, after = _hooks(layer, ran)
                module = layer.module
                stack.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
                stack.callback(module.register_forward_hook(after).remove)
            outputs = outputs_of(self._model, images, scaling, features)
        for layer in self._layers:
            if layer.name not in ran:
                raise ModelError(
                    f"backward: the layer {layer.name} was not called with anything that depends "
                    "on the image; name a layer that the forward pass calls (compiled and scripted "
                    "layers cannot be named)"
                )
        return outputs


class _Layer(NamedTuple):
    """A layer and what stands for it."""

    name: str
    module: nn.Module
    stand_in: StandIn


def carried(stood_in: Tensor, output: Tensor) -> Tensor:
    """The output, bit for bit, with the gradient of a tensor of its shape that stands for it."""
    found: Tensor = _Carried.apply(stood_in, output)  # type: ignore[no-untyped-call]
    return found


class _Carried(torch.autograd.Function):
    """See ``carried``."""

    @staticmethod
    def forward(_: Any, __: Tensor, output: Tensor) -> Tensor:
        return output.detach().clone()

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


Before = Callable[
    [nn.Module, tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]] | None
]
After = Callable[[nn.Module, tuple[Any, ...], Any], Any]


def _hooks(layer: _Layer, ran: set[str]) -> tuple[Before, After]:
    """Hooks that detach a layer's first input, and give its output the stand-in's gradient.

    Both record gradients whatever the network does around the layer, e.g. ``torch.no_grad()``.
    """
    given: list[Tensor | None] = []

    def before(
        _: nn.Module, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        first = next(iter((*args, *named.values())), None)
        if not isinstance(first, Tensor) or not first.requires_grad:
            given.append(None)
            return None
        with torch.inference_mode(mode=False), torch.enable_grad():
            given.append(first.clone())  # a layer may overwrite its input
        if args:
            return (first.detach(), *args[1:]), named
        return args, named | {next(iter(named)): first.detach()}

    def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        source = given.pop()
        if source is None:
            return output
        ran.add(layer.name)
        several = isinstance(output, tuple | list)
        first = output[0] if several and output else output
        with torch.inference_mode(mode=False), torch.enable_grad():
            passed = _stood_for(layer, source, first)
        if not several:
            return passed
        rebuilt = getattr(type(output), "_make", type(output))  # of a named tuple
        return rebuilt([passed, *output[1:]])

    return before, after


def _stood_for(layer: _Layer, source: Tensor, output: Any) -> Tensor:
    """The output, with the gradient of the layer's stand-in at ``source``."""
    kind = type(layer.module).__name__
    if not isinstance(output, Tensor) or not output.is_floating_point():
        found = output.dtype if isinstance(output, Tensor) else type(output).__name__
        raise ModelError(
            f"backward: the layer {layer.name} ({kind}) returns {found}, expected a tensor of "
            "floating-point numbers; name a layer around it"
        )
    said = getattr(layer.stand_in, "name", type(layer.stand_in).__name__)
    try:
        stood_in = layer.stand_in(source, output.shape)
    except RuntimeError as error:
        raise ModelError(
            f"backward: {said} cannot stand for the layer {layer.name} ({kind}), whose input has "
            f"the shape {tuple(source.shape)}: {error}"
        ) from error
    if stood_in.shape != output.shape:
        raise ModelError(
            f"backward: the layer {layer.name} ({kind}) makes {tuple(output.shape)} of "
            f"{tuple(source.shape)}, and {said} makes {tuple(stood_in.shape)}; take `resize` where "
            "only the spatial size changes, else a network of your own with that output"
        )
    return carried(stood_in, output)


def _unknown_layer(name: str, known: Sequence[str] | Mapping[str, nn.Module]) -> str:
    """As ``unknown``; of many layers only the outer ones are listed."""
    names = list(known)
    if len(names) <= _SHOWN:
        return unknown("layer", name, names)
    said = unknown("layer", name, names).split(" (known: ")[0]
    outer = [one for one in names if "." not in one][:_SHOWN]
    return f"{said} (there are {len(names)}, the outer ones: {', '.join(outer)})"
