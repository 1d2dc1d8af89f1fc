"""``plexor compare``: words, page, JSON, exit status; numbers and outlines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.helpers.runs import plexor
from tests.helpers.two_runs import ATTACK, write

from plexor.findings.comparison import compare_runs
from plexor.findings.comparison.pairing import pair_cases
from plexor.findings.comparison.probe import compare_probe
from plexor.findings.comparison.results import ProbeDifference
from plexor.findings.schema import CLEAN
from plexor.stats import mean_change

TRUTH = ["nv"] * 40


def test_the_page_tells_what_differs_and_which_cases_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a", {CLEAN: TRUTH, ATTACK: TRUTH}, truth=TRUTH)
    worse = ["mel"] * 12 + TRUTH[12:]
    write(tmp_path / "b", {CLEAN: TRUTH, ATTACK: worse}, truth=TRUTH, packages={"torch": "9"})
    done = plexor("compare", "a", "b")
    assert (done.status, done.err) == (0, "")
    assert "versions: packages.torch" in done.out
    assert "1 worse in B" in done.out
    page = (tmp_path / "compare-a-b.html").read_text()
    assert "case-11" in page
    assert "Newly broken in B" in page
    kept = plexor("compare", "a", "b", "--margin", "0.05", "--json")
    assert kept.status == 1
    plain = json.loads(kept.out)
    assert plain["probes"][1]["n_broken"] == 12
    condition = f'probes["{ATTACK}"].n_broken <= 12'
    assert plexor("compare", "a", "b", "--require", condition).status == 0
    assert plexor("compare", "a", "b", "--require", condition.replace("12", "11")).status == 1
    assert plexor("compare", "a", "a", "--margin", "0.2").status == 0
    assert plexor("compare", "a", "b", "--require", "probez").status == 2


def frame(values: list[object], column: str, truth: str = "5") -> pd.DataFrame:
    n = len(values)
    return pd.DataFrame(
        {
            "case_id": [f"c{i}" for i in range(n)],
            "probe": CLEAN,
            "group": [f"g{i // 2}" for i in range(n)],
            "truth": truth,
            "status": "ok",
            "decision_after": "",
            column: values,
        }
    )


def compared(a: pd.DataFrame, b: pd.DataFrame, task: str) -> ProbeDifference:
    images = {f"c{i}": str(i) for i in range(len(a))}
    pairing = pair_cases(a, b, images, images)
    return compare_probe(CLEAN, a, b, pairing=pairing, task=task, same_settings=True, kind="clean")


def test_errors_of_numbers_are_paired() -> None:
    a, b = ["5", "7", "4", "5.5"], ["6", "5", "1", "5.5"]
    found = compared(frame([*a], "decision_after"), frame([*b], "decision_after"), "regression")
    expected = mean_change([0, 2, 1, 0.5], [1, 0, 4, 0.5], ["g0", "g0", "g1", "g1"])
    assert found.difference.value == pytest.approx(expected.value)
    assert found.difference.low == pytest.approx(expected.low)
    assert [case.case_id for case in found.broken] == ["c2", "c0"]
    assert [case.case_id for case in found.mended] == ["c1"]


def test_controls_stand_last_and_untouched_images_first(tmp_path: Path) -> None:
    noise = "noise-linf-2"
    run = write(tmp_path / "a", {noise: TRUTH, ATTACK: TRUTH, CLEAN: TRUTH}, truth=TRUTH)
    found = compare_runs(run, run).probes
    assert [(one.id, one.kind) for one in found] == [
        (CLEAN, "clean"), (ATTACK, "attack"), (noise, "control"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [("1f", "1f", True), ("1f", "2e", False), (None, None, False), (None, "1f", False)],
)
def test_models_are_the_same_where_both_hashes_are_known_and_equal(
    a: str | None, b: str | None, same: bool, tmp_path: Path
) -> None:
    runs = [write(tmp_path / name, {CLEAN: TRUTH, ATTACK: TRUTH}, truth=TRUTH) for name in "ab"]
    for run, model in zip(runs, (a, b), strict=True):
        run.write_provenance(run.provenance() | {"model_sha256": model})
    assert compare_runs(*runs).same_model is same


def test_undefined_outlines_are_counted() -> None:
    nan = float("nan")
    a = frame([[0.8, nan], [0.5, 0.7], [nan, nan]], "dice_after", "b")
    b = frame([[0.6, nan], [0.9, 0.7], [0.4, 0.2]], "dice_after", "b")
    found = compared(a, b, "segmentation")
    assert (found.n_undefined, found.difference.n) == (1, 2)
    assert found.difference.value == pytest.approx(np.mean([0.6 - 0.8, 0.8 - 0.6]))
