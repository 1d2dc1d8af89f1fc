"""The errors that Plexor raises.

    PlexorError
    ├── DataError         a file, manifest or image is missing, damaged or unsuitable
    ├── PlanError         a plan, an option or an argument is invalid
    ├── ModelError        weights do not fit, or outputs do not suit the task
    ├── OutageError       a server does not answer; the same command resumes
    ├── RunDirectoryError the directory belongs to another plan, or is in use
    └── MissingExtraError an optional package is needed and absent

Each message is one sentence: what was wrong, what was expected, what was found, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib.util import find_spec


class PlexorError(Exception):
    """Any error that Plexor expects; the command line prints it without a traceback."""


class DataError(PlexorError):
    """A file, a manifest or an image is missing, damaged or unsuitable."""


class PlanError(PlexorError, ValueError):
    """A plan, an option or an argument is invalid.

    Also a ``ValueError``, so that pydantic collects all errors of a plan.
    """


class ModelError(PlexorError):
    """Weights do not fit, or a model's outputs do not suit its task."""


class OutageError(PlexorError):
    """A server does not answer. No case is to blame: it ends an audit, which can be resumed."""


class RunDirectoryError(PlexorError):
    """A run directory belongs to another plan, is in use, or cannot be written."""


class MissingExtraError(PlexorError):
    """An optional package is needed and absent."""

    def __init__(self, package: str) -> None:
        extra = EXTRA_OF[package]
        super().__init__(f"{package} is not installed; run: pip install 'plexor[{extra}]'")


EXTRA_OF = {
    "alembic": "readers",
    "argon2": "readers",
    "dicomweb_client": "dicomweb",
    "fastapi": "readers",
    "jpeglib": "jpeg",
    "keras": "keras",
    "lightning": "torch",
    "monai": "torch",
    "nilearn": "neuro",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "pg8000": "readers",
    "rapidocr": "ocr",
    "ray": "ray",
    "sklearn": "torch",
    "sqlalchemy": "readers",
    "torch": "torch",
    "uvicorn": "readers",
    "weasyprint": "pdf",
}
"""The extra that installs an optional package, by the name it is imported under."""


def require(*packages: str) -> None:
    """Checks that optional packages are installed, before code that imports them.

    Args:
        packages: names of ``EXTRA_OF``.

    Raises:
        MissingExtraError: one is absent; the message has the command that installs it.

    Examples:
        >>> require("torch")
    """
    for package in packages:
        try:
            present = find_spec(package) is not None
        except ModuleNotFoundError:
            present = False
        if not present:
            raise MissingExtraError(package)


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """The error with the install command, if the missing module is optional."""
    package = (error.name or "").partition(".")[0]
    return MissingExtraError(package) if package in EXTRA_OF else None


def brief(error: BaseException, *, longest: int = 200) -> str:
    r"""An exception's message in one line, cut where it is long.

    Example:
        >>> brief(RuntimeError("two\n   lines"))
        'two lines'
        >>> brief(KeyError())
        'KeyError'
    """
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= longest else said[: longest - 1] + "…"


def unknown(kind: str, name: str, choices: Iterable[str]) -> str:
    """The message about an unknown name: the closest match, then all choices.

    Example:
        >>> unknown("split", "tset", ["train", "test"])
        "unknown split 'tset'; did you mean 'test'? (known: test, train)"
    """
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown {kind} {name!r}{hint} (known: {', '.join(known) or 'none'})"
