"""The study of burnt-in tags at its smallest scale, on phantoms and on a miniature of MURA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from plexor.findings.study_file import Number
from plexor.findings.tag_results import read_tag_results
from plexor.report import write_report
from plexor.studies import Request, run_study
from plexor.studies.yi2022 import plans
from plexor.studies.yi2022.phantoms import write_phantoms


@pytest.fixture(autouse=True)
def least(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer films and steps than `smoke`, to be quick."""
    training = {**plans.SCALES["smoke"].training, "epochs": 1}
    scale = replace(plans.SCALES["smoke"], side=32, phantoms=16, training=training)
    monkeypatch.setitem(plans.SCALES, "smoke", scale)


def test_the_whole_study_runs_on_phantoms_and_is_resumed(tmp_path: Path) -> None:
    request = Request(out=tmp_path, scale="smoke", device="cpu")
    result = run_study("yi2022", request)
    words = {word.word for row in result.rows for word in row.agreement.values()}
    assert words == {"no verdict"}
    assert result.verdict.startswith("The films are drawn")
    assert "With 2 training seeds no difference" in result.verdict
    tables = {table.id: table for table in result.tables}
    assert [row.name for row in tables["areas"].rows] == list(plans.ARMS)
    shown = {row.name: row.cells[0] for row in tables["inference"].rows}
    by_table, by_model = (
        shown[name] for name in ("tags covered, boxes of the table",
                                 "tags found and covered by the model itself")
    )  # fmt: skip
    assert isinstance(by_table, Number)
    assert isinstance(by_model, Number)
    assert by_table.value == by_model.value  # the same finder on the same films
    assert len(result.arms) == 2 * len(plans.ARMS)
    leaning = read_tag_results(tmp_path / "original-0" / "reliance")
    (reliance,) = leaning.reliance
    assert reliance.areas[6].arm == "re-trained, covered"
    rows = {(row.name, row.detail): row.cells[0] for row in tables["reliance"].rows}
    changed = rows["Decisions changed", "tags covered"]
    assert isinstance(changed, Number)
    assert changed.value == reliance.decision_covered.value
    assert [row.name for row in tables["aspects"].rows] == [one.aspect for one in leaning.aspects]
    assert [arm.tags for arm in result.arms if arm.tags] == [
        "original-0/reliance", "original-1/reliance",
    ]  # fmt: skip
    page = write_report(tmp_path).read_text()
    assert "Covering at inference" in page
    assert page.count('alt="Image with its tags framed') == len(leaning.shown) > 0
    assert page.count('alt="Grad-CAM before covering') == len(leaning.shown)
    assert "original-0/reliance/report.html" in page
    assert (tmp_path / "original-0" / "reliance" / "report.html").exists()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert run_study("yi2022", request) == result
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == before


def test_films_in_the_layout_of_mura_are_compared_with_the_publication(tmp_path: Path) -> None:
    data = write_phantoms(tmp_path / "data", n_patients=16)
    request = Request(out=tmp_path / "out", scale="smoke", data=data, device="cpu")
    result = run_study("yi2022", request)
    by_id = {row.id: row for row in result.rows}
    found = by_id["area-original"].agreement["by study"]
    assert found.word in ("agrees", "differs", "cannot tell")
    assert found.difference is not None
    assert "films of MURA" in result.setting
    assert (tmp_path / "out" / "tags.csv").exists()
