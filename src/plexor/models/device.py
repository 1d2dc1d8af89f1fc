"""Where to compute, and whether it has the memory."""

from __future__ import annotations

import torch

from plexor.core.errors import PlanError


def choose_device(wanted: torch.device | str | None = None) -> torch.device:
    """The device asked for; if none is, a CUDA device where there is one, else the CPU.

    Raises:
        PlanError: the device is not here.
    """
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:
        raise PlanError(f"device {str(wanted)!r} cannot be used here: {error}") from error
    return device


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that an allocation failed, on any device."""
    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "alloc" in words and "memory" in words
    )
