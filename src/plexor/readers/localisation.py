"""Marks at lesions: JAFROC figures of merit of readers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from plexor.core.errors import PlanError
from plexor.findings.reader_results import ALL
from plexor.readers.answer_table import groups_of
from plexor.readers.design import Study
from plexor.readers.result import Result
from plexor.stats import (
    Estimate,
    FrocCase,
    ReaderStudy,
    jafroc,
    match_marks,
    reader_study_jafroc,
)

_SLICE_APART = 1e9
"""Distance of two slices: a mark is at a lesion of its own slice only."""


def localisation(study: Study, own: pd.DataFrame) -> Iterator[Result]:
    """JAFROC figures of merit by reader and arm, pooled, and their difference in crossed designs.

    Args:
        study: the study file.
        own: answers to a question of marks, with the column "value".
    """
    level = study.analysis.level
    scored = own.assign(scored=froc_cases(own, study.analysis.acceptance_radius))
    for arm in study.arms:
        part = scored[scored["arm"] == arm]
        groups = groups_of(part)
        found: list[Estimate] = []
        name = f"JAFROC in {arm}"
        for reader in part["reader"].unique():
            rows = part["reader"] == reader
            inside = None if groups is None else part["group"][rows].tolist()
            found.append(jafroc(part["scored"][rows].tolist(), inside, level=level))
            yield Result(question="", measure=name, who=reader, found=found[-1])
        if len(found) > 1:
            yield Result(question="", measure=name, who=ALL, found=_pooled(part, found, level))
    if study.shown == "crossed" and len(study.arms) == 2:
        yield from _difference(scored, list(study.arms), level)


def froc_cases(own: pd.DataFrame, radius: float) -> pd.Series[Any]:
    """The marks of each answer, scored against the lesions of its case: a ``FrocCase`` each."""
    scored = [
        _matched(marks, json.loads(lesions), radius)
        for marks, lesions in zip(own["value"], own["lesions"], strict=True)
    ]
    return pd.Series(scored, index=own.index, dtype=object)


def jafroc_of(scored: pd.DataFrame, arms: Sequence[str]) -> ReaderStudy:
    """Figures of merit of arms and readers, over the cases that every reader read in each arm.

    Args:
        scored: answers with the column "scored", of ``froc_cases``.
        arms: the treatments.

    Raises:
        PlanError: too few readers or cases, or readers who did not all read the same cases.
    """
    readers = list(scored["reader"].unique())
    cells = {
        (arm, reader): part.drop_duplicates("case").set_index("case").sort_index()
        for (arm, reader), part in scored.groupby(["arm", "reader"], sort=False)
    }
    read = {
        tuple(cells[arm, reader].index) if (arm, reader) in cells else ()
        for arm in arms
        for reader in readers
    }
    if len(read) > 1:
        raise PlanError("not every reader read every case: no interval over readers")
    first = cells[arms[0], readers[0]]
    groups = None if first["group"].is_unique else first["group"].tolist()
    table = [[cells[arm, reader]["scored"].tolist() for reader in readers] for arm in arms]
    return reader_study_jafroc(table, groups)


def _pooled(part: pd.DataFrame, found: Sequence[Estimate], level: float) -> Estimate:
    """The mean over readers; without an interval where they did not read the same cases."""
    try:
        return jafroc_of(part, [part["arm"].iloc[0]]).mean(0, level=level)
    except PlanError as error:
        return Estimate(
            value=float(np.mean([one.value for one in found])),
            low=np.nan,
            high=np.nan,
            level=level,
            method="mean over readers",
            n=len(part),
            note=str(error),
        )


def _difference(scored: pd.DataFrame, arms: Sequence[str], level: float) -> Iterator[Result]:
    who = f"{arms[1]} - {arms[0]}"
    try:
        crossed = jafroc_of(scored, arms)
    except PlanError:
        return
    found = crossed.difference(1, 0, level=level)
    yield Result(question="", measure="JAFROC difference", who=who, found=found)
    yield Result(question="", measure="JAFROC difference, test", who=who, found=crossed.test())


def _matched(marks: list[dict[str, float]], lesions: list[list[float]], radius: float) -> FrocCase:
    places = [(mark["x"], mark["y"], mark["slice"] * _SLICE_APART) for mark in marks]
    centres = [(x, y, piece * _SLICE_APART) for x, y, piece in lesions]
    return match_marks(places, [mark["rating"] for mark in marks], centres, radius=radius)
