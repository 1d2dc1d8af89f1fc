"""What stands for layers in the backward pass: networks of the user's own, and a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from plexor.core.errors import ModelError, PlanError
from plexor.core.ids import digest, digest_bytes
from plexor.models.backward import Backward
from plexor.models.batch import Batch
from plexor.models.loading import called
from plexor.models.model import Model, answer
from plexor.models.stand_ins import Network
from plexor.models.weights import fill, read_weights
from plexor.probes import CodedStandIn, PlannedProbe
from plexor.probes.materials import resolved

Networks = Mapping[CodedStandIn, tuple[Network, str]]


def load_networks(
    probes: Sequence[PlannedProbe], *, path: Callable[[Path], Path], allow_code: bool
) -> Networks:
    """Makes every network that a plan names as a stand-in, once.

    Args:
        probes: the plan's probes.
        path: file as the plan names it → its path.
        allow_code: whether the code that makes them may run.

    Returns:
        The stand-in as the plan names it → the network, and a hash of its class and parameters.

    Raises:
        ModelError: the code fails or makes something else, or the weights do not fit.
        PlanError: code is not allowed.
    """
    found: dict[CodedStandIn, tuple[Network, str]] = {}
    for coded in dict.fromkeys(one for probe in probes for one in probe.needs.coded):
        network = called("python", coded.python, allow_code=allow_code, within="backward")
        if not isinstance(network, nn.Module):
            raise ModelError(
                f"backward: {coded.python} returned {type(network).__name__}, expected a "
                "torch.nn.Module"
            )
        if coded.weights is not None:
            file = path(coded.weights)
            fill(network, read_weights(file), source=file)
        found[coded] = Network(network=network), _identity(network)
    return found


def check_layers(probe: PlannedProbe, model: Model, networks: Networks) -> None:
    """Refuses layers that the model does not have.

    Raises:
        PlanError: a layer has another name.
    """
    if probe.needs.backward:
        Backward(model, resolved(probe.needs.backward, networks))


def network_cards(networks: Networks) -> list[dict[str, object]]:
    """The networks' part of ``provenance.json``."""
    return [{**coded.written, "sha256": sha256} for coded, (_, sha256) in networks.items()]


def check_backward(probe: PlannedProbe, model: Model, batch: Batch, networks: Networks) -> None:
    """Asks the model for one case, and refuses stand-ins that do not fit.

    Raises:
        PlanError: a layer is not called, or its stand-in's output differs in shape; or no gradient
            reaches the image all the same.
    """
    stand_ins = resolved(probe.needs.backward, networks)
    if not stand_ins:
        return
    first = batch.select(torch.zeros(1, dtype=torch.int64, device=batch.images.device))
    images = first.images.detach().clone().requires_grad_()
    try:
        with torch.enable_grad():
            seen = answer(Backward(model, stand_ins), first, images).requires_grad
    except ModelError as error:
        raise PlanError(f"{probe.id}: {error}") from error
    if not seen:
        raise PlanError(
            f"{probe.id}: backward: no gradient reaches the image past {', '.join(stand_ins)}; "
            "name the other parts that hide it, too, or a layer around them"
        )


def _identity(network: nn.Module) -> str:
    """SHA-256 of the network's class and state."""
    kind = f"{type(network).__module__}.{type(network).__qualname__}"
    state = [
        [
            name,
            str(tensor.dtype),
            digest_bytes(tensor.detach().cpu().contiguous().numpy().tobytes()),
        ]
        for name, tensor in network.state_dict().items()
    ]
    return digest([kind, state])
