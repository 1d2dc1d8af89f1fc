"""``summary.json``: a summary written, and read back, older versions of the form among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plexor.core.errors import RunDirectoryError, unknown
from plexor.core.files import write_atomic
from plexor.findings.json_format import JsonFormat
from plexor.findings.summary.summary import Summary
from plexor.findings.summary.version_2 import upgraded

SUMMARY = JsonFormat(Summary)
"""The form: plexor-summary/3."""
_SCHEMA = "plexor-summary/3"
_OLDER = {"plexor-summary/2": upgraded}


def write_summary(path: Path, summary: Summary) -> None:
    """Writes a summary, atomically."""
    write_atomic(path, SUMMARY.dump(summary))


def read_summary(path: Path) -> Summary:
    """Reads a summary; one of an older form is upgraded.

    Raises:
        RunDirectoryError: it cannot be read, or is of a form that is not known, or does not follow
            its form.
    """
    try:
        return from_json(path.read_bytes())
    except OSError as error:
        raise RunDirectoryError(
            f"cannot read {path}: {error.strerror}; run plexor report, which writes it"
        ) from error
    except RunDirectoryError as error:
        raise RunDirectoryError(f"{path}: {error}; run plexor report, which rewrites it") from error


def from_json(data: bytes | str) -> Summary:
    """A summary from a JSON document; see ``read_summary``."""
    try:
        found = json.loads(data)
    except ValueError as error:
        raise RunDirectoryError(f"not a summary: {error}") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema in _OLDER:
        try:
            return SUMMARY.from_plain(_OLDER[schema](found))
        except KeyError as error:
            raise RunDirectoryError(f"not a whole {schema}: it lacks `{error.args[0]}`") from error
    if schema != _SCHEMA:
        raise RunDirectoryError(unknown("summary schema", str(schema), [_SCHEMA, *_OLDER]))
    return SUMMARY.load(data)


def summary_schema() -> dict[str, Any]:
    """The JSON schema of ``summary.json``, made from the dataclasses."""
    return SUMMARY.schema(
        title="Plexor summary, version 3",
        text="Every number of an audit's report. Undefined numbers are null; the estimate's note "
        "says why.",
    )
