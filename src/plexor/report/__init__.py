"""The report: one HTML file with an audit's results, made from its run directory alone."""

from plexor.report.build import build_report, reader_report, write_report

__all__ = ["build_report", "reader_report", "write_report"]
