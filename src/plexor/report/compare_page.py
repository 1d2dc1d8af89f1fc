"""The page that compares two runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from plexor.core import wording
from plexor.core.files import write_atomic
from plexor.findings.comparison.results import (
    Difference,
    ProbeDifference,
    RunComparison,
    Verdict,
)
from plexor.findings.run import RunDirectory
from plexor.report import rounding
from plexor.report.cells import amount_cell, area_cell, p_cell, points_cell, share_cell
from plexor.report.compare_pictures import Shown, changed_pictures
from plexor.report.html import render
from plexor.report.pictures import Pictures
from plexor.report.table import Cell, Table

_MOST_LISTED = 200
_HASH = 64
"""Characters of a SHA-256."""
_VERDICTS: dict[Verdict, str] = {
    "worse": "worse in B",
    "better": "better in B",
    "within margin": "within the margin",
    "undecided": "undecided",
    "equal": "equal",
    "undefined": "undefined",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    """The page: what differs beside the figures, the figures, the cases."""

    title: str
    subtitle: str
    answer: str
    paired: tuple[str, ...]
    limits: tuple[str, ...]
    differs: Table | None
    same: str
    probes: Table
    broken: tuple[Shown, ...]
    mended: tuple[Shown, ...]
    broken_words: str
    mended_words: str
    cases: Table | None


def write_comparison(
    path: Path, runs: tuple[RunDirectory, RunDirectory], found: RunComparison
) -> Path:
    """Writes the page of a comparison as one self-contained HTML file; returns its path.

    Raises:
        DataError: an example's file is damaged.
        RunDirectoryError: the file cannot be written.
    """
    page = compare_page(runs, found)
    write_atomic(path, render(page, found.plexor, template="compare.html").encode())
    return path


def compare_page(runs: tuple[RunDirectory, RunDirectory], found: RunComparison) -> ComparePage:
    """Words, tables and pictures of the page."""
    pictures = Pictures(most=float("inf"))
    broken = changed_pictures(runs, found, pictures, mended=False)
    mended = changed_pictures(runs, found, pictures, mended=True)
    same_name = found.name_a == found.name_b
    return ComparePage(
        title=found.name_a if same_name else f"{found.name_a} and {found.name_b}",
        subtitle=f"A: {_short_path(found.run_a)} · B: {_short_path(found.run_b)}",
        answer=answer(found),
        paired=tuple(paired_words(found)),
        limits=_limits(found),
        differs=_differs(found),
        same="Plan, data, versions and machine are the same in both runs.",
        probes=_probes(found),
        broken=broken,
        mended=mended,
        broken_words=_shown_words(found, len(broken), mended=False),
        mended_words=_shown_words(found, len(mended), mended=True),
        cases=_cases(found),
    )


def _short_path(path: str) -> str:
    """The last two parts; whole paths are in the JSON."""
    return "/".join(Path(path).parts[-2:])


def answer(found: RunComparison) -> str:
    """The result in one sentence."""
    asked = [probe for probe in found.probes if probe.kind != "control"]
    counts = Counter(probe.verdict for probe in asked)
    parts = [f"{counts[key]} {words}" for key, words in _VERDICTS.items() if counts[key]]
    model = "The same model was audited in A and B. " if found.same_model else ""
    images = wording.counted(found.paired.n, "image")
    several = wording.counted(len(asked), "question")
    return f"{model}Of {several} asked of {images} that are in both runs: {', '.join(parts)}."


def paired_words(found: RunComparison) -> list[str]:
    """Which cases were compared, and which were not and why."""
    paired = found.paired
    groups = wording.counted(paired.n_groups, "group")
    said = [
        f"{wording.counted(paired.n, 'pair')} of {groups}, matched by the hash of the image's file."
    ]
    for number, text in (
        (paired.n_only_a, "in A only"),
        (paired.n_only_b, "in B only"),
        (paired.n_ambiguous, "left out, because the same image occurs several times"),
        (paired.n_truth_differs, "left out, because the truth is another in A than in B"),
        (paired.n_group_differs, "in another group in B; those of A are used"),
    ):
        if number:
            said.append(f"{wording.counted(number, 'case')} {text}.")
    return said


def _limits(found: RunComparison) -> tuple[str, ...]:
    data = [one for one in found.differences if one.kind in ("plan", "versions")]
    limits = [
        "Undecided is not equal: the interval says how large a difference may still be.",
        (
            "Each attack was searched anew for each model. The figures compare what was found, and "
            "a failed search is no proof of robustness."
        ),
        "It holds for the images that both runs judged.",
    ]
    if data:
        limits.insert(0, "More differs than the model, see below; a difference may come from that.")
    if found.margin is None:
        limits.append("No margin was stated, so that no difference is called small.")
    return tuple(limits)


def _differs(found: RunComparison) -> Table | None:
    if not found.differences:
        return None
    head = (Cell(text="What"), Cell(text="A"), Cell(text="B"))
    return Table(
        id="differs",
        caption="What else differs",
        columns=head,
        rows=tuple(_difference(one) for one in found.differences),
        note="",
    )


def _difference(one: Difference) -> tuple[Cell, ...]:
    return (
        Cell(text=one.what, detail=one.kind, header=True),
        *(Cell(text=_short(value) or wording.UNDEFINED) for value in (one.a, one.b)),
    )


def _short(text: str) -> str:
    """A value in one line of a table; the JSON has it whole."""
    if len(text) == _HASH and set(text) <= set("0123456789abcdef"):
        return f"{text[:12]}…"
    return text if len(text) <= 120 else f"{text[:117]}…"


def _probes(found: RunComparison) -> Table:
    figure = found.probes[0].figure
    unit = f", {found.task.unit}" if figure == "mean error" and found.task.unit else ""
    name = f"{figure}{unit}"
    points = "points" if figure == "accuracy" else ""
    columns = (
        Cell(text="Probe"),
        Cell(text=f"{name} in A"),
        Cell(text=f"{name} in B"),
        Cell(text="B minus A", detail=points),
        Cell(text="p", detail="corrected"),
        Cell(text="Broken", detail="right in A only"),
        Cell(text="Mended", detail="right in B only"),
        Cell(text="Pairs", detail="without a verdict"),
        Cell(text="Verdict"),
    )
    margin = ""
    if found.margin is not None:
        size = f"{100 * found.margin:g} points" if figure == "accuracy" else f"{found.margin:g}"
        margin = f" Margin stated beforehand: a loss of {size}{unit}."
    return Table(
        id="probes",
        caption=f"{name.capitalize() if figure != 'Dice' else name}, paired",
        columns=columns,
        rows=tuple(_row(probe) for probe in found.probes),
        note="95 % intervals, clustered by group. Attacks and shortcuts are corrected for their "
        "number (Holm); untouched images and controls are not." + margin,
    )


def _row(probe: ProbeDifference) -> tuple[Cell, ...]:
    settings = "" if probe.same_settings else "its settings differ"
    failed = probe.n_failed_a + probe.n_failed_b + probe.n_undefined
    if probe.figure == "accuracy":
        cells = share_cell(probe.a), share_cell(probe.b), points_cell(probe.difference)
    elif probe.figure == "Dice":
        change = probe.difference
        text = rounding.area_change(change.value)
        cell = Cell(text=text, detail=rounding.area_change_bounds(change), reason=change.note)
        cells = area_cell(probe.a), area_cell(probe.b), cell
    else:
        moved = amount_cell(probe.difference, with_sign=True)
        cells = amount_cell(probe.a), amount_cell(probe.b), moved
    counts = (
        Cell(text=wording.UNDEFINED if n is None else wording.count(n))
        for n in (probe.n_broken, probe.n_mended)
    )
    return (
        Cell(text=probe.id, detail=settings, header=True),
        *cells,
        p_cell(probe.test),
        *counts,
        Cell(text=wording.count(probe.difference.n), detail=wording.count(failed)),
        Cell(text=_VERDICTS[probe.verdict]),
    )


def _shown_words(found: RunComparison, n_shown: int, *, mended: bool) -> str:
    lists = [p.mended if mended else p.broken for p in found.probes if p.kind != "control"]
    changed = {case.case_id for part in lists for case in part}
    if not changed:
        return "There is none."
    if found.probes[0].figure != "accuracy":
        return f"The cases that changed by most; {n_shown} of them are shown."
    several = wording.counted(len(changed), "case")
    return (
        f"{several} under any question; {n_shown} of them are shown, as far as a run kept their "
        "images (`n_examples` of the plan)."
    )


def _cases(found: RunComparison) -> Table | None:
    rows = [
        (
            Cell(text=case.case_id, header=True),
            Cell(text=probe.id),
            Cell(text=case.truth or wording.UNDEFINED),
            Cell(text=case.a or wording.UNDEFINED),
            Cell(text=case.b or wording.UNDEFINED),
            Cell(text=what),
        )
        for probe in found.probes
        if probe.kind != "control"
        for what, part in (("broken", probe.broken), ("mended", probe.mended))
        for case in part
    ]
    if not rows:
        return None
    left = len(rows) - _MOST_LISTED
    more = f"{left} more are in the JSON: plexor compare … --json" if left > 0 else ""
    head = ("Case", "Probe", "Truth", "A", "B", "In B")
    return Table(
        id="cases",
        caption="Cases whose outcome changed",
        columns=tuple(Cell(text=one) for one in head),
        rows=tuple(rows[:_MOST_LISTED]),
        note=more,
    )
