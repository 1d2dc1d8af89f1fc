"""The table of all cases: packed into the page as columns, within a limit."""

from __future__ import annotations

import base64
import json
import math
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plexor.core import wording
from plexor.findings.run import RunDirectory
from plexor.findings.summary.summary import Summary
from plexor.report.case_rows import (
    REACHED,
    Column,
    NumberColumn,
    TextColumn,
    case_rows,
    only,
)
from plexor.report.lead_attack import lead_attack
from plexor.report.pictures import Pictures

MOST_CHARACTERS = 900_000
"""Of the packed rows in one page, at most."""
_FIGURES = 4
_SHOWN_BY_BROWSERS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTable:
    """The table of all cases.

    Attributes:
        data: columns and rows as JSON, compressed, in base64; "" where there is no row.
        opens: id of the probe whose rows are shown first.
        note: how many rows there are, and which were left out.
        not_kept: said of a case without pictures.
        command: keeps the pictures of all cases.
    """

    data: str
    opens: str
    note: str
    not_kept: str
    command: str


def case_table(
    run: RunDirectory, summary: Summary, findings: pd.DataFrame, pictures: Pictures
) -> CaseTable:
    """Packs one row for each case, probe and container, and takes its room from the pictures.

    Where the rows would be too many, other containers than the lossless one are left out first,
    then cases in which no attack reached its goal; ``note`` says so.

    Args:
        run: the run.
        summary: of the run.
        findings: of the run.
        pictures: of the page, whose room the rows share.
    """
    columns = case_rows(summary, findings)
    files = _files(run)
    most = math.inf if math.isinf(pictures.most) else MOST_CHARACTERS
    data, kept = _within(columns, files, most)
    pictures.spent += len(data)
    lead = lead_attack(summary)
    n_cases = summary.cohort.n_cases
    return CaseTable(
        data=data,
        opens=lead.id if lead else "",
        note=_note(columns, kept),
        not_kept=_not_kept(run, n_cases),
        command=_keeping_all(run, n_cases),
    )


def pack(columns: Sequence[Column], files: Mapping[tuple[str, str], str]) -> str:
    """Columns as the page's script reads them.

    Args:
        columns: of the table, one entry for each row.
        files: (case, probe) → folder and ending of its two pictures beside the page.
    """
    by_id = {column.id: column for column in columns}
    case, probe = by_id["case"], by_id["probe"]
    assert isinstance(case, TextColumn)  # noqa: S101
    assert isinstance(probe, TextColumn)  # noqa: S101
    cases = {text: code for code, text in enumerate(case.texts)}
    probes = {text: code for code, text in enumerate(probe.ids)}
    beside = [
        [cases[one], probes[other], *place.split("|")]
        for (one, other), place in files.items()
        if one in cases and other in probes
    ]
    packed = {"columns": [_packed(column) for column in columns], "files": beside}
    text = json.dumps(packed, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), level=9)).decode()


def _packed(column: Column) -> dict[str, Any]:
    if isinstance(column, NumberColumn):
        numbers = [_figures(value) for value in column.numbers]
        about = {"id": column.id, "label": column.label, "decimals": column.decimals}
        return about | {"numbers": numbers}
    return {
        "id": column.id,
        "label": column.label,
        "texts": column.texts,
        "codes": column.codes.tolist(),
        "chosen": column.chosen,
        "ids": column.ids,
    }


def _figures(value: float) -> float | None:
    """A number to four figures; None where undefined or infinite."""
    return float(f"{value:.{_FIGURES}g}") if math.isfinite(value) else None


def _within(
    columns: tuple[Column, ...], files: Mapping[tuple[str, str], str], most: float
) -> tuple[str, tuple[Column, ...]]:
    """The packed rows and the rows themselves, of at most so many characters."""
    data = pack(columns, files)
    if len(data) > most and (stored := _named(columns, "stored")) is not None:
        columns = tuple(
            column for column in only(columns, stored.codes == 0) if column.id != "stored"
        )
        data = pack(columns, files)
    while len(data) > most:
        case = _named(columns, "case")
        assert case is not None  # noqa: S101
        n_cases = int(0.95 * len(case.texts) * most / len(data))
        columns = only(columns, np.isin(case.codes, _first(columns, case, n_cases)))
        data = pack(columns, files)
    return data, columns


def _first(columns: Sequence[Column], case: TextColumn, n_cases: int) -> NDArray[np.int64]:
    """Codes of so many cases, those in which an attack reached its goal first."""
    outcome = _named(columns, "outcome")
    assert outcome is not None  # noqa: S101
    gave_way = set(case.codes[[outcome.texts[code] == REACHED for code in outcome.codes]])
    ranked = sorted(range(len(case.texts)), key=lambda code: (code not in gave_way, code))
    return np.array(ranked[:n_cases], dtype=np.int64)


def _named(columns: Sequence[Column], name: str) -> TextColumn | None:
    found = next((column for column in columns if column.id == name), None)
    return found if isinstance(found, TextColumn) else None


def _files(run: RunDirectory) -> dict[tuple[str, str], str]:
    """Of each kept example that a browser can show, its folder and its files' ending."""
    return {
        (entry.case_id, entry.probe): "|".join(
            [
                os.path.relpath(entry.original.parent, run.path).replace(os.sep, "/"),
                entry.original.suffix,
            ]
        )
        for entry in run.examples()
        if entry.original.suffix in _SHOWN_BY_BROWSERS
    }


def _note(columns: Sequence[Column], kept: Sequence[Column]) -> str:
    n, n_kept = _n_rows(columns), _n_rows(kept)
    if n == n_kept:
        return f"All {wording.counted(n, 'row')} of the findings are here."
    return (
        f"{wording.count(n_kept)} of {wording.counted(n, 'row')} are here, so that the page stays "
        "small: of the lossless container, and cases in which an attack reached its goal first. "
        "The run directory has all, and `plexor report RUN --one-file` puts all into the page."
    )


def _n_rows(columns: Sequence[Column]) -> int:
    case = _named(columns, "case")
    return 0 if case is None else len(case.codes)


def _not_kept(run: RunDirectory, n_cases: int) -> str:
    examples = run.examples()
    n_kept = len({entry.case_id for entry in examples})
    paths = [path for entry in examples for path in (entry.original, entry.perturbed)]
    size = sum(path.stat().st_size for path in paths if path.exists())
    about = f" ({_megabytes(size * n_cases / n_kept)} on disk)" if size else ""
    return (
        f"No picture of it was kept. This audit kept those of {wording.counted(n_kept, 'case')}, "
        f"drawn at random; a new run keeps all{about} with"
    )


def _megabytes(size: float) -> str:
    return f"about {size / 1e6:,.0f} MB" if size >= 1e6 else "less than 1 MB"


def _keeping_all(run: RunDirectory, n_cases: int) -> str:
    """The command that audits the same cases and keeps the pictures of all."""
    cohort = run.plan().get("cohort")
    limited = isinstance(cohort, Mapping) and cohort.get("limit")
    limit = f" --limit {limited}" if limited else ""
    return f"plexor audit PLAN{limit} --set n_examples={n_cases} --out NEW"
