"""The report: one HTML file with an audit's results, made from its run directory alone."""

from plexor.report.build import build_report, reader_report, write_report, write_report_pdf

__all__ = ["build_report", "reader_report", "write_report", "write_report_pdf"]
