"""Name → network."""

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
"""Each takes (spatial_dims, channels, n_outputs), gives an untrained network."""

PIXELWISE = frozenset({"unet", "small-unet"})
"""Those that answer for every pixel, as a segmentation needs; the others answer once an image."""


def check_architecture(name: str, *, task: str | None = None) -> None:
    """Refuses a name that is no architecture's, or an architecture that is not for the task.

    Raises:
        PlanError: no architecture of that name, or one that does not answer as the task needs.
    """
    if name not in ARCHITECTURES:
        raise PlanError(unknown("architecture", name, ARCHITECTURES))
    if task is None or (name in PIXELWISE) == (task == "segmentation"):
        return
    fitting = [other for other in ARCHITECTURES if (other in PIXELWISE) != (name in PIXELWISE)]
    answers = "for every pixel" if name in PIXELWISE else "once an image"
    raise PlanError(
        f"{name} answers {answers}, which is not what a {task} needs; take {' or '.join(fitting)}"
    )


def build_network(name: str, *, spatial_dims: int, channels: int, n_outputs: int) -> nn.Module:
    """An untrained network, initialised from torch's current random state.

    Raises:
        PlanError: no architecture of that name.
    """
    check_architecture(name)
    return ARCHITECTURES[name](spatial_dims, channels, n_outputs)
