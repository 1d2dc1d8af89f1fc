"""The errors a user meets.

    PlexorError
    ├── DataError         a file, manifest or image is not what was needed
    ├── PlanError         a plan, an option or an argument is invalid
    ├── ModelError        weights do not fit, or outputs are not those of the task
    ├── RunDirectoryError the directory belongs to another plan, or is in use
    └── MissingExtraError an optional package is needed and absent

Each message is one sentence: what was wrong, what was expected, what was found, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PlexorError(Exception):
    """Any error that Plexor expects; the command line prints it without a traceback."""


class DataError(PlexorError):
    """A file, a manifest or an image is not what was needed."""


class PlanError(PlexorError, ValueError):
    """A plan, an option or an argument is invalid.

    It is a ``ValueError`` too, so that pydantic collects all that is wrong with a plan.
    """


class ModelError(PlexorError):
    """Weights do not fit, or a model's outputs are not those of its task."""


class RunDirectoryError(PlexorError):
    """A run directory belongs to another plan, is in use, or cannot be written."""


class MissingExtraError(PlexorError):
    """An optional package is needed and absent."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'plexor[{extra}]'")


EXTRA_OF = {
    "jpeglib": "jpeg",
    "lightning": "torch",
    "monai": "torch",
    "onnxruntime": "ocr",
    "rapidocr": "ocr",
    "ray": "ray",
    "sklearn": "torch",
    "torch": "torch",
}
"""The extra that installs an optional package."""


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """The error that names the install command, where the module that is missing is optional."""
    package = (error.name or "").partition(".")[0]
    return MissingExtraError(package, EXTRA_OF[package]) if package in EXTRA_OF else None


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
