"""The share of positions that break a case alone, against a hand's count."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.helpers import synthetic_run as synthetic
from tests.helpers.summary_json import checked

from plexor.core import wording
from plexor.findings.schema import to_table
from plexor.findings.summary import summarise
from plexor.report.decision_tables import probes_table

PROBES = (
    synthetic.probe("exhaustive-pixel", "l0", (1,)),
    synthetic.probe("pgd", "linf", (1,)),
)
COUNTS = ((100, 10), (50, 0), (200, 60))
"""Tried and reaching, of the first cases attempted; of the others nothing is known."""


def _frame(counts: tuple[tuple[int, int], ...]) -> tuple[pd.DataFrame, list[str]]:
    """Findings, and the groups of the cases whose positions were counted."""
    rng = np.random.default_rng(2)
    units = synthetic.findings_of(synthetic.subjects(40, rng), rng, PROBES)
    frame: pd.DataFrame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    mine = (frame["probe"] == "exhaustive-pixel-l0-1") & (frame["stored"] == "lossless")
    rows = frame[mine & frame["attempted"]].drop_duplicates("group").index[: len(counts)]
    frame.loc[rows, "positions_tried"] = [float(tried) for tried, _ in counts]
    frame.loc[rows, "positions_reaching"] = [float(reaching) for _, reaching in counts]
    return frame, frame.loc[rows, "group"].tolist()


def test_each_case_counts_as_much_whatever_its_size() -> None:
    frame, groups = _frame(COUNTS)
    summary = checked(summarise(synthetic.plan(PROBES), synthetic.provenance(), frame))
    pixels, pgd, *controls = summary["probes"]
    assert pgd["positions"] is None
    assert all("positions" not in control for control in controls)
    found = pixels["positions"]
    assert found["tried_per_case"] == pytest.approx(350 / 3)
    assert found["reaching_per_case"] == pytest.approx(70 / 3)
    share = found["share_reaching"]
    shares = np.array([0.1, 0.0, 0.3])
    half = stats.t.ppf(0.975, 2) * shares.std(ddof=1) / math.sqrt(3)
    assert (share["n"], share["n_groups"]) == (3, len(set(groups)))
    assert share["value"] == pytest.approx(shares.mean())
    assert share["low"] == 0  # Student's would be below
    assert shares.mean() - half < 0
    assert share["high"] == pytest.approx(shares.mean() + half)


def test_the_table_has_the_share_where_it_was_counted_and_no_column_without() -> None:
    frame, _ = _frame(COUNTS)
    table = probes_table(summarise(synthetic.plan(PROBES), synthetic.provenance(), frame))
    place = [column.text for column in table.columns].index("Single positions")
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert [row[place].text for row in table.rows] == ["", wording.share(2 / 15), wording.UNDEFINED]
    assert "“Single positions”" in table.note
    nothing, _ = _frame(())
    table = probes_table(summarise(synthetic.plan(PROBES), synthetic.provenance(), nothing))
    assert "Single positions" not in [column.text for column in table.columns]
    assert "“Single positions”" not in table.note


def test_a_single_case_has_a_share_and_no_interval() -> None:
    frame, _ = _frame(COUNTS[:1])
    summary = summarise(synthetic.plan(PROBES), synthetic.provenance(), frame)
    positions = summary.attacks[0].positions
    assert positions is not None
    share = positions.share_reaching
    assert share.value == pytest.approx(0.1)
    assert (share.low, share.high) == (None, None)
    assert share.note
