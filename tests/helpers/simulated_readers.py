"""Readers who answer a whole study by a rule, without a server, and the study's analysis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from tests.helpers.reader_study import open_study

from plexor.findings import RunDirectory
from plexor.findings.reader_results import ALL, ReaderResults
from plexor.readers.analyse import analyse_study
from plexor.readers.enrol import close, invite
from plexor.readers.export import Unblinded
from plexor.readers.prepare import KeyRow
from plexor.readers.service import consent, standing, submit, the_design
from plexor.readers.tables import ReaderRow, ReadRow

Answer = Callable[[list[KeyRow], np.random.Generator], dict[str, Any]]


def read_all(folder: Path, readers: int, answer: Answer) -> None:
    """Readers r0, r1, … answer every case of FOLDER/study; then it is closed."""
    key = Unblinded.read(folder / "key")
    with open_study(folder) as store:
        invite(store, [f"r{number}" for number in range(readers)])
        with store.writing() as session:
            design = the_design(session)
            for number, reader in enumerate(list(session.scalars(sa.select(ReaderRow)))):
                consent(session, reader, language="en", profile={"role": "other", "years": 1})
                rng = np.random.default_rng(number)
                while (now := standing(session, design, reader)).read is not None:
                    rows = [key.rows[n] for n in session.get_one(ReadRow, now.read.id).stimuli]
                    submit(
                        session,
                        design,
                        reader,
                        now.read.id,
                        client_key=f"key-{reader.id}-{now.read.id}",
                        revises=0,
                        answers=answer(rows, rng),
                        elapsed_ms=int(rng.integers(1000, 9000)),
                        display={},
                    )
        close(store)


def analysed(folder: Path, run: RunDirectory | None = None) -> ReaderResults:
    """What such a study found."""
    with open_study(folder) as store:
        return analyse_study(store, folder / "study", folder / "key", run).stored()


def read_and_analysed(folder: Path, readers: int, answer: Answer) -> ReaderResults:
    """Both."""
    read_all(folder, readers, answer)
    return analysed(folder)


def value(found: ReaderResults, measure: str, who: str = ALL) -> float:
    """One estimate; the measure is of one question."""
    (one,) = [f.estimate for f in found.figures if (f.measure, f.who) == (measure, who)]
    assert one is not None
    assert one.value is not None
    return one.value
