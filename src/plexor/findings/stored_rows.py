"""Checks of findings on reading: complete rows, valid status, no duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from plexor.core.errors import RunDirectoryError
from plexor.findings.schema import SCHEMA

_NEVER_EMPTY = (
    "case_id",
    "group",
    "truth",
    "probe",
    "stored",
    "status",
    "decision_before",
    "decision_after",
    "outputs_before",
    "outputs_after",
    "attempted",
    "reached",
    "within_threat",
    "error",
)
"""Columns that have a value in every row; numbers may be NaN and lists may be empty."""
_ROW = ["case_id", "probe", "stored"]
"""Columns that identify a row."""


def read_rows(path: Path) -> pa.Table:
    """A unit's rows.

    Raises:
        RunDirectoryError: the file is damaged, or a required column has empty cells.
    """
    try:
        table = pq.read_table(path, schema=SCHEMA)
        table.validate(full=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(path, " ".join(str(error).split())) from error
    empty = [name for name in _NEVER_EMPTY if table[name].null_count]
    if empty:
        raise damaged(path, f"rows without {', '.join(empty)}")
    strange = set(pc.unique(table["status"]).to_pylist()) - {"ok", "failed"}
    if strange:
        raise damaged(path, f"rows with the status {', '.join(sorted(strange))}")
    return table


def check_rows(tables: Mapping[Path, pa.Table], frame: pd.DataFrame) -> None:
    """Refuses duplicate rows, and outputs of several lengths.

    Args:
        tables: file → its rows.
        frame: all of them.

    Raises:
        RunDirectoryError: a row is in two files, e.g. since one is a stray copy, or outputs differ
            in length.
    """
    twice = frame[frame.duplicated(_ROW, keep=False)]
    if len(twice):
        case_id, probe, stored = twice.iloc[0][_ROW]
        of = (pc.field("case_id") == case_id) & (pc.field("probe") == probe)
        files = [path for path, table in tables.items() if table.filter(of).num_rows]
        raise RunDirectoryError(
            f"case {case_id} under {probe} ({stored}) is found more than once, in "
            f"{' and '.join(map(str, files))}; delete the stray copy, or the file itself and run "
            "the audit again, which redoes this unit only"
        )
    done = frame[frame["status"] == "ok"]
    for column in ("outputs_before", "outputs_after"):
        lengths = done[column].map(len)
        usual = lengths.mode()
        if (lengths != usual.iloc[:1].squeeze()).any():
            odd = lengths.index[lengths != usual.iloc[0]][0]
            case_id, probe = done.loc[odd, "case_id"], done.loc[odd, "probe"]
            files = [p for p, table in tables.items() if probe in table["probe"].to_pylist()]
            raise damaged(
                files[0], f"case {case_id} has {lengths[odd]} {column}, others {usual.iloc[0]}"
            )


def damaged(path: Path, reason: str) -> RunDirectoryError:
    """The error for a damaged unit file."""
    return RunDirectoryError(
        f"{path} is damaged ({reason}); delete it and run the audit again, which redoes this unit "
        "only"
    )
