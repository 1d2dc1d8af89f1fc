"""Operators of ONNX in torch, differentiable where the operator is; importing enters them all."""

from plexor.models.sources.onnx.operators import (
    attention,
    convolution,
    elementwise,
    indexing,
    normalisation,
    pooling,
    quantised,
    reduction,
    resize,
    sampling,
    shape,
)

__all__ = [
    "attention",
    "convolution",
    "elementwise",
    "indexing",
    "normalisation",
    "pooling",
    "quantised",
    "reduction",
    "resize",
    "sampling",
    "shape",
]
