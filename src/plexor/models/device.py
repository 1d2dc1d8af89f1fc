"""Where to compute."""

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
