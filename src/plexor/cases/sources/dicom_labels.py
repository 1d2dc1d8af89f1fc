"""Labels of DICOM images from a table, by an identifier that the headers hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from plexor.cases.sources.table import read_table
from plexor.core.errors import DataError

KEYS = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "AccessionNumber",
    "PatientID",
)
"""Identifiers, the narrowest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """A table of labels.

    Attributes:
        key: the identifier that rows are found by.
        by_id: identifier → label.
    """

    key: str
    by_id: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Labels:
        """Reads a CSV or Parquet table with a column ``label`` and one of ``KEYS``.

        Where it has several of them, the narrowest is used.

        Raises:
            DataError: it lacks a column, or gives one identifier two labels.
        """
        rows = list(read_table(path, ["label"]))
        columns = set(rows[0]) if rows else set()
        key = next((name for name in KEYS if name in columns), None)
        if key is None:
            raise DataError(
                f"{path}: expected one of the columns {', '.join(KEYS)}, found "
                f"{', '.join(sorted(columns))}; name the one that holds the identifiers so"
            )
        found: dict[str, str] = {}
        for row in rows:
            name, label = row[key].strip(), row["label"]
            if found.setdefault(name, label) != label:
                raise DataError(
                    f"{path}: {key} {name} has the labels {found[name]!r} and {label!r}; keep one"
                )
        return cls(key=key, by_id=found)

    def of(self, ids: Mapping[str, str]) -> str | None:
        """The label of an image; None where the table has none."""
        return self.by_id.get(ids.get(self.key, "")) or None
