"""A summary as JSON, with the lossless figures of each entry beside its other keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.helpers.json_schema import check

from plexor.findings.summary import Summary
from plexor.findings.summary.summary_file import SUMMARY

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "reference" / "summary.schema.json").read_text("utf-8")
)


def checked(summary: Summary) -> dict[str, Any]:
    """What ``summary.json`` would hold, after it was compared with its schema."""
    found = json.loads(SUMMARY.dump(summary))
    check(found, SCHEMA)
    return dict(found)


def flat(summary: Summary) -> dict[str, Any]:
    """The same with ``probe["accuracy"]`` for ``probe["stored"]["lossless"]["accuracy"]``."""
    return flat_json(checked(summary))


def read_flat(run: Path) -> dict[str, Any]:
    """Likewise, of a run directory's ``summary.json``."""
    found = json.loads((run / "summary.json").read_text("utf-8"))
    check(found, SCHEMA)
    return flat_json(found)


def flat_json(found: dict[str, Any]) -> dict[str, Any]:
    """Likewise, of a ``summary.json`` read as JSON."""
    return found | {
        "clean": _flat(found["clean"]),
        "probes": [_flat(probe) for probe in found["probes"]],
    }


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry["stored"]["lossless"], **entry}
