"""Catalogue of the built-in networks."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from plexor.core.errors import PlanError, unknown
from plexor.models.architectures.brain_age import ConventionalCNN, FeaturesOnly, HybridCNN
from plexor.models.architectures.densenet import densenet121, densenet201, small_densenet
from plexor.models.architectures.efficientnet import EfficientNetLite0
from plexor.models.architectures.small_cnn import SmallCNN
from plexor.models.architectures.unet import small_unet, unet

ARCHITECTURES: dict[str, Callable[[int, int, int], nn.Module]] = {
    "brain-age": ConventionalCNN,
    "densenet121": densenet121,
    "densenet201": densenet201,
    "efficientnet-lite0": EfficientNetLite0,
    "small-cnn": SmallCNN,
    "small-densenet": small_densenet,
    "unet": unet,
    "small-unet": small_unet,
}
"""Name → function of (spatial_dims, channels, n_outputs) that returns an untrained network."""

WITH_FEATURES: dict[str, Callable[[int, int, int, int], nn.Module]] = {
    "brain-age-hybrid": HybridCNN,
    "features-only": FeaturesOnly,
}
"""Name → the same of (spatial_dims, channels, n_features, n_outputs), for networks that take
features as a second input."""

_IMAGE_ONLY = ("brain-age", "small-cnn", "densenet121")
"""Examples for a message."""

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
    known = [*ARCHITECTURES, *WITH_FEATURES]
    if name not in known:
        own = f"; a function of your own is `model.python: {name}`" if ":" in name else ""
        raise PlanError(unknown("architecture", name, known) + own)
    if task is None or (name in PIXELWISE) == (task == "segmentation"):
        return
    fitting = [other for other in known if (other in PIXELWISE) != (name in PIXELWISE)]
    per = "per pixel" if name in PIXELWISE else "per image"
    raise PlanError(
        f"{name} has outputs {per}, which does not fit the task {task}; take {' or '.join(fitting)}"
    )


def build_network(
    name: str, *, spatial_dims: int, channels: int, n_outputs: int, n_features: int = 0
) -> nn.Module:
    """An untrained network, initialised from torch's current random state.

    Args:
        name: of the architecture.
        spatial_dims: 2 or 3.
        channels: of the images.
        n_outputs: of the task.
        n_features: numbers beside the image.

    Raises:
        PlanError: an unknown name, features for a network of images only, or none for a network
            that takes them.

    Example:
        >>> import torch
        >>> network = build_network("small-unet", spatial_dims=2, channels=1, n_outputs=2)
        >>> network.eval()(torch.zeros(1, 1, 32, 32)).shape
        torch.Size([1, 2, 32, 32])
    """
    check_architecture(name)
    if name in WITH_FEATURES and not n_features:
        raise PlanError(
            f"{name} takes features beside the image, and none are named; write their columns in "
            f"`cohort.features`, or take {' or '.join(_IMAGE_ONLY)}"
        )
    if name in WITH_FEATURES:
        return WITH_FEATURES[name](spatial_dims, channels, n_features, n_outputs)
    if n_features:
        raise PlanError(
            f"{name} takes the image only; leave `cohort.features` out, or take "
            f"{' or '.join(WITH_FEATURES)}"
        )
    return ARCHITECTURES[name](spatial_dims, channels, n_outputs)
