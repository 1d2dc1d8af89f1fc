"""A network differentiated as if it neither rounded, compared nor detached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from plexor.models.backward import carried
from plexor.models.batch import Scaling
from plexor.models.features import Features
from plexor.models.model import network_of, outputs_of
from plexor.models.recompute import keeping
from plexor.models.wrapped import WrappedNetwork

Function = Callable[..., Any]


def _named(*names: str) -> frozenset[Function]:
    """Functions of torch and methods of tensors of these names."""
    owners = (torch, Tensor)
    return frozenset(getattr(owner, n) for n in names for owner in owners if hasattr(owner, n))


STEPS = _named("round", "floor", "ceil", "trunc", "fix", "sign")
"""Functions whose slope is zero wherever there is one."""
_LIMITS = _named("clamp", "clip") | {functional.hardtanh, functional.relu6}
"""Functions that are flat beyond limits."""
_DETACHES = _named("detach")
_GREATER, _LESS = _named("gt", "ge", "greater"), _named("lt", "le", "less")
_IN_PLACE = {
    getattr(Tensor, f"{name}_"): getattr(Tensor, name)
    for name in ("round", "floor", "ceil", "trunc", "fix", "sign", "clamp", "clip")
}
_CASTS = _named("byte", "char", "short", "int", "long", "float", "double", "half", "to", "type")
_ARITHMETIC = _named("add", "sub", "mul", "div", "true_divide", "__truediv__", "__rsub__")
_LEAVES = frozenset({Tensor.numpy, Tensor.__array__, Tensor.tolist})
_SWITCH: Function = torch._C._set_grad_enabled


class PassedSteps(WrappedNetwork):
    """A model whose gradient passes by steps, comparisons, casts and ``detach`` in its code.

    For what is no layer that ``Backward`` could name: ``x.round()`` in the network's own
    ``forward``. The forward pass is the model's own, bit for bit. In the backward pass the slope of
    rounding, of clamping, of a comparison with ``>`` and of a cast to integers and back is 1, that
    of ``<`` is -1; ``detach`` and ``torch.no_grad()`` are ignored. Where the model has a useful
    gradient this one may be worse.

    Args:
        model: a model with a torch network.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from plexor.models import Multiclass, TorchModel
        >>> class Coarse(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.head = nn.Linear(4, 2)
        ...     def forward(self, inputs):
        ...         return self.head((inputs.flatten(1) * 8).byte() / 8)
        >>> model = TorchModel(Coarse(), task=Multiclass(classes=("dark", "bright")))
        >>> images = torch.rand(1, 1, 2, 2, requires_grad=True)
        >>> outputs = PassedSteps(model).outputs(images)
        >>> bool((outputs == model.outputs(images)).all())
        True
        >>> (gradient,) = torch.autograd.grad(outputs[0, 0], images)
        >>> bool(gradient.any())
        True
    """

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """The model's outputs, (N, ...), with the gradient described above."""
        if not (torch.is_grad_enabled() and images.requires_grad):
            return outputs_of(self._model, images, scaling, features)
        network = network_of(self._model, method="backward")
        with keeping(network.modules()), _Passing():
            return outputs_of(self._model, images, scaling, features)


class _Passing(TorchFunctionMode):
    """Gives results of steps the gradient of what they were computed from."""

    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_function__(
        self,
        func: Function,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        given: Any = args[0] if args else None
        if func is _SWITCH or func in _DETACHES:
            return given  # of a switch nobody looks at what it returns
        if func in _LEAVES:
            return func(given.detach(), *args[1:], **options)
        if func in _IN_PLACE and given.requires_grad:
            stepped = _IN_PLACE[func](given.detach(), *args[1:], **options)
            return given.copy_(carried(given.clone(), stepped))
        return self._passed(func, args, options, func(*args, **options))

    def _passed(
        self, func: Function, args: tuple[Any, ...], options: Mapping[str, Any], result: Any
    ) -> Any:
        """The result of a function, with a gradient if it is a step."""
        if not (args and isinstance(args[0], Tensor) and isinstance(result, Tensor)):
            return result
        source = self._source(func, args, options, result)
        if source is None or not source.requires_grad:
            return result
        if result.is_floating_point():
            return carried(source, result)
        self._sources[id(result)] = result, source
        return result

    def _source(
        self, func: Function, args: tuple[Any, ...], options: Mapping[str, Any], result: Tensor
    ) -> Any:
        """What the result of a step gets its gradient from; None for every other function."""
        given = args[0]
        known = self._sources.get(id(given))
        if known is not None:
            if func in _ARITHMETIC:
                return func(known[1], *args[1:], **options)
            return known[1] if func in _CASTS else None
        if func in _GREATER or func in _LESS:
            wide = given.expand(result.shape)
            return wide if func in _GREATER else -wide
        if func in STEPS or func in _LIMITS or (func in _CASTS and not result.is_floating_point()):
            return given
        return None


def may_hide(func: Function, args: tuple[Any, ...], result: object) -> bool:
    """Whether a call of a function may hide the gradient of its first argument."""
    if func is _SWITCH:
        return args == (False,)
    if not (args and isinstance(args[0], Tensor) and args[0].requires_grad):
        return False
    whole = isinstance(result, Tensor) and not result.is_floating_point()
    return whole or func in STEPS | _LIMITS | _DETACHES or func in _IN_PLACE
