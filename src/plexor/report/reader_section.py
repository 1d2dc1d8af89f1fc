"""A reader study: sentences, charts and tables, for its own page and for an audit's report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from plexor.core import wording
from plexor.findings.reader_results import (
    ALL,
    AT_SPECIFICITY,
    MODEL,
    OBSERVER,
    AskedQuestion,
    ReaderFigure,
    ReaderResults,
)
from plexor.findings.summary.estimate import StoredEstimate, StoredTest
from plexor.report import rounding
from plexor.report.cells import amount_cell, area_cell, points_cell, share_cell
from plexor.report.forest import ForestRow, Role, forest
from plexor.report.reader_words import answer, model_sentence, sentences
from plexor.report.table import Cell, Table
from plexor.report.terms import Term

_SHARES = ("sensitivity", "specificity", "correct", "decision changed")
_AREAS = ("AUC", "JAFROC", "kappa", "Gwet's AC")
_DIFFERENCES = ("AUC difference", "JAFROC difference", "change of correct")
_AGREEMENT = ("kappa", "Gwet's AC")
_DRAWN = ("sensitivity", "specificity", "AUC", "correct", "JAFROC")
_TEST = ", test"
_ROLES: dict[str, Role] = {ALL: "clean", OBSERVER: "recompressed", MODEL: "attack"}
_NONE = Cell(text="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPart:
    """One question: what was asked, sentences, charts as (caption, drawing), tables."""

    title: str
    sentences: tuple[str, ...]
    charts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSection:
    """A reader study.

    Attributes:
        id: unique on the page.
        title: of the study.
        setting: readers, images and arms.
        answer: the study in one sentence.
        model: the model on the same images; "" where it was not compared.
        parts: question by question.
        times: how long the readers took; None without.
        notes: what was left out, and why.
        methods: how each measure was computed.
    """

    id: str
    title: str
    setting: str
    answer: str
    model: str
    parts: tuple[ReaderPart, ...]
    times: Table | None
    notes: tuple[str, ...]
    methods: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPage:
    """A reader study's own page."""

    title: str
    subtitle: str
    study: ReaderSection


def reader_page(results: ReaderResults) -> ReaderPage:
    """Words the page of ``plexor readers analyse``."""
    section = reader_section(results, 1)
    return ReaderPage(title=results.title, subtitle=section.setting, study=section)


def reader_section(results: ReaderResults, number: int) -> ReaderSection:
    """Words a study; ``number`` makes its ids unique on the page."""
    name = f"readers-{number}"
    times = [f for f in results.figures if not f.question and f.measure.startswith(_TIMES)]
    return ReaderSection(
        id=name,
        title=results.title,
        setting=_setting(results),
        answer=answer(results),
        model=model_sentence(results),
        parts=tuple(
            _part(results, question, f"{name}-{index}")
            for index, question in enumerate(results.questions, 1)
        ),
        times=_table(times, f"{name}-times", "Time for an image") if times else None,
        notes=results.notes,
        methods=tuple(_methods(results.figures)),
    )


_TIMES = ("median time", "time over the order")


def _setting(results: ReaderResults) -> str:
    arms = ", ".join(
        f"{wording.count(arm.n_images)} “{arm.name}”" + (f" ({arm.probe})" if arm.probe else "")
        for arm in results.arms
    )
    n_images, n_cases = results.n_images, results.n_cases
    shown = f"{wording.counted(n_images, 'image')} of {wording.counted(n_cases, 'case')}"
    return " · ".join(
        [
            wording.counted(len(results.readers), "reader"),
            f"{shown} in {wording.counted(results.n_groups, 'group')}: {arms}",
            f"plan and answers frozen {results.frozen_at}",
        ]
    )


def _part(results: ReaderResults, question: AskedQuestion, name: str) -> ReaderPart:
    own = [figure for figure in results.figures if figure.question == question.id]
    agreement = [f for f in own if f.measure.startswith(_AGREEMENT)]
    compared = [f for f in own if f.measure.startswith(_DIFFERENCES)]
    main = [f for f in own if f not in agreement and f not in compared]
    tables = [
        _table(main, f"{name}-main", "Reader by reader", note=_NOTE),
        _table(compared, f"{name}-compared", "One arm compared with another"),
        _table(agreement, f"{name}-agreement", "Agreement"),
    ]
    return ReaderPart(
        title=question.ask,
        sentences=tuple(sentences(results, question)),
        charts=tuple(_charts(main, name)),
        tables=tuple(table for table in tables if table.rows),
    )


_NOTE = (
    "Brackets are intervals of the level in the study's plan: over cases and readers for all "
    "readers together, over cases for one reader, the model observer and the model."
)


def _charts(figures: Sequence[ReaderFigure], name: str) -> Iterator[tuple[str, str]]:
    measures = dict.fromkeys(f.measure for f in figures if f.measure.startswith(_DRAWN))
    for number, measure in enumerate(measures, 1):
        if measure == AT_SPECIFICITY:
            continue
        rows = [
            ForestRow(label=_label(f), role=_ROLES.get(f.who, "control"), estimate=f.estimate)
            for f in figures
            if f.estimate is not None
            and (f.measure == measure or (f.measure, measure) == (AT_SPECIFICITY, "sensitivity"))
        ]
        if all(row.role == "recompressed" for row in rows):
            continue
        share = measure.startswith(_SHARES)
        chance = 0.5 if measure in ("AUC", "correct") else None
        title = measure[0].upper() + measure[1:]
        yield (title, forest(f"{name}-{number}", title, rows, percent=share, chance=chance))


def _label(figure: ReaderFigure) -> str:
    at = ", same specificity" if figure.measure == AT_SPECIFICITY else ""
    who = figure.who if len(figure.who) <= _LONGEST else f"{figure.who[: _LONGEST - 1]}…"
    return f"{who}{at}"


_LONGEST = 26


def _table(figures: Sequence[ReaderFigure], name: str, caption: str, *, note: str = "") -> Table:
    """Who by measure; a test stands below the measure that it is of."""
    measures = list(dict.fromkeys(f.measure.removesuffix(_TEST) for f in figures))
    people = list(dict.fromkeys(f.who for f in figures))
    by_place = {(f.who, f.measure): f for f in figures}
    return Table(
        id=name,
        caption=caption,
        columns=(Cell(text=""), *(Cell(text=measure) for measure in measures)),
        rows=tuple(
            (
                Cell(text=who, header=True),
                *(
                    _cell(by_place.get((who, one)), by_place.get((who, f"{one}{_TEST}")))
                    for one in measures
                ),
            )
            for who in people
        ),
        note=note if people else "",
    )


def _cell(figure: ReaderFigure | None, test: ReaderFigure | None) -> Cell:
    p = _tested(test.test) if test is not None and test.test is not None else ""
    if figure is None or figure.estimate is None:
        return Cell(text=p) if p else _NONE
    word: Callable[[StoredEstimate], Cell] = amount_cell
    if figure.measure.startswith("change of correct"):
        word = points_cell
    elif figure.measure.startswith(_SHARES):
        word = share_cell
    elif figure.measure.startswith(_AREAS):
        word = area_cell
    cell = word(figure.estimate)
    reason = cell.reason or (figure.estimate.note if figure.estimate.value is None else "")
    return Cell(text=cell.text, detail=" ".join(filter(None, [cell.detail, p])), reason=reason)


def _tested(test: StoredTest) -> str:
    text = rounding.p_value(test.p_value)
    if test.p_value is None:
        return f"undefined: {test.note}"
    return f"p {text}" if text[0] in "<>" else f"p = {text}"


def _methods(figures: Sequence[ReaderFigure]) -> Iterator[Term]:
    """Measure → the methods that its figures name."""
    named: dict[str, dict[str, None]] = {}
    for figure in figures:
        found = figure.estimate or figure.test
        if found is not None:
            named.setdefault(figure.measure, {})[found.method] = None
    for measure, methods in named.items():
        yield Term(name=measure, text="; ".join(methods))
