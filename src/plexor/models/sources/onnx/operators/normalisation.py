"""Normalisations, by statistics that the graph holds or that are taken from the input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from plexor.models.normalisation import in_order
from plexor.models.sources.onnx.node import Node, axis_of, operator


@operator("BatchNormalization")
def batch_norm(
    node: Node, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    """By the running mean and variance; a node that is in training mode is refused."""
    if node.get("training_mode", 0) or node.n_outputs > 1:
        raise node.refuse("is in training mode; export the model in evaluation mode")
    found = functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, _eps(node))
    return in_order(found, x)


@operator("InstanceNormalization")
def instance_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """By the mean and variance of each channel of each image."""
    if x[0, 0].numel() == 1:
        return (x - x) + bias.view(-1, *[1] * (x.ndim - 2))
    return in_order(functional.instance_norm(x, None, None, scale, bias, eps=_eps(node)), x)


@operator("LayerNormalization")
def layer_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Any:
    """By the mean and variance over the axes from ``axis`` on."""
    shape = x.shape[axis_of(node.get("axis", -1), x.ndim) :]
    if node.n_outputs == 1 and scale.shape == shape and (bias is None or bias.shape == shape):
        return functional.layer_norm(x, shape, scale, bias, _eps(node))
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    mean = x.mean(axes, keepdim=True)
    inverse = (x - mean).square().mean(axes, keepdim=True).add(_eps(node)).rsqrt()
    found = (x - mean) * inverse * scale
    found = found if bias is None else found + bias
    return (found, mean, inverse)[: node.n_outputs] if node.n_outputs > 1 else found


@operator("RMSNormalization")
def rms_norm(node: Node, x: Tensor, scale: Tensor) -> Tensor:
    """By the root of the mean square over the axes from ``axis`` on."""
    axes = tuple(range(axis_of(node.get("axis", -1), x.ndim), x.ndim))
    return x * x.square().mean(axes, keepdim=True).add(_eps(node)).rsqrt() * scale


@operator("GroupNormalization")
def group_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """By the mean and variance of groups of channels; ONNX withdrew the forms before opset 21."""
    return functional.group_norm(x, node.get("num_groups"), scale, bias, _eps(node))


@operator("MeanVarianceNormalization")
def mean_variance_norm(node: Node, x: Tensor) -> Tensor:
    """By the mean and variance over ``axes``."""
    axes = tuple(node.get("axes") or (0, 2, 3))
    mean = x.mean(axes, keepdim=True)
    deviation = (x.square().mean(axes, keepdim=True) - mean.square()).sqrt()
    return (x - mean) / (deviation + 1e-9)


@operator("LpNormalization")
def lp_norm(node: Node, x: Tensor) -> Tensor:
    """Divided by the length along an axis."""
    length = torch.linalg.vector_norm(x, node.get("p", 2), node.get("axis", -1), keepdim=True)
    return torch.where(length == 0, torch.zeros_like(x), x / length)


@operator("LRN")
def local_response_norm(node: Node, x: Tensor) -> Tensor:
    """By the squares of neighbouring channels."""
    size = node.get("size")
    if size % 2 == 0:
        raise node.refuse("an even number of channels")
    alpha, beta = node.get("alpha", 0.0001), node.get("beta", 0.75)
    return functional.local_response_norm(x, size, alpha, beta, node.get("bias", 1.0))


def _eps(node: Node) -> float:
    return float(node.get("epsilon", 1e-5))
