"""GridSample: numbers between pixels, at places that another tensor says."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from plexor.models.sources.onnx.node import Node, check_size, operator

_MODES = {"linear": "bilinear", "cubic": "bicubic"}
"""Names of modes since opset 20, and those of torch, which are the earlier ones."""


@operator("GridSample")
def grid_sample(node: Node, x: Tensor, grid: Tensor) -> Tensor:
    """X at the places of a grid, whose numbers run from -1 to 1 along each axis."""
    mode = node.get("mode", "linear")
    mode = _MODES.get(mode, mode)
    if mode == "bicubic" and x.ndim == 5:
        raise node.refuse("cubic interpolation of volumes")
    check_size(node, [*x.shape[:2], *grid.shape[1:-1]])
    return functional.grid_sample(
        x,
        grid,
        mode=mode,
        padding_mode=node.get("padding_mode", "zeros"),
        align_corners=bool(node.get("align_corners", 0)),
    )
