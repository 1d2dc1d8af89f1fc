"""Every number that a report prints: computed from findings, typed, kept as ``summary.json``."""

from plexor.findings.summary.summarise import summarise
from plexor.findings.summary.summary import Summary
from plexor.findings.summary.summary_file import read_summary, summary_schema, write_summary

__all__ = ["Summary", "read_summary", "summarise", "summary_schema", "write_summary"]
