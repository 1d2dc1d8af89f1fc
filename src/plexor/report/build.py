"""Building of a report from a run directory or a study's directory."""

from __future__ import annotations

import math
from pathlib import Path

from plexor.findings.reader_results import ReaderResults
from plexor.findings.run import RunDirectory
from plexor.findings.study_file import is_study, read_study
from plexor.findings.summary import Summary, summarise
from plexor.findings.tag_results import is_tag_results, read_tag_results
from plexor.report.comparator import MOST_CASES
from plexor.report.html import render
from plexor.report.pdf import write_pdf
from plexor.report.pictures import FOLDER, MOST_CHARACTERS, Pictures
from plexor.report.reader_section import reader_page
from plexor.report.study_maps import study_maps
from plexor.report.study_page import study_view
from plexor.report.study_pictures import study_pictures, study_tags
from plexor.report.tag_page import tag_view
from plexor.report.view import view

MOST_PRINTED = 12
"""Cases whose pictures are printed, those that gave way first."""


def build_report(run: RunDirectory) -> str:
    """Returns the report of a run, finished or not, as one HTML file; writes nothing.

    Pictures that would make the page too large are reduced, and link to files that ``write_report``
    writes beside the page.

    Raises:
        RunDirectoryError: not a run directory, or nothing in it yet.
        DataError: an example image is damaged.
    """
    return _build(run, Pictures(), most_cases=MOST_CASES)[1]


def write_report(path: Path | str, *, one_file: bool = False) -> Path:
    """Rewrites ``summary.json`` and ``report.html`` in the run directory at ``path``.

    For a study's directory, writes the reports of all its arms, then the study's own; for one of
    ``plexor shortcuts reliance``, the page on tags. Pictures that
    would make the page larger than 5 MB are written into ``report-pictures`` beside it.

    Args:
        path: the directory.
        one_file: put every picture into the page, however large it becomes.

    Returns:
        The report's path.

    Raises:
        RunDirectoryError: not a run directory, nothing in it yet, or not writable.
        DataError: an example image is damaged.
    """
    run, most = RunDirectory(path), math.inf if one_file else MOST_CHARACTERS
    pictures = Pictures(most=most)
    if is_study(run.path):
        for arm in read_study(run.path).arms:
            write_report(run.path / arm.run, one_file=one_file)
            if arm.tags:
                write_report(run.path / arm.tags, one_file=one_file)
        page = _study_page(run, pictures)
    elif is_tag_results(run.path):
        page = _tags_page(run, pictures)
    else:
        most_cases = None if one_file else MOST_CASES
        summary, page = _build(run, pictures, most_cases=most_cases)
        run.write_summary(summary)
    run.write_pictures(FOLDER, pictures.files)
    return run.write_report(page)


def write_report_pdf(path: Path | str, file: Path | str) -> int:
    """Writes the report of the run directory, study or tags at ``path`` as PDF, and nothing else.

    Args:
        path: the directory.
        file: the PDF.

    Returns:
        The number of pages.

    Raises:
        RunDirectoryError: not a run directory, or nothing in it yet.
        DataError: an example image is damaged.
        MissingExtraError: WeasyPrint is not installed.
        PlexorError: Pango, which WeasyPrint needs, is not there.
    """
    run, pictures = RunDirectory(path), Pictures(most=math.inf)
    if is_study(run.path):
        page = _study_page(run, pictures)
    elif is_tag_results(run.path):
        page = _tags_page(run, pictures)
    else:
        page = _build(run, pictures, most_cases=MOST_PRINTED)[1]
    return write_pdf(page, file)


def reader_report(results: ReaderResults) -> str:
    """The page of a reader study, as one HTML file; nothing is written."""
    return render(reader_page(results), results.plexor, template="readers.html")


def _build(run: RunDirectory, pictures: Pictures, *, most_cases: int | None) -> tuple[Summary, str]:
    findings = run.findings()
    summary = summarise(run.plan(), run.provenance(), findings)
    shown = view(run, summary, findings, pictures, most_cases=most_cases)
    return summary, render(shown, summary.plexor)


def _study_page(study: RunDirectory, pictures: Pictures) -> str:
    result = read_study(study.path)
    shown = study_pictures(study.path, result, pictures)
    tagged = study_tags(study.path, result, pictures)
    maps = study_maps(study.path, result, pictures)
    return render(study_view(result, shown, tagged, maps), result.plexor, template="study.html")


def _tags_page(run: RunDirectory, pictures: Pictures) -> str:
    results = read_tag_results(run.path)
    return render(tag_view(results, run.path, pictures), results.plexor, template="tags.html")
