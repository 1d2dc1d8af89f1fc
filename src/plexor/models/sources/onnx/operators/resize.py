"""Resizing: by torch where it computes the same, else by one matrix of weights for each axis."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from plexor.models.sources.onnx.node import Node, axis_of, check_size, operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """How one axis is resized.

    Attributes:
        size: before.
        new: after.
        scale: new per old, as the node gives it; need not be new / size.
        mode: "nearest", "linear" or "cubic".
        transform: ONNX's ``coordinate_transformation_mode``.
        nearest: ONNX's ``nearest_mode``.
        a: coefficient of the cubic.
        inside: whether places outside of the image get no weight.
        antialias: whether the window grows when the image shrinks.
    """

    size: int
    new: int
    scale: float
    mode: str
    transform: str
    nearest: str
    a: float
    inside: bool
    antialias: bool


@operator("Resize")
def resize(
    node: Node,
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    """Axes resized by scales, or to sizes."""
    if node.opset < 11:
        return _scaled(node, x, roi, "asymmetric", "floor")
    along = [axis_of(a, x.ndim) for a in node.get("axes") or range(x.ndim)]
    if node.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise node.refuse("`keep_aspect_ratio_policy` other than stretch")
    factor, new = [1.0] * x.ndim, list(x.shape)
    if sizes is not None and sizes.numel():
        for axis, n in zip(along, sizes.tolist(), strict=True):
            new[axis], factor[axis] = int(n), n / x.shape[axis]
    elif scales is not None and scales.numel():
        for axis, s in zip(along, scales.tolist(), strict=True):
            new[axis], factor[axis] = math.floor(x.shape[axis] * s), s
    else:
        raise node.refuse("neither scales nor sizes")
    transform = node.get("coordinate_transformation_mode", "half_pixel")
    nearest = node.get("nearest_mode", "round_prefer_floor")
    return _resized(node, x, new, factor, transform, nearest)


@operator("Upsample")
def upsample(node: Node, x: Tensor, scales: Tensor | None = None) -> Tensor:
    """Axes resized by scales, as before opset 10."""
    return _scaled(node, x, scales, "asymmetric", "floor")


def _scaled(node: Node, x: Tensor, scales: Tensor | None, transform: str, nearest: str) -> Tensor:
    given = node.get("scales") if scales is None else scales.tolist()
    factor = [float(s) for s in given or [1.0] * x.ndim]
    new = [math.floor(n * s) for n, s in zip(x.shape, factor, strict=True)]
    return _resized(node, x, new, factor, transform, nearest)


def _resized(
    node: Node, x: Tensor, new: list[int], factor: list[float], transform: str, nearest: str
) -> Tensor:
    check_size(node, new)
    mode = node.get("mode", "nearest")
    antialias = bool(node.get("antialias", 0)) and mode != "nearest"
    if tuple(new[:2]) == tuple(x.shape[:2]) and not antialias and x.is_floating_point():
        exact = all(n == s * f for n, s, f in zip(new, x.shape, factor, strict=True))
        if (found := _by_torch(x, new[2:], mode, transform, nearest, exact=exact)) is not None:
            return found
    if transform not in _TRANSFORMS:
        raise node.refuse(f"the coordinate transformation {transform!r}")
    for axis, n in enumerate(new):
        if n == x.shape[axis] and factor[axis] == 1:
            continue
        weights = _weights(
            Axis(
                size=x.shape[axis],
                new=n,
                scale=factor[axis],
                mode="linear" if mode == "bilinear" else mode,
                transform=transform,
                nearest=nearest,
                a=node.get("cubic_coeff_a", -0.75),
                inside=bool(node.get("exclude_outside", 0)),
                antialias=antialias,
            )
        )
        matrix = torch.from_numpy(weights).to(x.device, x.dtype)
        x = torch.tensordot(x, matrix, dims=([axis], [1])).movedim(-1, axis)
    return x


def _by_torch(
    x: Tensor, new: list[int], mode: str, transform: str, nearest: str, *, exact: bool
) -> Tensor | None:
    """The result of ``interpolate`` where that is the same; None elsewhere."""
    linear = {3: "linear", 4: "bilinear", 5: "trilinear"}.get(x.ndim)
    if linear is None or not exact:
        return None
    if mode == "linear" and transform == "align_corners" and min(new) > 1:
        return functional.interpolate(x, new, mode=linear, align_corners=True)
    if mode == "linear" and (
        transform == "half_pixel" or (transform == "pytorch_half_pixel" and min(new) > 1)
    ):
        return functional.interpolate(x, new, mode=linear, align_corners=False)
    whole = all(n % s == 0 for n, s in zip(new, x.shape[2:], strict=True))
    if (
        mode == "nearest"
        and whole
        and (
            (transform == "asymmetric" and nearest == "floor")
            or (transform == "half_pixel" and nearest.startswith("round"))
        )
    ):
        return functional.interpolate(x, new, mode="nearest")
    return None


_TRANSFORMS: dict[str, Callable[[Any, Axis], Any]] = {
    "asymmetric": lambda i, one: i / one.scale,
    "half_pixel": lambda i, one: (i + 0.5) / one.scale - 0.5,
    "pytorch_half_pixel": lambda i, one: (
        (i + 0.5) / one.scale - 0.5 if one.size * one.scale > 1 else 0 * i
    ),
    "align_corners": lambda i, one: i * (one.size - 1) / (one.new - 1) if one.new > 1 else 0 * i,
    "half_pixel_symmetric": lambda i, one: (
        one.size / 2 * (1 - one.new / (one.size * one.scale)) + (i + 0.5) / one.scale - 0.5
    ),
}


_ROUNDINGS: dict[str, Callable[[Any], Any]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
}


@functools.lru_cache(maxsize=64)
def _weights(one: Axis) -> NDArray[np.float64]:
    """Weight of every old place in every new one, (new, size)."""
    # in float32, as onnxruntime: a place halfway between two pixels would else fall to the other
    places = _TRANSFORMS[one.transform](np.arange(one.new, dtype=np.float32), one)
    weights = np.zeros((one.new, one.size))
    if one.mode == "nearest":
        chosen = np.clip(_ROUNDINGS[one.nearest](places), 0, one.size - 1).astype(int)
        weights[np.arange(one.new), chosen] = 1
        return weights
    shrink = min(one.scale, 1.0) if one.antialias else 1.0
    reach = (1 if one.mode == "linear" else 2) / shrink
    for row, place in enumerate(places):
        taps = np.arange(math.floor(place - reach), math.floor(place + reach) + 2)
        kernel = _linear if one.mode == "linear" else functools.partial(_cubic, a=one.a)
        heights = kernel(np.abs(taps - place) * shrink)
        if one.inside or one.antialias:
            heights = heights * ((taps >= 0) & (taps < one.size)) if one.inside else heights
            heights = heights / heights.sum()
        np.add.at(weights[row], np.clip(taps, 0, one.size - 1), heights)
    return weights


def _linear(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(1 - distance, 0, None)


def _cubic(distance: NDArray[np.float64], *, a: float) -> NDArray[np.float64]:
    """Keys' cubic (IEEE Trans. ASSP 1981;29(6):1153, equation 15, with a free coefficient)."""
    d = distance
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))
