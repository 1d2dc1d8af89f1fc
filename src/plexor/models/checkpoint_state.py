"""The state dict in a checkpoint of another program, which keeps other things beside it."""

from __future__ import annotations

import argparse
import logging
import pathlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy._core.multiarray import scalar
from torch import Tensor

from plexor.core.errors import ModelError

logger = logging.getLogger(__name__)

PLAIN_TYPES: list[Any] = [
    argparse.Namespace,
    pathlib.PosixPath,
    np.dtype,
    scalar,
    (scalar, "numpy.core.multiarray.scalar"),  # its name before NumPy 2
    *(type(np.dtype(kind)) for kind in ("bool", "int32", "int64", "float32", "float64")),
]
"""Types that training programs keep beside weights, and that run no code: settings, figures."""

_KEYS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "network_weights",
    "model",
    "network",
    "net",
    "module",
    "weights",
)
"""Names of a state dict in checkpoints of Lightning, PyTorch's tutorials, nnU-Net, timm, MONAI."""
_POINTER = b"version https://git-lfs"
_PAGES = (b"<!doctype html", b"<html", b"<?xml")


def state_of(path: Path, loaded: object) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names.

    Args:
        path: the file, for messages.
        loaded: its content: a state dict, or a mapping that has one under a known name.

    Raises:
        ModelError: it has none, or none that is known from the others.
    """
    if _is_state(loaded):
        return dict(loaded)
    found = dict(loaded) if isinstance(loaded, Mapping) else {}
    states = [str(key) for key, one in found.items() if one and _is_state(one)]
    chosen = next((key for key in _KEYS if key in states), None)
    if chosen is None and len(states) == 1:
        chosen = states[0]
    if chosen is None:
        several = f"; it has {', '.join(states)}, of which none is known" if states else ""
        raise ModelError(
            f"{path} is not a mapping from names to tensors{several}; save a state_dict"
        )
    if others := [key for key in states if key != chosen]:
        logger.warning(
            "%s has several sets of weights; %r is taken, not %s",
            path,
            chosen,
            ", ".join(map(repr, others)),
        )
    return dict(found[chosen])


def check_downloaded(path: Path) -> None:
    """Refuses what often lies in the place of a model: a pointer of Git LFS, or a web page.

    Raises:
        ModelError: the file is one of these, or is empty.
    """
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    if start.startswith(_POINTER):
        raise ModelError(
            f"{path} is a pointer of Git LFS, not the file itself; in its repository, run: "
            f"git lfs pull --include {path.name}"
        )
    if start.startswith(_PAGES):
        raise ModelError(f"{path} is a web page, not a model: its download failed; repeat it")
    if not path.stat().st_size:
        raise ModelError(f"{path} is empty: its download or export failed; repeat it")


def _is_state(value: object) -> TypeGuard[Mapping[str, Tensor]]:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items()
    )
