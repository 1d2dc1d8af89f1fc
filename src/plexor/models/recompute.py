"""Gradients in less memory: activations are computed again in the backward pass, not kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from plexor.core.errors import ModelError

_KEPT: set[nn.Module] = set()
"""Layers around which nothing is computed again at the moment; see ``keeping``."""


@contextlib.contextmanager
def recomputing(network: nn.Module) -> Iterator[None]:
    """Context in which gradients through a network take less memory, and more time.

    Of every module with several children, except the network itself, only the input is kept in the
    forward pass; the module is run again in the backward pass, and so are the modules inside it
    (Chen et al., arXiv:1604.06174; by ``torch.utils.checkpoint``). Outputs and gradients are the
    same to the bit. A network that draws random numbers draws the same numbers again.

    Args:
        network: of any architecture; TorchScript modules are not changed. Layers that overwrite
            their input, such as ``nn.ReLU(inplace=True)``, do not do so inside the context. A layer
            that overwrites its input by other means raises ModelError in the backward pass.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> network = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Linear(2, 1))
        >>> images = torch.ones(1, 2, requires_grad=True)
        >>> (plain,) = torch.autograd.grad(network(images).sum(), images)
        >>> with recomputing(network):
        ...     (again,) = torch.autograd.grad(network(images).sum(), images)
        >>> torch.equal(plain, again)
        True
    """
    inside = [module for module in network.modules() if module is not network]
    blocks = [
        module
        for module in inside
        if sum(1 for _ in module.children()) > 1
        and not isinstance(module, torch.jit.ScriptModule | nn.ModuleList | nn.ModuleDict)
    ]
    over = [module for module in network.modules() if getattr(module, "inplace", None) is True]
    plain: list[tuple[nn.Module, Any]] = [
        (module, vars(module).get("forward")) for module in blocks
    ]
    try:
        for module in over:
            module.inplace = False  # type: ignore[assignment]
        for module in blocks:
            module.forward = partial(_again, module, module.forward)
        yield
    finally:
        for module, forward in plain:
            if forward is None:
                del module.forward
            else:
                module.forward = forward
        for module in over:
            module.inplace = True  # type: ignore[assignment]


@contextlib.contextmanager
def keeping(layers: Iterable[nn.Module]) -> Iterator[None]:
    """Context in which activations around these layers are kept, in ``recomputing`` too.

    For layers that answer differently in a forward pass than when they are run again, such as
    layers with hooks that are there for one pass only.
    """
    added = set(layers) - _KEPT
    _KEPT.update(added)
    try:
        yield
    finally:
        _KEPT.difference_update(added)


def _again(module: nn.Module, forward: Any, *args: Any, **kwargs: Any) -> Any:
    if not torch.is_grad_enabled() or not _KEPT.isdisjoint(module.modules()):
        return forward(*args, **kwargs)
    given = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
    as_given = [one._version for one in given]

    def passed(*args: Any, **kwargs: Any) -> Any:
        if [one._version for one in given] != as_given:
            raise ModelError(
                f"out of memory: the activations of {type(module).__name__} cannot be computed "
                "again, because the network overwrites their input; use a smaller image, or a "
                "machine with more memory"
            )
        return forward(*args, **kwargs)

    return checkpoint(passed, *args, use_reentrant=False, **kwargs)
