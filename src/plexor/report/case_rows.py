"""One row for each case, probe and container: what the page's table of all cases shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plexor.findings.schema import CLEAN
from plexor.findings.summary.summary import Summary, TaskSummary
from plexor.report import words
from plexor.report.comparator_words import titles
from plexor.report.model_outputs import probabilities

REACHED = "Goal reached"
OUTCOMES = (
    REACHED,
    "Decided otherwise",
    "Decided wrongly",
    "Goal not reached",
    "Decided as before",
    "Decided rightly",
    "Goal held before",
    "Goal has no meaning here",
    "No goal",
    "Could not be judged",
)
"""What can become of a case, in the order in which the table sorts it."""
_DECIDES = ("multiclass", "binary", "multilabel")

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumn:
    """A column of few different texts.

    Attributes:
        id: short name, also of its filter.
        label: its heading.
        texts: what can stand in it, in sorting order.
        codes: of each row, the index into ``texts``.
        chosen: whether the page offers a list of ``texts`` to choose from.
        ids: of each text its id, where the page must find something by it; else empty.
    """

    id: str
    label: str
    texts: tuple[str, ...]
    codes: Codes
    chosen: bool = False
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberColumn:
    """A column of numbers.

    Attributes:
        id: short name.
        label: its heading, with the unit.
        numbers: of each row; NaN where undefined.
        decimals: shown; None for as many figures as the page holds.
    """

    id: str
    label: str
    numbers: Floats
    decimals: int | None = None


Column = TextColumn | NumberColumn


def case_rows(summary: Summary, findings: pd.DataFrame) -> tuple[Column, ...]:
    """The table's columns, its rows ordered by probe (the plan's order), container and case.

    Args:
        summary: of the run.
        findings: of the run, one row for each case, probe and container.
    """
    named = {CLEAN: "Untouched"} | {probe.id: titles(probe)[1] for probe in summary.probes}
    stored = [name for name in summary.clean.stored if (findings["stored"] == name).any()]
    rows = findings[findings["probe"].isin(named) & findings["stored"].isin(stored)]
    rows = rows.assign(
        _probe=_codes(rows["probe"], list(named)), _stored=_codes(rows["stored"], stored)
    ).sort_values(["_probe", "_stored", "case_id"], ignore_index=True)
    containers = tuple(words.container(name) for name in stored)
    columns: list[Column] = [
        _texts("case", "Case", rows["case_id"]),
        _texts("group", "Group", rows["group"]),
        TextColumn(
            id="probe", label="Probe", texts=tuple(named.values()), codes=_array(rows["_probe"]),
            chosen=True, ids=tuple(named),
        ),
    ]  # fmt: skip
    if len(stored) > 1:
        columns.append(
            TextColumn(
                id="stored", label="Stored as", texts=containers, codes=_array(rows["_stored"]),
                chosen=True,
            )
        )  # fmt: skip
    return (*columns, *_answers(summary, rows), _outcome(summary, rows), *_sizes(rows))


def only(columns: Sequence[Column], kept: NDArray[np.bool_]) -> tuple[Column, ...]:
    """The rows that are kept, in texts that still occur."""
    found: list[Column] = []
    for column in columns:
        if isinstance(column, NumberColumn):
            found.append(replace(column, numbers=column.numbers[kept]))
            continue
        there, codes = np.unique(column.codes[kept], return_inverse=True)
        texts = tuple(column.texts[code] for code in there)
        ids = tuple(column.ids[code] for code in there) if column.ids else ()
        found.append(replace(column, texts=texts, ids=ids, codes=codes.astype(np.int64)))
    return tuple(found)


def _answers(summary: Summary, rows: pd.DataFrame) -> list[Column]:
    """Truth, and the model's answer before and after."""
    task = summary.model.task
    failed = (rows["status"] == "failed").to_numpy()
    if task.kind == "regression":
        unit = f", {task.unit}" if task.unit else ""
        truth = _numbers(rows["truth"])
        before, after = (_numbers(rows[f"decision_{when}"]) for when in ("before", "after"))
        return [
            NumberColumn(id="truth", label=f"Truth{unit}", numbers=truth),
            NumberColumn(id="before", label=f"Before{unit}", numbers=before),
            NumberColumn(id="after", label=f"After{unit}", numbers=after),
            NumberColumn(id="shift", label=f"Shift{unit}", numbers=after - before),
        ]
    if task.kind == "segmentation":
        mean = "Mean Dice" if len(task.outlined) > 1 else "Dice"
        return [
            _chosen("truth", "Truth", rows["truth"], task),
            *(
                NumberColumn(
                    id=when,
                    label=f"{mean} {when}",
                    numbers=_means(rows[f"dice_{when}"]),
                    decimals=2,
                )
                for when in ("before", "after")
            ),
        ]
    columns: list[Column] = [_chosen("truth", "Truth", rows["truth"], task)]
    given = any(flag.id == "probability-outputs" for flag in summary.flags)
    for when in ("before", "after"):
        decided = rows[f"decision_{when}"].mask(failed)
        columns.append(_chosen(when, f"Called {when}", decided, task))
        if task.kind != "multilabel":
            shares = _of_decision(rows[f"outputs_{when}"], decided, task, given=given)
            columns.append(
                NumberColumn(
                    id=f"sure_{when}",
                    label=f"Probability {when}, %",
                    numbers=100 * shares,
                    decimals=1,
                )
            )
    return columns


def _outcome(summary: Summary, rows: pd.DataFrame) -> TextColumn:
    """What became of each case, under the goal where the probe has one."""
    decides = summary.model.task.kind in _DECIDES
    aimed = rows["probe"].isin([probe.id for probe in summary.attacks])
    clean = rows["probe"] == CLEAN
    applies = rows["margin_after"].notna()
    other = rows["decision_before"] != rows["decision_after"]
    right = rows["decision_before"] == rows["truth"]
    code = OUTCOMES.index
    found = np.select(
        [
            rows["status"] == "failed",
            aimed & ~rows["attempted"] & ~applies,
            aimed & ~rows["attempted"],
            aimed & rows["reached"],
            aimed,
            np.full(len(rows), not decides),
            clean & right,
            clean,
            other,
        ],
        [
            code("Could not be judged"),
            code("Goal has no meaning here"),
            code("Goal held before"),
            code(REACHED),
            code("Goal not reached"),
            code("No goal"),
            code("Decided rightly"),
            code("Decided wrongly"),
            code("Decided otherwise"),
        ],
        code("Decided as before"),
    )
    codes = found.astype(np.int64)
    return TextColumn(id="outcome", label="Outcome", texts=OUTCOMES, codes=codes, chosen=True)


def _sizes(rows: pd.DataFrame) -> list[Column]:
    """Lengths of the changes, in stored numbers."""
    return [
        NumberColumn(id="linf", label="Greatest change, L∞", numbers=_numbers(rows["linf"])),
        NumberColumn(id="l2", label="Length, L2", numbers=_numbers(rows["l2"])),
    ]


def _texts(name: str, label: str, column: pd.Series[str]) -> TextColumn:
    texts = sorted(set(column))
    return TextColumn(id=name, label=label, texts=tuple(texts), codes=_codes(column, texts))


def _chosen(name: str, label: str, column: pd.Series[str], task: TaskSummary) -> TextColumn:
    """Classes or labels, in the model's order; a failed case has a dash."""
    order = {text: place for place, text in enumerate(task.classes)}
    found = sorted(set(column.dropna()), key=lambda text: (order.get(text, len(order)), text))
    texts = [words.said(task, text) for text in found]
    lost = ["–"] if column.isna().any() else []
    codes = _codes(column.fillna("\0"), [*found, *(["\0"] if lost else [])])
    return TextColumn(id=name, label=label, texts=(*texts, *lost), codes=codes, chosen=True)


def _codes(column: pd.Series[str], texts: Sequence[str]) -> Codes:
    return _array(column.map({text: code for code, text in enumerate(texts)}))


def _array(column: pd.Series[Any]) -> Codes:
    return column.to_numpy(dtype=np.int64)


def _numbers(column: pd.Series[Any]) -> Floats:
    found: Floats = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    return found


def _means(column: pd.Series[Any]) -> Floats:
    """Of each row the mean of the numbers that are defined."""
    lists = (np.asarray(one, dtype=np.float64) for one in column)
    defined = (one[~np.isnan(one)] for one in lists)
    return np.array([one.mean() if one.size else np.nan for one in defined], dtype=np.float64)


def _of_decision(
    outputs: pd.Series[Any], decided: pd.Series[str], task: TaskSummary, *, given: bool
) -> Floats:
    """The model's probability of the class that it decided for; NaN of a failed case."""
    place: Mapping[str, int] = {name: n for n, name in enumerate(task.classes)}
    found = np.full(len(outputs), np.nan)
    for row, (numbers, called) in enumerate(zip(outputs, decided, strict=True)):
        if called in place and len(numbers):
            found[row] = probabilities(np.asarray(numbers, np.float64), given=given)[place[called]]
    return found
