"""Layers of a network that hide the gradient: they leave torch, detach, compare or round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from plexor.core.errors import ModelError
from plexor.models.backward import Backward
from plexor.models.batch import Batch
from plexor.models.model import HasNetwork, Model, answer
from plexor.models.passed_steps import STEPS, may_hide
from plexor.models.stand_ins import Identity, Resize, StandIn


class Hiding(NamedTuple):
    """What hides a gradient.

    Attributes:
        stand_ins: names of layers as ``network.named_modules()`` gives them → what can stand for
            them, see ``Backward``; empty for a model without a network, or where none helps.
        n_passes: forward passes that the search took for each case.
        elsewhere: whether something in the network's code, outside of these layers, may hide it,
            too, see ``PassedSteps``.
    """

    stand_ins: Mapping[str, StandIn]
    n_passes: int
    elsewhere: bool = False


def hiding_layers(model: Model, batch: Batch) -> Hiding:
    """Finds the layers that hide the gradient of the images, and what can stand for them.

    A layer hides it if its input depends on the images and it raises for such an input, as NumPy
    does, or returns an output that does not depend on it in torch's eyes, or calls a function with
    steps, e.g. ``torch.round``. Only layers whose output has the shape of their input are named,
    which the identity can stand for, and those that change the spatial size alone, which linear
    interpolation can; of layers that contain each other, the innermost.

    Args:
        model: any model.
        batch: images to run it on, see ``Batch``.

    Example:
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> hiding_layers(model, batch)
        Hiding(stand_ins={}, n_passes=1, elsewhere=False)
    """
    if not isinstance(model, HasNetwork):
        return Hiding({}, 0)
    found: dict[str, StandIn] = {}
    while True:
        watch = _Watch(model.network, passed=[*found])
        guide = Backward(model, found) if found else model
        images = batch.images.detach().clone().requires_grad_()
        try:
            with watch, torch.enable_grad():
                seen = answer(guide, batch, images).requires_grad
        except ModelError:
            seen = False
            watch.blame_innermost()
        if watch.hiding is None:
            return Hiding(found if seen else {}, len(found) + 1, watch.elsewhere or not seen)
        found[watch.hiding] = watch.stand_in


class _Watch(TorchFunctionMode):
    """Watches the layers of a network run, and names the first that hides the gradient.

    Args:
        network: the network.
        passed: names of the layers that are passed by already.

    Attributes:
        hiding: the name of the layer; None if there is none.
        stand_in: what can stand for it.
        elsewhere: whether a function that may hide the gradient was called.
    """

    def __init__(self, network: nn.Module, *, passed: Sequence[str]) -> None:
        super().__init__()
        self.hiding: str | None = None
        self.stand_in: StandIn = Identity()
        self.elsewhere = False
        self._running: list[str] = []
        self._stepping: set[str] = set()
        self._layers = {
            name: layer for name, layer in network.named_modules() if name and name not in passed
        }
        self._hooks = ExitStack()

    def __enter__(self) -> Self:
        for name, layer in self._layers.items():
            self._hooks.callback(layer.register_forward_pre_hook(self._starts(name)).remove)
            self._hooks.callback(layer.register_forward_hook(self._ends(name)).remove)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._hooks.close()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in STEPS and self._running and _depends(args):
            self._stepping.add(self._running[-1])
        self.elsewhere |= may_hide(func, args, result)
        return result

    def blame_innermost(self) -> None:
        """Names the layer that was running when the network failed, if none is named yet."""
        if self.hiding is None and self._running:
            self.hiding = self._running[-1]

    def _starts(self, name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def starts(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            if _depends(inputs):
                self._running.append(name)

        return starts

    def _ends(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def ends(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if name in self._running:
                self._running.remove(name)
            if not _depends(inputs) or self.hiding is not None:
                return
            stand_in = _standing_for(inputs[0], output)
            if stand_in is not None and (name in self._stepping or not _depends((output,))):
                self.hiding, self.stand_in = name, stand_in

        return ends


def _standing_for(given: Tensor, output: Any) -> StandIn | None:
    """What can stand for a layer by the shapes of its input and output; None if nothing can."""
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return None
    if output.shape == given.shape:
        return Identity()
    spatial = 3 <= output.ndim == given.ndim <= 5
    return Resize() if spatial and output.shape[:2] == given.shape[:2] else None


def _depends(values: tuple[Any, ...]) -> bool:
    """Whether the first of them is a tensor that depends on the images."""
    return bool(values) and isinstance(values[0], Tensor) and values[0].requires_grad
