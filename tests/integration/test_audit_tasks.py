"""Audits of several findings and of a number, on models whose worst case is known exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from numpy.typing import NDArray
from tests.helpers.runs import plexor
from tests.helpers.summary_json import read_flat
from tests.helpers.tiny import AS_STORED, Linear

from plexor.audits import audit
from plexor.cases import read_image
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import DataError, PlanError, RunDirectoryError
from plexor.models import (
    ModelSource,
    Multilabel,
    Preprocess,
    Regression,
    TorchModel,
    load_model,
    save_weights,
)
from plexor.models.architectures import build_network
from plexor.models.card import ModelCard
from plexor.report import write_report

SHAPE = (1, 10, 8)
RADIUS = 3
WEIGHT = torch.linspace(-1, 1, 80).reshape(1, *SHAPE) / 80


def _write(folder: Path, labels: list[str], *, masks: bool = False) -> Path:
    """Grey images in the middle of their range, so that no radius here meets its ends."""
    generator = np.random.default_rng(0)
    lines = ["path,label,group,mask"]
    for number, label in enumerate(labels):
        pixels = generator.integers(100, 156, SHAPE, dtype=np.uint8)
        (folder / f"{number}.png").write_bytes(PngCodec().encode(pixels))
        mask = f"mask-{number}.png" if masks and number % 2 == 0 else ""
        if mask:
            drawn = np.zeros(SHAPE, dtype=np.uint8)
            drawn[0, 2:5, 3:7] = 1
            (folder / mask).write_bytes(PngCodec().encode(drawn))
        lines.append(f"{number}.png,{label},group-{number // 2},{mask}")
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def _plan(manifest: Path, *probes: dict[str, Any], **cohort: object) -> dict[str, Any]:
    return {
        "cohort": {"manifest": str(manifest), "audit": None, **cohort},
        "probes": [{"attack": "pgd", **probe} for probe in probes],
        "n_examples": 2,
    }


def _age() -> TorchModel:
    return TorchModel(Linear(WEIGHT * 10), task=Regression(unit="years"), preprocess=AS_STORED)


def _shifts(findings: pd.DataFrame, probe: str) -> NDArray[np.float64]:
    rows = findings[findings["probe"] == probe]
    after, before = (
        np.array([out[0] for out in rows[f"outputs_{when}"]], dtype=np.float64)
        for when in ("after", "before")
    )
    return np.subtract(after, before)


def test_a_number_is_moved_exactly_as_far_as_a_linear_model_allows(tmp_path: Path) -> None:
    manifest = _write(tmp_path, [f"{n * 1.5}" for n in range(8)])
    furthest = RADIUS * float(WEIGHT.abs().sum()) * 10
    ball = {"norm": "linf", "radius": RADIUS}
    plan = _plan(
        manifest,
        {"goal": {"raise": furthest * 0.99}, "threat": ball},
        {"goal": {"lower": furthest * 1.01}, "threat": ball},
    )
    run = audit(plan, out=tmp_path / "run", model=_age())
    findings = run.findings()
    raised = f"pgd-raise-{furthest * 0.99:g}-linf-3"
    lowered = f"pgd-lower-{furthest * 1.01:g}-linf-3"
    np.testing.assert_allclose(_shifts(findings, raised), furthest, rtol=1e-5)
    np.testing.assert_allclose(_shifts(findings, lowered), -furthest, rtol=1e-5)
    by_probe = findings.groupby("probe")["reached"].all()
    assert by_probe[raised]
    assert not findings[findings["probe"] == lowered]["reached"].any()
    assert set(findings["truth"]) == {str(n * 1.5) for n in range(8)}
    assert write_report(run.path).exists()


def test_the_stage_that_reached_each_case_is_kept_and_told(tmp_path: Path) -> None:
    """Of a linear model one step is the worst there is; later stages have nothing to do."""
    manifest = _write(tmp_path, [f"{n}" for n in range(4)])
    near = RADIUS * float(WEIGHT.abs().sum()) * 10 * 0.9
    plan = _plan(manifest)
    threat = {"norm": "linf", "radius": RADIUS}
    plan["probes"] = [{"attack": "cascade", "goal": {"raise": near}, "threat": threat}]
    run = audit(plan, out=tmp_path / "run", model=_age())
    findings = run.findings()
    staged = findings[findings["probe"].str.startswith("cascade")]
    assert set(staged["found_by"]) == {"step"}
    assert staged["reached"].all()
    assert set(findings[findings["probe"] == "clean"]["found_by"]) == {""}
    report = write_report(run.path)
    summary = read_flat(run.path)
    assert summary["probes"][0]["found_by"] == {"step": 4}
    assert "first to reach the goal" in report.read_text(encoding="utf-8")


def test_only_the_masked_part_changes_and_where_there_is_no_mask_nothing_does(
    tmp_path: Path,
) -> None:
    manifest = _write(tmp_path, ["1", "2", "3", "4"], masks=True)
    threat = {"norm": "linf", "radius": RADIUS, "region": {"masked": "lesion"}}
    plan = _plan(manifest, {"goal": {"deviate": 0.01}, "threat": threat}, masks={"lesion": "mask"})
    run = audit(plan, out=tmp_path / "run", model=_age())
    findings = run.findings()
    attacked = findings[findings["probe"] == "pgd-deviate-0.01-linf-3-inside-lesion"]
    assert attacked["within_threat"].all()
    inside = float(WEIGHT[0, 0, 2:5, 3:7].abs().sum()) * 10 * RADIUS
    shifts = np.abs(_shifts(findings, str(attacked["probe"].iloc[0])))
    np.testing.assert_allclose(shifts, [inside, 0, inside, 0], atol=1e-4)
    assert list(attacked["reached"]) == [True, False, True, False]
    for example in run.examples():
        change = read_image(example.perturbed).pixels != read_image(example.original).pixels
        change[0, 2:5, 3:7] = False
        assert not change.any()


def test_another_mask_is_another_run(tmp_path: Path) -> None:
    manifest = _write(tmp_path, ["1", "2"], masks=True)
    threat = {"norm": "linf", "radius": 1, "region": {"masked": "lesion"}}
    plan = _plan(manifest, {"goal": {"deviate": 1}, "threat": threat}, masks={"lesion": "mask"})
    audit(plan, out=tmp_path / "run", model=_age())
    (tmp_path / "mask-0.png").write_bytes(PngCodec().encode(np.ones(SHAPE, dtype=np.uint8)))
    with pytest.raises(RunDirectoryError, match="a run with other images"):
        audit(plan, out=tmp_path / "run", model=_age())


def test_a_mask_of_another_shape_fails_its_case_alone(tmp_path: Path) -> None:
    manifest = _write(tmp_path, ["1", "2", "3"], masks=True)
    (tmp_path / "mask-2.png").write_bytes(PngCodec().encode(np.ones((1, 8, 10), dtype=np.uint8)))
    plan = _plan(
        manifest,
        {"goal": {"deviate": 1}, "threat": {"norm": "linf", "radius": 1}},
        masks={"lesion": "mask"},
    )
    findings = audit(plan, out=tmp_path / "run", model=_age()).findings()
    failed = findings[findings["status"] == "failed"]
    assert set(failed["case_id"]) == {"2.png"}
    assert failed["error"].str.contains("masks are not resized").all()


def test_a_finding_is_hidden_where_its_logit_is_nearer_than_the_model_can_be_pushed(
    tmp_path: Path,
) -> None:
    manifest = _write(tmp_path, ["effusion", "effusion|nodule", "", "nodule", "effusion", ""])
    weight = torch.cat([WEIGHT, WEIGHT.flip(-1)])
    bias = torch.tensor([0.15, 0.1], dtype=torch.float64)
    classes = ("effusion", "nodule")
    model = TorchModel(Linear(weight, bias), task=Multilabel(classes=classes), preprocess=AS_STORED)
    plan = _plan(
        manifest,
        {"goal": {"hide": "effusion"}, "threat": {"norm": "linf", "radius": 1}},
        {"goal": {"invent": "nodule"}, "threat": {"norm": "l1", "radius": 40}},
        {"threat": {"norm": "l0", "radius": 5, "channels": "apart"}},
    )
    run = audit(plan, out=tmp_path / "run", model=model)
    findings = run.findings()
    hide = findings[findings["probe"] == "pgd-hide-effusion-linf-1"]
    logits = np.array([out[0] for out in hide["outputs_before"]])
    assert list(hide["attempted"]) == list(logits > 0)
    push = float(WEIGHT.abs().sum())
    assert list(hide["reached"]) == list(logits < push)
    assert 0 < hide["reached"].sum() < len(hide)
    assert (findings["status"] == "ok").all()
    assert findings["within_threat"].all()
    assert set(findings["truth"]) == {"effusion", "effusion|nodule", "", "nodule"}
    assert write_report(run.path).exists()


def test_goals_and_tasks_must_go_together(tmp_path: Path) -> None:
    manifest = _write(tmp_path, ["1", "2"])
    ball = {"norm": "linf", "radius": 1}
    for probe, message in (
        ({"threat": ball}, r"misclassify has no meaning for regression; .*deviate: 5"),
        ({"goal": {"hide": "x"}, "threat": ball}, "`hide` needs a multilabel task, not regression"),
    ):
        with pytest.raises(PlanError, match=message):
            audit(_plan(manifest, probe), out=tmp_path / "run", model=_age())


def test_a_regression_needs_numbers_as_truth(tmp_path: Path) -> None:
    manifest = _write(tmp_path, ["1", "old"])
    plan = _plan(manifest, {"goal": {"raise": 1}, "threat": {"norm": "linf", "radius": 1}})
    with pytest.raises(DataError, match="label 'old' is not a finite number"):
        audit(plan, out=tmp_path / "run", model=_age())


@pytest.mark.parametrize(
    "task", [Multilabel(classes=("a", "b"), threshold=(0.3, 0.6)), Regression(unit="years")]
)
def test_a_card_keeps_its_task(task: Multilabel | Regression, tmp_path: Path) -> None:
    network = build_network("small-cnn", spatial_dims=2, channels=1, n_outputs=task.n_outputs)
    card = ModelCard(
        task=task, preprocess=AS_STORED, architecture="small-cnn", channels=1, spatial_dims=2
    )
    save_weights(tmp_path / "w.safetensors", network, card)
    assert load_model(ModelSource(weights=tmp_path / "w.safetensors")).task == task


def test_the_command_line_audits_a_number(tmp_path: Path) -> None:
    manifest = _write(tmp_path, [f"{n * 1.5}" for n in range(8)])
    task = Regression(unit="years")
    network = build_network("small-cnn", spatial_dims=2, channels=1, n_outputs=1)
    card = ModelCard(
        task=task, preprocess=Preprocess(), architecture="small-cnn", channels=1, spatial_dims=2
    )
    save_weights(tmp_path / "age.safetensors", network, card)
    plan = _plan(manifest, {"goal": {"raise": 1}, "threat": {"norm": "linf", "radius": 2}})
    written = tmp_path / "plan.yaml"
    written.write_text(yaml.safe_dump(plan | {"model": {"weights": "age.safetensors"}}))
    done = plexor("audit", written, "--out", tmp_path / "run")
    assert done.status == 0, done.err
    assert "mean error" in done.out
    checked = plexor("cohort", "check", written)
    assert "label" not in checked.out
    assert "8 cases of 4 groups" in checked.out


def test_the_command_line_checks_findings(tmp_path: Path) -> None:
    manifest = _write(tmp_path, ["effusion", "nodule|effusion", "", "nodule"])
    checked = plexor("cohort", "check", manifest, "--truth", "findings")
    assert "classes: effusion 2, nodule 2" in checked.out
    assert "label-missing" not in checked.out
