"""Building of a report from a run directory or a study's directory."""

from __future__ import annotations

import math
from pathlib import Path

from plexor.findings.reader_results import ReaderResults
from plexor.findings.run import RunDirectory
from plexor.findings.study_file import is_study, read_study
from plexor.findings.summary import Summary, summarise
from plexor.findings.tag_results import is_tag_results, read_tag_results
from plexor.report.html import render
from plexor.report.pictures import FOLDER, MOST_CHARACTERS, Pictures
from plexor.report.reader_section import reader_page
from plexor.report.study_page import study_view
from plexor.report.study_pictures import study_pictures, study_tags
from plexor.report.tag_page import tag_view
from plexor.report.view import view


def build_report(run: RunDirectory) -> str:
    """Returns the report of a run, finished or not, as one HTML file; writes nothing.

    Pictures that would make the page too large are reduced, and link to files that ``write_report``
    writes beside the page.

    Raises:
        RunDirectoryError: not a run directory, or nothing in it yet.
        DataError: an example image is damaged.
    """
    return _build(run, Pictures())[1]


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
    run = RunDirectory(path)
    if is_study(run.path):
        return _write_study(run, one_file=one_file)
    if is_tag_results(run.path):
        return _write_tags(run, one_file=one_file)
    pictures = Pictures(most=math.inf if one_file else MOST_CHARACTERS)
    summary, report = _build(run, pictures)
    run.write_summary(summary)
    run.write_pictures(FOLDER, pictures.files)
    return run.write_report(report)


def reader_report(results: ReaderResults) -> str:
    """The page of a reader study, as one HTML file; nothing is written."""
    return render(reader_page(results), results.plexor, template="readers.html")


def _build(run: RunDirectory, pictures: Pictures) -> tuple[Summary, str]:
    findings = run.findings()
    summary = summarise(run.plan(), run.provenance(), findings)
    return summary, render(view(run, summary, findings, pictures), summary.plexor)


def _write_study(study: RunDirectory, *, one_file: bool) -> Path:
    result = read_study(study.path)
    for arm in result.arms:
        write_report(study.path / arm.run, one_file=one_file)
        if arm.tags:
            write_report(study.path / arm.tags, one_file=one_file)
    pictures = Pictures(most=math.inf if one_file else MOST_CHARACTERS)
    shown = study_pictures(study.path, result, pictures)
    tagged = study_tags(study.path, result, pictures)
    page = render(study_view(result, shown, tagged), result.plexor, template="study.html")
    study.write_pictures(FOLDER, pictures.files)
    return study.write_report(page)


def _write_tags(run: RunDirectory, *, one_file: bool) -> Path:
    results = read_tag_results(run.path)
    pictures = Pictures(most=math.inf if one_file else MOST_CHARACTERS)
    page = render(tag_view(results, run.path, pictures), results.plexor, template="tags.html")
    run.write_pictures(FOLDER, pictures.files)
    return run.write_report(page)
