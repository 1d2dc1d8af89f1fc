"""A map of single pixels, from an audit to the page."""

from __future__ import annotations

import numpy as np
from tests.helpers.page import Page
from tests.helpers.runs import Setup

from plexor.audits import audit
from plexor.report import write_report
from plexor.report.margin_map import read_margins

PIXEL = {"attack": "exhaustive-pixel", "stride": 8, "threat": {"norm": "l0", "radius": 1}}
SEARCH = {"attack": "sparse-rs", "queries": 10, "threat": {"norm": "l0", "radius": 2}}


def test_a_map_stands_beside_every_case_that_has_one(few: Setup) -> None:
    few.change_plan(unit_size=12, n_examples=12, probes=[PIXEL, SEARCH])
    run = audit(few.plan, out=few.out)
    maps = [e.by_position for e in run.examples() if e.by_position is not None]
    tried = [file for file in maps if np.isfinite(read_margins(file)).any()]
    page = Page(write_report(run.path).read_text(encoding="utf-8"))
    shown = [tag for tag in page.all("img") if tag.attributes.get("class") == "margins"]
    assert len(shown) == len(tried) > 0
    for tag in shown:
        assert "of 16 tried break the case" in tag.attributes["alt"]
        assert (tag.attributes["width"], tag.attributes["height"]) == ("32", "32")
    assert "black, not tried" in page.text
    assert "Single positions that reach it alone" in page.text
