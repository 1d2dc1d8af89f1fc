"""Right gradients of batch and instance normalisation for a single image.

On a processor, torch (2.13 and before) takes the gradient that comes back to these layers in the
wrong order, without an error, where a batch has one image, the layer's input is contiguous, and the
gradient lies in memory with the channels last: behind the layer the network transposes, as one does
that goes on from convolutions to attention over places.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

_MENDED = "_plexor_gradient_in_order"


def in_order(output: Tensor, given: Tensor) -> Tensor:
    """The output of a normalisation, whose gradient is put in the order of the layer's input.

    Example:
        >>> import torch
        >>> from torch.nn import functional
        >>> given = torch.randn(1, 2, 3, 2, requires_grad=True)
        >>> ones, none = torch.ones(2), torch.zeros(2)
        >>> found = in_order(functional.batch_norm(given, none, ones, eps=0), given)
        >>> later = torch.arange(12.0).view(1, 6, 2)
        >>> (found.flatten(2).transpose(1, 2) * later).sum().backward()
        >>> torch.equal(given.grad.flatten(2), later.transpose(1, 2))
        True
    """
    if output.requires_grad and len(given) == 1 and given.is_contiguous():
        output.register_hook(_contiguous)  # type: ignore[no-untyped-call]
    return output


def mend_gradients(network: nn.Module) -> None:
    """Puts gradients in order behind every such layer of a network; outputs stay the same."""
    for part in network.modules():
        if isinstance(part, _NormBase) and not hasattr(part, _MENDED):
            part.register_forward_hook(_mend)
            setattr(part, _MENDED, True)


def _mend(_layer: nn.Module, given: tuple[Any, ...], output: Any) -> None:
    if given and isinstance(output, Tensor):
        in_order(output, given[0])


def _contiguous(gradient: Tensor | None) -> Tensor | None:
    return None if gradient is None else gradient.contiguous()
