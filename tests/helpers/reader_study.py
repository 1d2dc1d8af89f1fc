"""Small reader studies, made without images or through `create`, and a server in a thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from plexor.core.ids import digest
from plexor.readers.design import Study, load_study
from plexor.readers.store import Store, database_url, now_ms
from plexor.readers.tables import StimulusRow, StudyRow

YES_NO = {"id": "altered", "ask": "Was this image altered?", "type": "yes-no"}


def fields(**changes: Any) -> dict[str, Any]:
    """A study file that is valid."""
    whole: dict[str, Any] = {
        "name": "small",
        "title": "Was it altered?",
        "consent": "I agree.",
        "questions": [YES_NO],
        "arms": {"original": {}, "altered": {"probe": "pgd"}},
        "order": {"apart": 0},
        "display": {"pixel_true": False},
    }
    return whole | changes


def bare(folder: Path, *, n_cases: int = 6, url: str | None = None, **changes: Any) -> Store:
    """A study's database with cases but no image files; every second case in the second arm."""
    study: Study = load_study(fields(**changes))
    store = Store.open(database_url(folder, url), create=True)
    with store.writing() as session:
        session.add(
            StudyRow(
                id=1,
                name=study.name,
                design=study.without_arms(),
                digest=digest(study.model_dump(mode="json")),
                state="open",
                password=None,
                created_at=now_ms(),
                closed_at=None,
            )
        )
        for number in range(n_cases):
            session.add(
                StimulusRow(
                    id=f"s{number}",
                    case_token=f"c{number}",
                    group_token=f"g{number}",
                    arm_token="ab"[number % 2],
                    case_set=0,
                    training=number < study.training.cases,
                    view={"width": 8, "height": 8, "slices": 1, "bits": 8, "channels": 1},
                    answer={"altered": True} if number < study.training.cases else {},
                )
            )
    return store
