"""Gradients in less memory: what a network computes inside is computed again when it is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from plexor.core.errors import ModelError


@contextlib.contextmanager
def recomputing(network: nn.Module) -> Iterator[None]:
    """While it lasts, gradients through the network take less memory, and more time.

    Of every module that has several inside, but for the network itself, only the input is kept on
    the way forward (Chen et al., arXiv:1604.06174; as ``torch.utils.checkpoint``). On the way back
    it goes forward once more, and so do, each for itself, those inside it. Outputs and gradients
    are the same, to the bit; a network that draws random numbers draws the same again.

    Args:
        network: of any architecture; a TorchScript module is left as it is. Layers that are told to
            write over their input, such as ``nn.ReLU(inplace=True)``, do not meanwhile. One that
            does so by other means raises ModelError on the way back.
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


def _again(module: nn.Module, forward: Any, *args: Any, **kwargs: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*args, **kwargs)
    given = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
    as_given = [one._version for one in given]

    def passed(*args: Any, **kwargs: Any) -> Any:
        if [one._version for one in given] != as_given:
            raise ModelError(
                f"memory suffices only if what {type(module).__name__} computes is computed again, "
                "and the network writes over its input; use a smaller image, or a machine with "
                "more memory"
            )
        return forward(*args, **kwargs)

    return checkpoint(passed, *args, use_reentrant=False, **kwargs)
