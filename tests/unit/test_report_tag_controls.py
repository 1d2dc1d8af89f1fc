"""A report calls the control of tags what it is: covers elsewhere, never shuffled tiles."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers.page import Page

from plexor.report import build_report

COVER = synthetic.shortcut("tag-cover", {"tags": "tags.csv", "fill": "black"})
EXCHANGE = synthetic.shortcut("tag-transplant", {"tags": "tags.csv", "aspect": "letter"})
RULER = synthetic.shortcut("ruler", {"side": "left", "ticks": 20})


def text(path: Path, *probes: synthetic.Plain) -> str:
    return Page(build_report(synthetic.write(path, n_cases=120, probes=probes))).text


def test_tags_alone_have_no_tiles(tmp_path: Path) -> None:
    page = text(tmp_path / "run", COVER, EXCHANGE)
    assert "tile" not in page
    assert "huffled" not in page
    assert "Changes change more of this model's decisions than their controls: Tags covered" in page
    assert "covers of the same size elsewhere in" in page
    assert "decided otherwise, covers of the same size elsewhere" in page
    assert "Control of tags" in page


def test_a_change_of_tags_that_does_nothing(tmp_path: Path) -> None:
    page = text(tmp_path / "run", EXCHANGE)
    assert "No change was shown to change more of this model's decisions than its control" in page
    assert "tile" not in page


@pytest.mark.parametrize("probes", [(RULER,), (RULER, COVER)])
def test_what_is_drawn_keeps_its_tiles(tmp_path: Path, probes: tuple[synthetic.Plain, ...]) -> None:
    page = text(tmp_path / "run", *probes)
    assert "cut into small square tiles" in page
    assert ("Control of tags" in page) == (len(probes) == 2)
