"""The table of all cases says what the findings say, of every task, and stays small."""

from __future__ import annotations

import base64
import json
import math
import re
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers import task_run

from plexor.findings.run import RunDirectory
from plexor.report import build_report, case_table
from plexor.report.case_rows import OUTCOMES
from plexor.report.comparator_words import titles
from plexor.report.pictures import Pictures

PROBES = (
    synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),
    synthetic.probe("pgd", "linf", (2,), target="nv", settings=synthetic.PGD),
)


def unpacked(data: str) -> pd.DataFrame:
    """The table as the page's script reads it."""
    packed = json.loads(zlib.decompress(base64.b64decode(data)))
    found: dict[str, Any] = {}
    for column in packed["columns"]:
        if "numbers" in column:
            found[column["id"]] = [np.nan if n is None else n for n in column["numbers"]]
        else:
            names = column["ids"] or column["texts"]
            found[column["id"]] = [names[code] for code in column["codes"]]
    return pd.DataFrame(found)


def in_page(run: RunDirectory) -> pd.DataFrame:
    made = case_table.case_table(run, run.summarise(), run.findings(), Pictures())
    return unpacked(made.data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return synthetic.write(tmp_path_factory.mktemp("run"), n_cases=40, probes=PROBES)


def test_every_row_of_the_findings_is_in_the_page_with_its_values(run: RunDirectory) -> None:
    findings, shown = run.findings(), in_page(run)
    containers = {"lossless": "lossless", "recompressed-own": "JPEG, own tables"} | {
        f"recompressed-q{quality}": f"JPEG, quality {quality}" for quality in (90, 75)
    }
    key = ["case", "probe", "stored"]
    wanted = pd.DataFrame(
        {
            "case": findings["case_id"],
            "group": findings["group"],
            "probe": findings["probe"],
            "stored": findings["stored"].map(containers),
            "truth": findings["truth"],
            "before": findings["decision_before"],
            "after": findings["decision_after"],
            "linf": findings["linf"],
            "l2": findings["l2"],
        }
    )
    assert len(shown) == len(findings)
    joined = shown.merge(wanted, on=key, suffixes=("", "_wanted"), validate="1:1")
    assert len(joined) == len(findings)
    for column in ("group", "truth", "before", "after"):
        assert (joined[column] == joined[f"{column}_wanted"]).all()
    for column in ("linf", "l2"):
        np.testing.assert_allclose(joined[column], joined[f"{column}_wanted"], rtol=6e-4)


def test_outcomes_and_probabilities_follow_from_the_findings(run: RunDirectory) -> None:
    findings = run.findings()
    findings = findings[(findings["probe"] == "pgd-linf-2") & (findings["stored"] == "lossless")]
    shown = in_page(run)
    shown = shown[(shown["probe"] == "pgd-linf-2") & (shown["stored"] == "lossless")]
    joined = findings.merge(shown, left_on="case_id", right_on="case", validate="1:1")
    counted = joined["outcome"].value_counts()
    assert counted["Goal reached"] == findings["reached"].sum() > 0
    assert counted["Goal held before"] == (~findings["attempted"]).sum() > 0
    logits = np.stack(list(joined["outputs_after"]))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    # Of untied logits the decision is the greatest.
    np.testing.assert_allclose(joined["sure_after"], 100 * shares.max(axis=1), rtol=6e-4)


def test_a_failed_case_is_a_row_of_its_own_kind(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path, n_cases=40, probes=PROBES)
    lost = run.findings()["case_id"].min()
    for path in (run.path / "units").glob("*.parquet"):
        rows = pd.read_parquet(path)
        rows.loc[rows["case_id"] == lost, ["status", "error"]] = ["failed", "no such file"]
        rows.to_parquet(path, index=False)
    shown = in_page(run)
    assert set(shown.loc[shown["case"] == lost, "outcome"]) == {"Could not be judged"}
    assert set(shown.loc[shown["case"] == lost, "after"]) == {"–"}


@pytest.mark.parametrize(
    ("task", "goal", "rows", "column"),
    [
        (task_run.FINDINGS, task_run.HIDE, task_run.several(), None),
        (task_run.OUTLINES, task_run.LOWER, task_run.outlines(), "dice_after"),
        (task_run.AGE, task_run.DEVIATE, task_run.numbers("deviate"), "decision_after"),
    ],
)
def test_other_tasks(tmp_path: Path, task: Any, goal: Any, rows: Any, column: str | None) -> None:
    shown = in_page(task_run.write(tmp_path, task, goal, rows))
    assert len(shown) == len(rows)
    assert set(shown["outcome"]) <= set(OUTCOMES)
    by_key = {(row.case_id, row.probe): row for row in rows}
    for _, found in shown.iterrows():
        row = by_key[found["case"], found["probe"]]
        if column is None:
            assert found["after"] == (row.decision_after.replace("|", ", ") or "no label")
        elif column == "decision_after":
            assert found["after"] == pytest.approx(float(row.decision_after), rel=1e-3)
        else:
            defined = [dice for dice in row.dice_after if not math.isnan(dice)]
            wanted = np.mean(defined) if defined else math.nan
            assert found["after"] == pytest.approx(wanted, abs=1e-3, nan_ok=True)


def test_too_many_rows_leave_the_page_by_container_then_by_outcome(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary, findings = run.summarise(), run.findings()
    whole = case_table.case_table(run, summary, findings, Pictures())
    monkeypatch.setattr(case_table, "MOST_CHARACTERS", len(whole.data) // 8)
    pictures = Pictures()
    cut = case_table.case_table(run, summary, findings, pictures)
    assert pictures.spent == len(cut.data) <= len(whole.data) // 8
    shown = unpacked(cut.data)
    assert "stored" not in shown
    assert f"{len(shown)} of {len(findings)} rows" in cut.note.replace(",", "")
    reached = findings[findings["reached"] & (findings["stored"] == "lossless")]["case_id"]
    kept = set(shown["case"])
    assert kept <= set(reached) or set(reached) <= kept
    assert case_table.case_table(run, summary, findings, Pictures(most=math.inf)).data == whole.data


def test_the_page_holds_the_table(run: RunDirectory) -> None:
    data = re.search(r'id="case-rows">([^<]*)<', build_report(run))
    assert data is not None
    pd.testing.assert_frame_equal(unpacked(data[1]), in_page(run))


def test_probes_are_named_as_in_the_comparator(run: RunDirectory) -> None:
    summary = run.summarise()
    made = case_table.case_table(run, summary, run.findings(), Pictures())
    packed = json.loads(zlib.decompress(base64.b64decode(made.data)))
    probes = next(column for column in packed["columns"] if column["id"] == "probe")
    named = dict(zip(probes["ids"], probes["texts"], strict=True))
    assert named.pop("clean") == "Untouched"
    assert named == {probe.id: titles(probe)[1] for probe in summary.probes}


def test_a_case_without_pictures_says_what_keeping_all_takes(run: RunDirectory) -> None:
    """Two files of 1.5 MB for one of 40 cases: 40 times 3 MB for all."""
    kept = run.path / "artifacts" / "examples" / "pgd" / "one"
    kept.mkdir(parents=True)
    about = {"case_id": "case-0", "probe": "pgd-linf-1", "suffix": ".png"}
    (kept / "about.json").write_text(json.dumps(about))
    for name in ("original", "perturbed"):
        (kept / f"{name}.png").write_bytes(bytes(1_500_000))
    made = case_table.case_table(run, run.summarise(), run.findings(), Pictures())
    shutil.rmtree(kept)
    assert made.not_kept.endswith("a new run keeps all (about 120 MB on disk) with")
    assert made.command == "plexor audit PLAN --set n_examples=40 --out NEW"


def test_the_command_that_keeps_all_keeps_the_limit(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited: dict[str, Any] = run.plan()
    limited["cohort"]["limit"] = 40
    monkeypatch.setattr(RunDirectory, "plan", lambda _: limited)
    made = case_table.case_table(run, run.summarise(), run.findings(), Pictures())
    assert made.command == "plexor audit PLAN --limit 40 --set n_examples=40 --out NEW"
