"""The report of a fixed synthetic audit, as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers.golden import assert_golden
from tests.helpers.page import Page

from plexor.report import build_report

HERE = Path(__file__).parent / "report"
PROBES = (
    synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),
    synthetic.probe("pgd", "l2", (100,), target="nv", settings=synthetic.PGD),
)


@pytest.mark.parametrize("name", ["finished", "stopped"])
def test_the_text_of_a_report(tmp_path: Path, name: str) -> None:
    run = synthetic.write(tmp_path, n_cases=60, seed=11, probes=PROBES)
    if name == "stopped":
        run.write_provenance(synthetic.provenance(finished=False))
    text = Page(build_report(run)).text
    assert_golden(HERE / f"{name}.txt", text)
