"""Code of a model's author, kept from ending the program and from changing torch's settings."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from plexor.core.errors import ModelError, brief
from plexor.models.device import is_out_of_memory

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def foreign_code(what: str) -> Iterator[None]:
    """Runs a block that calls code of others.

    torch's default dtype and device, and whether gradients are recorded, are put back afterwards:
    everything that Plexor computes would have another precision, or no gradients. A warning says
    what was changed. NumPy's treatment of floating-point errors, filters of warnings and the
    recursion limit are put back, too: what ends the model's own code early must not end an audit.

    Args:
        what: the code, for messages: "the network".

    Raises:
        ModelError: the code ended the program (``sys.exit``), or raised what is no ``Exception``,
            as panics of extensions written in Rust are; the process goes on. Ctrl-C is passed on.

    Example:
        >>> with foreign_code("the network"):
        ...     raise SystemExit(0)
        Traceback (most recent call last):
        ...
        plexor.core.errors.ModelError: the network ended the program with status 0; ...
    """
    dtype, device = _defaults()
    gradients = torch.is_grad_enabled()
    of_python = _Settings.now()
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except (SystemExit, GeneratorExit) as end:
        status = getattr(end, "code", None) or 0
        raise ModelError(
            f"{what} ended the program with status {status}; remove `sys.exit` or `quit` from its "
            "code, and raise an error instead"
        ) from end
    except BaseException as error:
        raise ModelError(f"{what} failed: {type(error).__name__}: {brief(error)}") from error
    finally:
        of_python.put_back()
        found_dtype, found_device = _defaults()
        if found_dtype != dtype:
            _told(what, "dtype", found_dtype, dtype)
            torch.set_default_dtype(dtype)
        if found_device != device:
            _told(what, "device", found_device, device)
            torch.set_default_device(device)
        if torch.is_grad_enabled() != gradients:
            torch.set_grad_enabled(gradients)


@contextlib.contextmanager
def backward_pass() -> Iterator[None]:
    """Runs a block that differentiates a model.

    Raises:
        ModelError: the model is not differentiable, or its own backward pass fails. An error that
            says that memory ran out is raised as it is.

    Example:
        >>> with backward_pass():
        ...     torch.autograd.grad(torch.ones(()), torch.ones(()))
        Traceback (most recent call last):
        ...
        plexor.core.errors.ModelError: this attack needs gradients, and the model is not ...
    """
    try:
        with foreign_code("the network's backward pass"):
            yield
    except ModelError:
        raise
    except Exception as error:  # a backward pass of a model's author raises anything
        if is_out_of_memory(error):
            raise
        raise ModelError(
            "this attack needs gradients, and the model is not differentiable: "
            f"{brief(error, longest=500)}"
        ) from error


@dataclass(frozen=True, slots=True)
class _Settings:
    """Settings of Python and NumPy that decide what is an error."""

    numpy: Mapping[str, Any]
    filters: Sequence[object]
    recursion: int

    @classmethod
    def now(cls) -> _Settings:
        """Those that hold."""
        return cls(dict(np.geterr()), tuple(warnings.filters), sys.getrecursionlimit())

    def put_back(self) -> None:
        """Makes these hold again, where they were changed."""
        if np.geterr() != self.numpy:
            np.seterr(**self.numpy)
        if tuple(warnings.filters) != self.filters:
            warnings.resetwarnings()  # tells Python that they change
            warnings.filters[:] = self.filters  # type: ignore[index]
        if sys.getrecursionlimit() != self.recursion:
            sys.setrecursionlimit(self.recursion)


def _defaults() -> tuple[torch.dtype, torch.device]:
    """Default dtype and device of torch; read off a tensor, which costs less than asking."""
    made = torch.empty(0)
    return made.dtype, made.device


def _told(what: str, setting: str, found: object, before: object) -> None:
    logger.warning(
        "%s set torch's default %s to %s; it is put back to %s", what, setting, found, before
    )
