"""Results of an audit: rows, run directory, summary. Needs no torch."""

from plexor.findings.example import Example, StoredExample
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN, SCHEMA, Finding, to_table

__all__ = ["CLEAN", "SCHEMA", "Example", "Finding", "RunDirectory", "StoredExample", "to_table"]
