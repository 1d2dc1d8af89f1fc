"""Operators that work on each number alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from plexor.models.sources.onnx.node import OPERATORS, Node, dtype_of, operator, together

_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Abs": torch.abs,
    "Acos": torch.acos,
    "Acosh": torch.acosh,
    "Asin": torch.asin,
    "Asinh": torch.asinh,
    "Atan": torch.atan,
    "Atanh": torch.atanh,
    "Ceil": torch.ceil,
    "Cos": torch.cos,
    "Cosh": torch.cosh,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "IsNaN": torch.isnan,
    "Log": torch.log,
    "Mish": functional.mish,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Reciprocal": torch.reciprocal,
    "Relu": torch.relu,
    "Round": torch.round,  # half to even, as in ONNX
    "Sigmoid": torch.sigmoid,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Sinh": torch.sinh,
    "Softplus": torch.nn.functional.softplus,
    "Softsign": functional.softsign,
    "Sqrt": torch.sqrt,
    "Tan": torch.tan,
    "Tanh": torch.tanh,
}
_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "And": torch.logical_and,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Mul": torch.mul,
    "Or": torch.logical_or,
    "Sub": torch.sub,
    "Xor": torch.logical_xor,
}
_SEVERAL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Max": torch.maximum,
    "Min": torch.minimum,
    "Sum": torch.add,
}


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[[Node, Tensor], Tensor]:
    return lambda node, x: function(x)


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Node, Tensor, Tensor], Any]:
    return lambda node, a, b: function(*together(a, b))


def _several(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def folded(node: Node, first: Tensor, *rest: Tensor) -> Tensor:
        for one in rest:
            first = function(*together(first, one))
        return first

    return folded


OPERATORS.update({name: _unary(function) for name, function in _UNARY.items()})
OPERATORS.update({name: _binary(function) for name, function in _BINARY.items()})
OPERATORS.update({name: _several(function) for name, function in _SEVERAL.items()})
OPERATORS["Identity"] = lambda node, x: x


@operator("Div")
def divide(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """A / b; of whole numbers rounded towards zero."""
    a, b = together(a, b)
    whole = not (a.is_floating_point() or b.is_floating_point())
    return torch.div(a, b, rounding_mode="trunc") if whole else torch.div(a, b)


@operator("Mod")
def modulo(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """The rest of a / b, with the sign of a where ``fmod`` is 1, else that of b."""
    a, b = together(a, b)
    return torch.fmod(a, b) if node.get("fmod", 0) else torch.remainder(a, b)


@operator("Pow")
def power(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """A to the power of b, in the type of a."""
    a, b = together(a, b)
    if b.numel() == 1 and not b.requires_grad:
        return torch.pow(a, b.item()).to(a.dtype)
    return torch.pow(a, b).to(a.dtype)


@operator("Mean")
def mean(node: Node, *tensors: Tensor) -> Tensor:
    """The mean of several tensors."""
    total: Tensor = OPERATORS["Sum"](node, *tensors)
    return total / len(tensors)


@operator("Where")
def where(node: Node, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """A where the condition holds, else b."""
    condition, a, b = together(condition, a, b)
    return torch.where(condition, a, b)


@operator("Cast")
def cast(node: Node, x: Tensor) -> Tensor:
    """Numbers of another type; fractions are cut off."""
    return x.to(dtype_of(node, node.get("to")))


@operator("CastLike")
def cast_like(node: Node, x: Tensor, like: Tensor) -> Tensor:
    """Numbers of the type of another tensor."""
    return x.to(like.dtype)


@operator("IsInf")
def is_inf(node: Node, x: Tensor) -> Tensor:
    """Whether each number is infinite, of the signs asked for."""
    found = torch.zeros_like(x, dtype=torch.bool)
    if node.get("detect_positive", 1):
        found |= torch.isposinf(x)
    if node.get("detect_negative", 1):
        found |= torch.isneginf(x)
    return found


@operator("Clip")
def clip(node: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """Numbers cut at ``low`` and ``high``."""
    least = node.get("min") if low is None else low.item()
    most = node.get("max") if high is None else high.item()
    return x if least is None and most is None else torch.clamp(x, least, most)


@operator("LeakyRelu")
def leaky_relu(node: Node, x: Tensor) -> Tensor:
    """X where positive, else ``alpha`` x."""
    return functional.leaky_relu(x, node.get("alpha", 0.01))


@operator("PRelu")
def prelu(node: Node, x: Tensor, slope: Tensor) -> Tensor:
    """X where positive, else slope × x."""
    return torch.where(x < 0, slope * x, x)


@operator("ThresholdedRelu")
def thresholded_relu(node: Node, x: Tensor) -> Tensor:
    """X where it exceeds ``alpha``, else 0."""
    return torch.where(x > node.get("alpha", 1.0), x, torch.zeros_like(x))


@operator("Elu")
def elu(node: Node, x: Tensor) -> Tensor:
    """X where positive, else ``alpha`` (exp x - 1)."""
    return functional.elu(x, node.get("alpha", 1.0))


@operator("Celu")
def celu(node: Node, x: Tensor) -> Tensor:
    """X where positive, else ``alpha`` (exp(x / ``alpha``) - 1)."""
    return functional.celu(x, node.get("alpha", 1.0))


@operator("Selu")
def selu(node: Node, x: Tensor) -> Tensor:
    """``gamma`` (x where positive, else ``alpha`` (exp x - 1))."""
    alpha = node.get("alpha", 1.67326319217681884765625)
    negative: Tensor = node.get("gamma", 1.05070102214813232421875) * functional.elu(x, alpha)
    return negative


@operator("Gelu")
def gelu(node: Node, x: Tensor) -> Tensor:
    """X Φ(x), exact or by a hyperbolic tangent."""
    approximate = node.get("approximate", "none")
    return functional.gelu(x, approximate=approximate)


@operator("HardSigmoid")
def hard_sigmoid(node: Node, x: Tensor) -> Tensor:
    """``alpha`` x + ``beta``, cut at 0 and 1."""
    return torch.clamp(node.get("alpha", 0.2) * x + node.get("beta", 0.5), 0, 1)


@operator("HardSwish")
def hard_swish(node: Node, x: Tensor) -> Tensor:
    """X times (x / 6 + 1/2, cut at 0 and 1)."""
    return x * torch.clamp(x / 6 + 0.5, 0, 1)


@operator("Swish")
def swish(node: Node, x: Tensor) -> Tensor:
    """X σ(``alpha`` x)."""
    return x * torch.sigmoid(node.get("alpha", 1.0) * x)


@operator("Shrink")
def shrink(node: Node, x: Tensor) -> Tensor:
    """X moved towards 0 by ``bias`` beyond ±``lambd``, 0 between."""
    bias, limit = node.get("bias", 0.0), node.get("lambd", 0.5)
    zero = torch.zeros_like(x)
    return torch.where(x < -limit, x + bias, torch.where(x > limit, x - bias, zero))


@operator("Dropout")
def dropout(
    node: Node, x: Tensor, ratio: Tensor | None = None, training: Tensor | None = None
) -> Any:
    """x, as in evaluation; a node that is in training mode is refused."""
    if training is not None and bool(training):
        raise node.refuse("is in training mode; export the model in evaluation mode")
    if node.n_outputs == 1:
        return x
    return x, torch.ones_like(x, dtype=torch.bool)


@operator("BitShift")
def bit_shift(node: Node, x: Tensor, by: Tensor) -> Tensor:
    """Whole numbers shifted by bits."""
    factor = torch.full_like(by, 2).pow(by)
    if node.get("direction") == "LEFT":
        return x * factor
    return torch.div(x, factor, rounding_mode="floor")
