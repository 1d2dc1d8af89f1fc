"""Catalogue of the built-in networks."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from plexor.core.errors import PlanError, unknown
from plexor.models.architectures.densenet import densenet121, densenet201
from plexor.models.architectures.efficientnet import EfficientNetLite0
from plexor.models.architectures.small_cnn import SmallCNN
from plexor.models.architectures.unet import small_unet, unet

ARCHITECTURES: dict[str, Callable[[int, int, int], nn.Module]] = {
    "densenet121": densenet121,
    "densenet201": densenet201,
    "efficientnet-lite0": EfficientNetLite0,
    "small-cnn": SmallCNN,
    "unet": unet,
    "small-unet": small_unet,
}
"""Name → function of (spatial_dims, channels, n_outputs) that returns an untrained network."""

PIXELWISE = frozenset({"unet", "small-unet"})
"""Networks with outputs for every pixel, for segmentation; the others have outputs per image."""


def check_architecture(name: str, *, task: str | None = None) -> None:
    """Checks that an architecture exists and has the kind of outputs that the task needs.

    Args:
        name: of the architecture.
        task: kind of the task; None checks the name only.

    Raises:
        PlanError: an unknown name, or an architecture that does not fit the task.
    """
    if name not in ARCHITECTURES:
        raise PlanError(unknown("architecture", name, ARCHITECTURES))
    if task is None or (name in PIXELWISE) == (task == "segmentation"):
        return
    fitting = [other for other in ARCHITECTURES if (other in PIXELWISE) != (name in PIXELWISE)]
    per = "per pixel" if name in PIXELWISE else "per image"
    raise PlanError(
        f"{name} has outputs {per}, which does not fit the task {task}; take {' or '.join(fitting)}"
    )


def build_network(name: str, *, spatial_dims: int, channels: int, n_outputs: int) -> nn.Module:
    """An untrained network, initialised from torch's current random state.

    Raises:
        PlanError: an unknown name.

    Example:
        >>> import torch
        >>> network = build_network("small-unet", spatial_dims=2, channels=1, n_outputs=2)
        >>> network.eval()(torch.zeros(1, 1, 32, 32)).shape
        torch.Size([1, 2, 32, 32])
    """
    check_architecture(name)
    return ARCHITECTURES[name](spatial_dims, channels, n_outputs)
