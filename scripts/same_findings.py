"""Compares the findings of two run directories, row by row and to the last bit.

    .venv/bin/python scripts/same_findings.py RUN RUN

Rows are matched by probe, container and case; names of unit files and the order of rows do not
matter. Exit status: 0 where all rows are the same, 1 where they differ, 2 where a directory cannot
be read.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pandas as pd

from plexor.core.errors import PlexorError
from plexor.findings import RunDirectory

KEY = ["probe", "stored", "case_id"]
MOST_SHOWN = 10


def rows_of(findings: pd.DataFrame) -> dict[tuple[str, ...], dict[str, str]]:
    """Probe, container and case → the row's other columns, in a form that tells every bit."""
    others = [column for column in findings.columns if column not in KEY]
    return {
        tuple(row[name] for name in KEY): {name: exactly(row[name]) for name in others}
        for row in findings.to_dict("records")
    }


def exactly(value: object) -> str:
    """A number, text or list; equal for NaN and NaN."""
    return repr(value.tolist() if isinstance(value, np.ndarray) else value)


def differences(
    one: dict[tuple[str, ...], dict[str, str]], other: dict[tuple[str, ...], dict[str, str]]
) -> list[str]:
    """One line for each row that only one has, or that differs."""
    found = [f"only in the first: {' '.join(key)}" for key in one.keys() - other.keys()]
    found += [f"only in the second: {' '.join(key)}" for key in other.keys() - one.keys()]
    for key in one.keys() & other.keys():
        names = one[key].keys() | other[key].keys()
        if differ := sorted(n for n in names if one[key].get(n) != other[key].get(n)):
            found.append(f"{' '.join(key)} differs in {', '.join(differ)}")
    return sorted(found)


def main(arguments: list[str]) -> int:
    """Compares two directories and prints counts.

    Returns:
        The exit status.
    """
    if len(arguments) != 2:
        print("usage: same_findings.py RUN RUN", file=sys.stderr)
        return 2
    try:
        frames = [RunDirectory(argument).findings() for argument in arguments]
    except PlexorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for argument, frame in zip(arguments, frames, strict=True):
        counts = Counter(frame["probe"])
        listed = ", ".join(f"{probe} {n}" for probe, n in sorted(counts.items()))
        print(f"{argument}: {len(frame)} rows; {listed}")
    found = differences(*map(rows_of, frames))
    for line in found[:MOST_SHOWN]:
        print(line)
    print(f"{len(found)} rows differ" if found else "the same findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
