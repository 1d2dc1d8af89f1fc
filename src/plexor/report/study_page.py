"""A study's page: published figures beside ours, then the tables behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from plexor.core import wording
from plexor.findings.study_file import (
    Agreement,
    Arm,
    Compared,
    Number,
    NumberKind,
    StudyConfusion,
    StudyResult,
    StudyTable,
)
from plexor.report import rounding
from plexor.report.confusion import Confusions, confusions
from plexor.report.rounding import Interval
from plexor.report.study_maps import ShownMaps
from plexor.report.study_pictures import ShownArm, ShownTags
from plexor.report.table import Cell, Table

_WORDING: dict[NumberKind, tuple[Callable[[float], str], Callable[[Interval], str]]] = {
    "share": (wording.share, rounding.bounds),
    "points": (rounding.points, rounding.points_bounds),
    "kappa": (rounding.area, rounding.area_bounds),
    "p": (rounding.p_value, lambda _: ""),
    "p-bound": (rounding.p_bound, lambda _: ""),
    "d-prime": (rounding.amount, rounding.amount_bounds),
    "years": (rounding.years, rounding.years_bounds),
    "area": (rounding.fine_area, rounding.fine_area_bounds),
    "area-change": (rounding.fine_area_change, rounding.fine_area_change_bounds),
    "amount": (rounding.amount, rounding.amount_bounds),
}
_DASH = Cell(text=wording.UNDEFINED, reason="not measured here")
_NOT_PRINTED = Cell(text=wording.UNDEFINED, reason="not printed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A further table with its explanation, and the confusion matrices of each arm."""

    id: str
    title: str
    text: str
    table: Table
    confusions: tuple[tuple[str, Confusions], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyView:
    """The page; ``answer`` is the verdict's first sentence, ``more`` the others."""

    title: str
    subtitle: str
    answer: str
    more: str
    question: str
    design: str
    setting: str
    compared: Table
    arms: tuple[Arm, ...]
    shown: tuple[ShownArm, ...]
    tagged: ShownTags | None
    maps: tuple[ShownMaps, ...]
    sections: tuple[Section, ...]
    departures: Table
    limits: tuple[str, ...]


def study_view(
    result: StudyResult,
    shown: tuple[ShownArm, ...] = (),
    tagged: ShownTags | None = None,
    maps: tuple[ShownMaps, ...] = (),
) -> StudyView:
    """Builds the whole page; ``shown``, ``tagged`` and ``maps`` are its pictures."""
    first, dot, more = answer(result).partition(". ")
    return StudyView(
        title=result.title,
        subtitle=f"{result.citation} Carried out again at scale “{result.scale}”.",
        answer=first + dot.strip(),
        more=more,
        question=result.question,
        design=result.design,
        setting=result.setting,
        compared=_compared(result),
        arms=result.arms,
        shown=shown,
        tagged=tagged,
        maps=maps,
        sections=tuple(_section(table) for table in result.tables),
        departures=_departures(result),
        limits=result.limits,
    )


def answer(result: StudyResult) -> str:
    """The verdict, or the number of agreeing figures among those compared, for each arm."""
    if result.verdict:
        return result.verdict
    parts = []
    for arm in _arms(result):
        found = [row.agreement[arm].word for row in result.rows if arm in row.agreement]
        same = sum(word in ("agrees", "same conclusion") for word in found)
        other = sum(word in ("differs", "other conclusion") for word in found)
        open_ = found.count("cannot tell")
        if same + other + open_:
            parts.append(f"in “{arm}” {same} agree, {other} differ, and {open_} cannot be told")
    if not parts:
        return "No figure is compared with the published ones."
    return f"Beside the published figures: {'; '.join(parts)}."


def number_words(number: Number | None) -> tuple[str, str]:
    """A number and, in brackets, its interval; a dash without a number."""
    if number is None or number.value is None:
        return wording.UNDEFINED, ""
    value, interval = _WORDING[number.kind]
    return value(number.value), interval(number)


def number_cell(number: Number | str | None) -> Cell:
    """A number with its interval, n and groups; a text unchanged; a dash for None."""
    if number is None:
        return _DASH
    if isinstance(number, str):
        return Cell(text=number)
    text, limits = number_words(number)
    return Cell(
        text=text,
        detail=" ".join(filter(None, [limits, _size(number)])),
        reason=number.note if number.value is None else number.remark,
    )


def _size(number: Number) -> str:
    """Number of cases and groups."""
    if number.n is None:
        return ""
    size = f"n = {wording.count(number.n)}"
    return size if number.n_groups is None else f"{size} in {wording.count(number.n_groups)}"


def _arms(result: StudyResult) -> list[str]:
    """Arms of the first table, in their order."""
    return list(dict.fromkeys(arm for row in result.rows for arm in row.ours))


def _compared(result: StudyResult) -> Table:
    arms = _arms(result)
    columns = [Cell(text="Figure"), Cell(text="Published")]
    for arm in arms:
        columns += [Cell(text="Ours", detail=arm), Cell(text="Agreement", detail=arm)]
    return Table(
        id="compared-table",
        caption="Published beside ours",
        columns=tuple(columns),
        rows=tuple(_row(row, arms) for row in result.rows),
        note="In brackets 95 % intervals; “n = 200 in 150” are 200 cases in 150 groups, by which "
        "ours are clustered. “Agrees”: the 95 % interval of the difference, ours minus published, "
        "lies within the margin that the study states beforehand; the difference stands below, in "
        "points. “Differs, because”: it lies wholly beyond, and the reason is the one that the "
        "study names beforehand, which need not be the only one. “Cannot tell”: neither; more "
        "cases would tell.",
    )


def _row(row: Compared, arms: list[str]) -> tuple[Cell, ...]:
    printed = _NOT_PRINTED if row.published is None else number_cell(row.published)
    cells = [Cell(text=row.what, header=True), printed]
    for arm in arms:
        cells += [number_cell(row.ours.get(arm)), _agreement_cell(row.agreement.get(arm))]
    return tuple(cells)


def _agreement_cell(found: Agreement | None) -> Cell:
    if found is None:
        return Cell(text="")
    text, limits = number_words(found.difference)
    return Cell(
        text=found.word if not found.because else f"{found.word},",
        detail="" if found.difference is None else " ".join(filter(None, [text, limits])),
        reason=found.because and f"because {found.because}",
    )


def _section(table: StudyTable) -> Section:
    return Section(
        id=table.id,
        title=table.title,
        text=table.text,
        table=Table(
            id=f"{table.id}-table",
            caption=table.title,
            columns=tuple(Cell(text=name) for name in table.columns),
            rows=tuple(
                (
                    Cell(text=row.name, detail=row.detail, header=True),
                    *(number_cell(cell) for cell in row.cells),
                )
                for row in table.rows
            ),
            note=table.note,
        ),
        confusions=tuple((one.arm, _confusion(table.id, one)) for one in table.confusions),
    )


def _confusion(table_id: str, found: StudyConfusion) -> Confusions:
    return confusions(
        f"{table_id}-{found.arm}",
        found.classes,
        before=found.before,
        after=found.after,
        transitions=found.transitions,
        attack=found.attack,
    )


def _departures(result: StudyResult) -> Table:
    return Table(
        id="departures-table",
        caption="What is done otherwise here, and why",
        columns=tuple(Cell(text=name) for name in ("What", "Published", "Here", "Why")),
        rows=tuple(
            (
                Cell(text=one.what, header=True),
                *map(number_cell, (one.published, one.here, one.why)),
            )
            for one in result.departures
        ),
    )
