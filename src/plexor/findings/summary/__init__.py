"""Every number that a report prints, computed from findings."""

from plexor.findings.summary.summarise import SUMMARY_SCHEMA, main_test, summarise

__all__ = ["SUMMARY_SCHEMA", "main_test", "summarise"]
