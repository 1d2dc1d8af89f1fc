"""Checkpoints that are whole or absent, with the one before each kept."""

from __future__ import annotations

import io
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from plexor.core.errors import RunDirectoryError, brief
from plexor.core.files import write_atomic

logger = logging.getLogger(__name__)


class Checkpoints(TorchCheckpointIO):
    """Writes a checkpoint beside the one before, then renames it; that one stays, too.

    A full disk, or a process that is killed, leaves the last whole checkpoint as it is.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: Any,
        storage_options: Any | None = None,  # noqa: ARG002 (of the class it replaces)
    ) -> None:
        """Writes a checkpoint.

        Raises:
            RunDirectoryError: the disk is full, or the directory cannot be written.
        """
        data = io.BytesIO()
        torch.save(checkpoint, data)
        target = Path(path)
        if target.exists():
            _keep(target, before(target))
        write_atomic(target, data.getvalue())


def before(path: Path) -> Path:
    """Where the checkpoint is kept that stood at ``path`` before the one there now."""
    return path.with_name(f"{path.stem}-before{path.suffix}")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint; the one before, with a warning, where it is damaged.

    Raises:
        RunDirectoryError: both are missing or damaged.
    """
    return _read(sound_checkpoint(path))


def sound_checkpoint(path: Path) -> Path:
    """The file of a checkpoint that can be read: ``path``, or the one before.

    Raises:
        RunDirectoryError: both are missing or damaged.
    """
    reasons = []
    for one in (path, before(path)):
        try:
            _read(one)
        except Exception as error:  # noqa: BLE001 (torch.load raises errors of many types)
            reasons.append(f"{one.name}: {brief(error)}")
        else:
            if reasons:
                logger.warning("%s is damaged; %s is taken instead", path, one.name)
            return one
    raise RunDirectoryError(
        f"no checkpoint in {path.parent} can be read ({'; '.join(reasons)}); remove the folder to "
        "train from the start"
    )


def _read(path: Path) -> dict[str, Any]:
    return dict(torch.load(path, map_location="cpu", weights_only=True))


def _keep(path: Path, kept: Path) -> None:
    """A second name for a file, or a copy where the file system has no such names."""
    try:
        kept.unlink(missing_ok=True)
        try:
            os.link(path, kept)
        except OSError:
            shutil.copy2(path, kept)
    except OSError as error:
        raise RunDirectoryError(f"cannot write {kept}: {error.strerror}; free space") from error
