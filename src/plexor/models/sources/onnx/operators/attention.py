"""Attention, as one operator since opset 23."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from plexor.models.sources.onnx.node import Node, operator


@operator("Attention")
def attention(
    node: Node,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *past: Tensor | None,
) -> Tensor:
    """softmax(``scale`` q kᵀ + mask) v, by head; keys of earlier calls are refused."""
    if node.n_outputs > 1 or any(one is not None for one in past):
        raise node.refuse("keys and values of earlier calls, or more than one output")
    flat = query.ndim == 3
    if flat:
        n_query, n_key = node.get("q_num_heads"), node.get("kv_num_heads")
        query = _heads(query, n_query)
        key, value = _heads(key, n_key), _heads(value, n_key)
    if (n := query.shape[1] // key.shape[1]) > 1:
        key, value = key.repeat_interleave(n, dim=1), value.repeat_interleave(n, dim=1)
    scale = node.get("scale", 1 / math.sqrt(query.shape[-1]))
    scores = (query * scale) @ key.transpose(-1, -2)
    if cap := node.get("softcap", 0.0):
        scores = cap * torch.tanh(scores / cap)
    if node.get("is_causal", 0):
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    if mask is not None:
        hides = mask.dtype == torch.bool
        scores = scores.masked_fill(~mask, -torch.inf) if hides else scores + mask
    found: Tensor = scores.softmax(-1) @ value
    return found.transpose(1, 2).flatten(2) if flat else found


def _heads(x: Tensor, n: int) -> Tensor:
    """(N, length, heads × size) as (N, heads, length, size)."""
    return x.reshape(*x.shape[:-1], n, -1).transpose(1, 2)
