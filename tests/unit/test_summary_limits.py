"""Corners of the summary: limits that reach what is possible, counts of nothing, and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers import task_run
from tests.helpers.summary_json import flat

from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN, Finding, to_table
from plexor.findings.summary import summarise
from plexor.findings.summary.summary import ModelSummary

AIMED = "pgd-deviate-5-linf-2"


def _ages(said: list[tuple[float, float]], truth: float) -> list[Finding]:
    """Rows of cases of one true value: what is said of them untouched, and attacked."""
    return [
        Finding(
            case_id=f"case-{n}", group=f"group-{n}", truth=str(truth), probe=probe,
            stored="lossless", decision_after=f"{after:g}", decision_before=f"{before:g}",
            outputs_before=(before,), outputs_after=(after,),
        )
        for n, (before, attacked) in enumerate(said)
        for probe, after in ((CLEAN, before), (AIMED, attacked), (task_run.NOISE, before))
    ]  # fmt: skip


def _summary(task: dict[str, Any], goal: dict[str, Any], rows: list[Finding]) -> dict[str, Any]:
    frame: pd.DataFrame = to_table(rows).to_pandas()
    return flat(summarise(task_run.plan(goal), task_run.provenance(task), frame))


def test_an_error_and_the_size_of_a_shift_may_be_as_low_as_nothing() -> None:
    rows = _ages([(50, 50), (50, 50), (50, 50), (50, 80)], truth=50)
    probe = _summary(task_run.AGE, task_run.DEVIATE, rows)["probes"][0]
    (bin_,) = [one for one in probe["by_truth"] if one["mae"]["n"]]
    for found in (probe["absolute_shift"], bin_["mae"], bin_["absolute_shift"]):
        assert found["value"] == pytest.approx(7.5)
        assert found["low"] == 0


def test_the_size_of_an_outline_and_its_agreement_keep_to_what_is_possible() -> None:
    rows = task_run.outlines()
    probe = _summary(task_run.OUTLINES, task_run.LOWER, rows)["probes"][0]
    assert probe["per_label"][0]["agreement"]["low"] == 0
    # Of two cases, the second vanishes: an interval of Student's would reach below no area.
    sizes = {"case-0": 40, "case-1": 0}
    few = [
        Finding(**{**_fields(row), "size_after": (100, sizes[row.case_id])})
        for row in rows
        if row.case_id in sizes
    ]
    (disc,) = _summary(task_run.OUTLINES, task_run.LOWER, few)["probes"][0]["per_label"]
    assert disc["size"]["value"] == pytest.approx(4 * 40 / 2)  # pixels of 2 by 2 mm
    assert disc["size"]["low"] == 0


def _fields(row: Finding) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Finding.__dataclass_fields__}


def _attacked(column: str, values: list[float]) -> dict[str, Any]:
    """An attack whose first cases have these values in a column, and nothing is known of others."""
    probes = (synthetic.probe("pgd", "linf", (1,)),)
    rng = np.random.default_rng(2)
    units = synthetic.findings_of(synthetic.subjects(20, rng), rng, probes, ("lossless",))
    frame: pd.DataFrame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    mine = frame["probe"].eq("pgd-linf-1") & frame["attempted"]
    first = frame[mine].drop_duplicates("group").index[: len(values)]
    frame.loc[first, column] = values
    plan, about = synthetic.plan(probes), synthetic.provenance()
    return dict(flat(summarise(plan, about, frame))["probes"][0])


def test_coefficients_that_stayed_are_counted() -> None:
    found = _attacked("coefficients", [0.0, 1.0, 0.0, 7.0, 2.0])["coefficients"]
    assert found == {"median": 1.0, "max": 7.0, "n": 5, "n_unmoved": 2}


def test_a_shortcut_is_set_against_its_control_case_by_case() -> None:
    probes = (synthetic.shortcut("ruler", {"side": "left", "ticks": 20}),)
    rng = np.random.default_rng(3)
    units = synthetic.findings_of(synthetic.subjects(20, rng), rng, probes, ("lossless",))
    frame: pd.DataFrame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    for probe, n_changed in (("ruler", 6), ("ruler-shuffled", 2)):
        said = frame.loc[frame["probe"].eq(CLEAN), "decision_after"].tolist()
        other = ["mel" if one != "mel" else "nv" for one in said]
        frame.loc[frame["probe"].eq(probe), "decision_after"] = other[:n_changed] + said[n_changed:]
    found = flat(summarise(synthetic.plan(probes), synthetic.provenance(), frame))["probes"][0]
    assert found["control_fooling_ratio"]["value"] == pytest.approx(2 / 20)
    assert found["fooling_excess"]["value"] == pytest.approx((6 - 2) / 20)
    assert (found["fooling_test"]["n_gained"], found["fooling_test"]["n_lost"]) == (4, 0)


def test_a_probe_has_the_containers_it_was_judged_in_and_no_others() -> None:
    probes = (synthetic.probe("pgd", "linf", (1,)),)
    rng = np.random.default_rng(3)
    units = synthetic.findings_of(synthetic.subjects(20, rng), rng, probes)
    frame: pd.DataFrame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    frame = frame[frame["probe"].ne("pgd-linf-1") | frame["stored"].eq("lossless")]
    summary = summarise(synthetic.plan(probes), synthetic.provenance(), frame)
    attack, noise = summary.probes
    assert list(attack.stored) == ["lossless"]
    assert set(noise.stored) == set(summary.clean.stored) == set(synthetic.STORED)


def test_a_share_of_draws_is_at_most_all() -> None:
    found = _attacked("reached_share", [1.0, 1.0, 0.4])["draws"]["mean"]
    assert found["value"] == pytest.approx(0.8)
    assert found["high"] == 1


@pytest.mark.parametrize(
    ("card", "name"), [({"architecture": "densenet201"}, "densenet201"), ({}, "")]
)
def test_the_architecture_is_told_where_it_is_known(card: dict[str, Any], name: str) -> None:
    card |= {"task": {"kind": "multiclass", "classes": ["a", "b"]}}
    assert ModelSummary.of(card).architecture == name


def test_a_unit_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    rows = [*task_run.several()[:3], *task_run.outlines()[:1]]  # of numbers that 32 bits hold
    run = RunDirectory(tmp_path)
    run.write_unit("unit", rows, [])
    for before, after in zip(rows, run.unit("unit"), strict=True):
        assert repr(after) == repr(before)


@pytest.mark.parametrize(
    ("manifest", "root", "name"),
    [
        ("ham10000.csv", None, "ham10000"),
        ("phantoms/manifest.csv", None, "phantoms"),
        ("manifest.csv", "/srv/films/images", "films"),
        ("manifest.csv", "../../chest_xray", "chest_xray"),
        ("/images/manifest.csv", None, "manifest"),
    ],
)
def test_a_cohort_is_named_after_its_file_or_a_folder_that_says_something(
    tmp_path: Path, manifest: str, root: str | None, name: str
) -> None:
    run = synthetic.write(tmp_path, n_cases=20)
    plan = synthetic.plan()
    plan["cohort"] |= {"manifest": manifest, "root": root}
    assert summarise(plan, run.provenance(), run.findings()).cohort.name == name
