"""TorchScript files and programs of ``torch.export``: both run code when they are opened."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from plexor.core.door import option
from plexor.core.errors import ModelError, PlanError, brief
from plexor.core.ids import digest_file
from plexor.models.card import ModelCard
from plexor.models.checkpoint_state import check_downloaded
from plexor.models.foreign_code import foreign_code
from plexor.models.sources.adapter import Adapter
from plexor.models.sources.input_order import order_of_file, place_of_image
from plexor.models.sources.opened import FixedBatch, Opened

_WHY = {
    "torchscript": "torch.jit.load runs code that is in the file",
    "exported": "torch.export.load unpickles a part of the file, which can run code",
}


class TorchFile(nn.Module):
    """A network from a file of torch.

    Args:
        network: as loaded.
        sha256: of the file.

    Attributes:
        source_sha256: of the file, which is part of the model's identity.
    """

    def __init__(self, network: nn.Module, sha256: str) -> None:
        super().__init__()
        self.network = network
        self.source_sha256 = sha256
        kinds = (one.dtype for one in network.parameters() if one.is_floating_point())
        self._dtype = next(kinds, torch.float32)

    def forward(self, *inputs: Tensor) -> Any:
        """The network's answer, in the precision of its weights."""
        return self.network(*(one.to(self._dtype) for one in inputs))

    def train(self, mode: bool = True) -> TorchFile:
        """Leaves an exported program as it is: it has no two modes."""
        self.training = mode
        if isinstance(self.network, torch.jit.ScriptModule):
            self.network.train(mode)
        return self


def open_torch_file(
    path: Path,
    kind: str,
    card: ModelCard | None = None,
    adapter: Adapter | None = None,
    *,
    allow_code: bool,
) -> Opened:
    """Opens a TorchScript file or an exported program.

    Args:
        path: the file.
        kind: "torchscript" or "exported".
        card: for the features.
        adapter: for the layout, and for the order of the inputs of an exported program, which is
            found from their sizes if not given. A TorchScript file does not say any.
        allow_code: whether code in the file may be run.

    Raises:
        PlanError: code is not allowed.
        ModelError: the file is missing, damaged, or of another kind.
    """
    if not path.is_file():
        raise ModelError(f"no model at {path}")
    if not allow_code:
        raise PlanError(
            f"model: {path} is not opened, because {_WHY[kind]}; if you trust it, add "
            f"{option('allow_code')}"
        )
    check_downloaded(path)
    if kind == "torchscript" and _is_checkpoint(path):
        raise ModelError(
            f"{path} is a checkpoint without a network; name it as `weights`, with `architecture` "
            "or `python`"
        )
    shapes: list[tuple[str, tuple[int | None, ...]]] = []
    try:
        with foreign_code(path.name):
            network: nn.Module
            if kind == "torchscript":
                network = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
            else:
                program = torch.export.load(path)
                shapes = _shapes_of(program)
                network = program.module()
                for part in network.modules():  # it has one mode, that of its export
                    part.training = False
    except ModelError:
        raise
    except Exception as error:  # torch raises errors of many types for damaged files
        raise ModelError(
            f"{path} is not a complete file of "
            f"{'torch.jit.save' if kind == 'torchscript' else 'torch.export.save'}: "
            f"{brief(error)}"
        ) from error
    name = "TorchScript" if kind == "torchscript" else "torch.export"
    opened = Opened(
        network=TorchFile(network, digest_file(path)),
        access="gradients",
        name=f"{name} {path.name}",
        notes=(f"code in {path.name} was run, as was allowed",),
    )
    return _as_exported(opened, path, shapes, card, adapter or Adapter()) if shapes else opened


def _is_checkpoint(path: Path) -> bool:
    """Whether it is a file of ``torch.save``, which has no code as TorchScript has."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return any(name.endswith("/data.pkl") for name in names) and not any(
        "/code/" in name for name in names
    )


def _shapes_of(program: torch.export.ExportedProgram) -> list[tuple[str, tuple[int | None, ...]]]:
    """Name and shape of each input that a user gives; None for a size that is left open."""
    wanted = program.graph_signature.user_inputs
    found: list[tuple[str, tuple[int | None, ...]]] = []
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if node.op == "placeholder" and node.name in wanted and isinstance(value, Tensor):
            sizes = tuple(size if isinstance(size, int) else None for size in value.shape)
            found.append((node.name, sizes))
    return found


def _as_exported(
    opened: Opened,
    path: Path,
    shapes: list[tuple[str, tuple[int | None, ...]]],
    card: ModelCard | None,
    adapter: Adapter,
) -> Opened:
    """With what an exported program fixes: order of inputs, spatial size, channels, batch size."""
    names = [feature.name for feature in card.features] if card else []
    order = order_of_file(str(path), shapes, names, adapter.inputs)
    batch, *rest = shapes[place_of_image(order)][1]
    channels = rest.pop() if adapter.channels_last else rest.pop(0)
    spatial = tuple(size for size in rest if size is not None)
    return replace(
        opened,
        network=opened.network if batch is None else FixedBatch(opened.network, batch),
        inputs=order,
        channels=channels,
        size=spatial if len(spatial) == len(rest) and len(rest) in (2, 3) else None,
    )
