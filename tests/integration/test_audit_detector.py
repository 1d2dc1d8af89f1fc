"""A network taught to detect each probe from the images kept, to its figures in the report."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from tests.helpers.page import Page
from tests.helpers.runs import Setup
from tests.helpers.summary_json import read_flat

from plexor.audits import audit, detectors
from plexor.audits.detector import Schedule, detect
from plexor.audits.progress import Progress
from plexor.core.errors import PlanError
from plexor.report import write_report


def test_each_probe_is_detected_once(
    lesions: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detectors, "detect", partial(detect, schedule=Schedule(epochs=2)))
    plan = lesions.plan_with(n_examples=48, visibility={"detector": True})
    news: list[Progress] = []
    run = audit(plan, out=tmp_path / "run", on_progress=news.append)
    told = [(n.probe, n.done, n.total, n.resumed) for n in news if n.stage == "detect"]
    assert told == [("detecting pgd-linf-2", 1, 2, 0), ("detecting noise-linf-2", 2, 2, 0)]

    page = Page(write_report(run.path).read_text(encoding="utf-8")).text
    assert "of a network taught to detect" in page
    summary = read_flat(run.path)
    attacked, noise = (probe["visibility"]["detector"] for probe in summary["probes"])
    assert [attacked, noise] == [run.detection(f"{name}-linf-2") for name in ("pgd", "noise")]
    assert noise["n_training"] == noise["forced_choice"]["n"] == 24
    assert noise["auc"]["n_groups"] == 12
    # The attack leaves alone what is wrong already; too few of the others are left to learn from.
    assert attacked["auc"]["value"] is None
    assert "pairs to train on, expected 20" in attacked["auc"]["note"]

    monkeypatch.setattr(detectors, "detect", None)  # what is there is not done again
    audit(plan, out=run.path, on_progress=news.append)
    write_report(run.path)
    assert read_flat(run.path) == summary


def test_a_plan_that_keeps_too_few_images_is_refused(lesions: Setup, tmp_path: Path) -> None:
    plan = lesions.plan_with(n_examples=12, visibility={"detector": True})
    with pytest.raises(PlanError, match=r"`n_examples` must be at least 40 .*, got 12"):
        audit(plan, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
