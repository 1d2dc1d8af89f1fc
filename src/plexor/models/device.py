"""The device to compute on, and errors that say that its memory ran out."""

from __future__ import annotations

from functools import cache

import torch

from plexor.core.errors import PlanError


def choose_device(wanted: torch.device | str | None = None) -> torch.device:
    """The wanted device; if None, a CUDA device where there is one, else the CPU.

    Raises:
        PlanError: the device is not available on this machine.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:
        raise PlanError(f"device {str(wanted)!r} cannot be used here: {error}") from error
    return device


_KEPT = 2**25 - 2**16
"""Bytes just below the greatest that glibc takes for a threshold."""


@cache
def keep_freed_memory() -> None:
    """Has the C library keep up to 64 MiB of freed memory instead of returning it to the system.

    Otherwise the memory of a network's activations is returned after every pass, and filled with
    zeros by the system in the next: a quarter of the processor time of a small network. glibc
    raises its thresholds to what is freed (mallopt(3), M_MMAP_THRESHOLD), so that it suffices to
    free a block once; the block itself is never written to. Elsewhere nothing changes.

    Example:
        >>> keep_freed_memory()
    """
    torch.empty(_KEPT, dtype=torch.uint8, device="cpu")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be allocated, on any device.

    Example:
        >>> is_out_of_memory(RuntimeError("CUDA error: out of memory"))
        True
        >>> is_out_of_memory(ValueError("out of memory"))
        False
    """
    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError)
        and (
            "out of memory" in words
            or "alloc_failed" in words  # cuDNN, cuBLAS
            or ("alloc" in words and "memory" in words)
        )
    )
