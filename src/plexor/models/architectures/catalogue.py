"""Name → network."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from plexor.core.errors import PlanError, unknown
from plexor.models.architectures.densenet import densenet121, densenet201
from plexor.models.architectures.small_cnn import SmallCNN

ARCHITECTURES: dict[str, Callable[[int, int, int], nn.Module]] = {
    "densenet121": densenet121,
    "densenet201": densenet201,
    "small-cnn": SmallCNN,
}
"""Each takes (spatial_dims, channels, n_outputs), gives an untrained network."""


def check_architecture(name: str) -> None:
    """Refuses a name that is no architecture's.

    Raises:
        PlanError: no architecture of that name.
    """
    if name not in ARCHITECTURES:
        raise PlanError(unknown("architecture", name, ARCHITECTURES))


def build_network(name: str, *, spatial_dims: int, channels: int, n_outputs: int) -> nn.Module:
    """An untrained network, initialised from torch's current random state.

    Raises:
        PlanError: no architecture of that name.
    """
    check_architecture(name)
    return ARCHITECTURES[name](spatial_dims, channels, n_outputs)
