"""Audits of segmentations by a network of known outlines: goals, masks, resuming, volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from tests.helpers.summary_json import read_flat
from tests.helpers.tiny import AS_STORED
from torch import Tensor, nn

from plexor.audits import audit
from plexor.cases import check_cohort, load_cohort, split_groups
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import DataError, PlanError
from plexor.findings import RunDirectory
from plexor.findings.summary.judged import Judged
from plexor.models import Segmentation, TorchModel
from plexor.report import write_report
from plexor.threat_model import goal_from

SHAPE = (12, 10)
GOALS: list[dict[str, Any]] = [
    {"lower-dice": "disc", "below": 0.6},
    {"erase": "disc"},
    {"erase": "disc", "keep": 0.25},
    {"grow": "disc", "by": 0.5},
    {"invent": "disc", "by": 0.1},
    {"drift": "disc", "by": 1.3},
]


class Brighter(nn.Module):
    """One logit a pixel: how much brighter than 128 it and its surroundings are."""

    def __init__(self, spatial_dims: int = 2) -> None:
        super().__init__()
        layer = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.layer = layer(1, 1, 3, padding=1, padding_mode="replicate")
        with torch.no_grad():
            self.layer.weight.fill_(1 / 3**spatial_dims)
            self.layer.bias.fill_(-128)  # type: ignore[union-attr]

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layer(images)
        return logits


def _model(spatial_dims: int = 2) -> TorchModel:
    task = Segmentation(classes=("disc",))
    return TorchModel(Brighter(spatial_dims), task=task, preprocess=AS_STORED)


def _draw(number: int, shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    """An image and its mask; every fourth shows nothing."""
    generator = np.random.default_rng(number)
    places = np.indices(shape).reshape(len(shape), -1).T
    centre = generator.uniform(0.35, 0.65, len(shape)) * shape
    near = np.linalg.norm(places - centre, axis=1).reshape(shape)
    inside = (near < 3.2) & (number % 4 < 3)
    image = np.clip(generator.normal(120 + 16 * inside, 5), 0, 255).round()
    return image.astype(np.uint8)[None], inside.astype(np.uint8)


def _write(folder: Path, n_cases: int = 8) -> Path:
    lines = ["path,mask,group"]
    for number in range(n_cases):
        image, mask = _draw(number, SHAPE)
        (folder / f"{number}.png").write_bytes(PngCodec().encode(image))
        (folder / f"mask-{number}.png").write_bytes(PngCodec().encode(mask[None] * np.uint8(255)))
        lines.append(f"{number}.png,mask-{number}.png,{number // 2}")
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def _plan(manifest: Path, goals: list[dict[str, Any]], radius: float = 12) -> dict[str, Any]:
    return {
        "cohort": {"manifest": str(manifest), "columns": {"label": "mask"}, "audit": None},
        "probes": [
            {"attack": "pgd", "goal": goal, "threat": {"norm": "linf", "radius": radius}}
            for goal in goals
        ],
        "unit_size": 3,
        "n_examples": 8,
    }


def test_every_goal_is_told_from_what_is_kept_as_the_judge_told_it(tmp_path: Path) -> None:
    run = audit(_plan(_write(tmp_path), GOALS), out=tmp_path / "run", model=_model())
    findings = run.findings()
    assert (findings["status"] == "ok").all()
    assert not findings["outputs_before"].map(len).any()
    resolved: Any = run.plan()["probes"]
    for probe in resolved:
        name = next(n for n in set(findings["probe"]) if _is_of(n, probe["goal"]))
        rows = findings[findings["probe"] == name]
        told = goal_from(probe["goal"]).holds(Judged.of(rows, rows), ["disc"])
        judged = rows["margin_after"].to_numpy()
        known = ~np.isnan(judged)
        np.testing.assert_array_equal(told[known], judged[known] > 0)
        assert rows["reached"].any(), name


def _is_of(probe_id: str, goal: dict[str, Any]) -> bool:
    number = goal.get("below") or goal.get("by") or goal.get("keep")
    end = f"-{number:g}-linf-12" if number else "disc-linf-12"
    return probe_id.startswith(f"pgd-{goal['kind']}-disc") and probe_id.endswith(end)


def test_what_has_no_meaning_is_not_attempted_and_counted_apart(tmp_path: Path) -> None:
    run = audit(_plan(_write(tmp_path), GOALS[:2]), out=tmp_path / "run", model=_model())
    findings = run.findings()
    aimed = findings[findings["probe"] == "pgd-lower-dice-disc-0.6-linf-12"]
    nothing = aimed["truth"] == ""
    assert nothing.sum() == 2
    assert aimed["margin_after"].isna().equals(nothing)
    assert not aimed.loc[nothing, "attempted"].any()
    assert write_report(run.path).exists()
    summary = read_flat(run.path)
    assert summary["probes"][0]["n_not_applicable"] == 2
    assert summary["probes"][0]["n"] == 8
    assert summary["cohort"]["cases_by_class"] == {"disc": 6}
    text = (run.path / "report.html").read_text(encoding="utf-8")
    assert "the goal has no meaning for this case" in text


def test_an_audit_that_was_stopped_goes_on_to_the_same_findings(tmp_path: Path) -> None:
    plan = _plan(_write(tmp_path), GOALS[-2:])
    whole = audit(plan, out=tmp_path / "whole", model=_model())
    stopped = audit(plan, out=tmp_path / "stopped", model=_model())
    for path in sorted((stopped.path / "units").iterdir())[1::2]:
        path.unlink()
    again = audit(plan, out=tmp_path / "stopped", model=_model())
    pd.testing.assert_frame_equal(whole.findings(), again.findings())
    labels = [example.labels for example in whole.examples()]
    assert len(labels) == 8 * 3
    for path in filter(None, labels):
        other = again.path / path.relative_to(whole.path)
        assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (np.zeros((1, 10, 12), np.uint8), "has the shape .* masks are not resized"),
        (
            np.full((1, *SHAPE), 3, np.uint8),
            r"class numbers from 0 to 1 \(disc\), found 3",
        ),
        (np.arange(360, dtype=np.uint8).reshape(3, *SHAPE) % 2, None),
    ],
)
def test_a_mask_that_cannot_be_used_fails_its_case_alone(
    tmp_path: Path, spoil: NDArray[Any], error: str | None
) -> None:
    manifest = _write(tmp_path)
    (tmp_path / "mask-2.png").write_bytes(PngCodec().encode(spoil))
    run = audit(_plan(manifest, GOALS[:1]), out=tmp_path / "run", model=_model())
    failed = run.findings().query("status == 'failed'")
    assert set(failed["case_id"]) == ({"2.png"} if error else set())
    assert failed["error"].str.contains(error or "").all()
    assert write_report(run.path).exists()


def test_masks_in_colours_are_refused(tmp_path: Path) -> None:
    manifest = _write(tmp_path)
    colours = np.zeros((3, *SHAPE), np.uint8)
    colours[0, 2:5] = 200
    (tmp_path / "mask-1.png").write_bytes(PngCodec().encode(colours))
    findings = audit(_plan(manifest, GOALS[:1]), out=tmp_path / "r", model=_model()).findings()
    failed = findings[findings["status"] == "failed"]
    assert failed["error"].str.contains("3 channels that differ").all()
    report = check_cohort(manifest, columns={"label": "mask"}, truth="mask")
    assert [p.id for p in report.problems if p.severity == "error"] == ["image-unreadable"]


def test_a_mask_that_is_not_there_is_told_before_anything_is_done(tmp_path: Path) -> None:
    manifest = _write(tmp_path)
    (tmp_path / "mask-3.png").unlink()
    with pytest.raises(DataError, match=r"no file .*mask-3\.png"):
        audit(_plan(manifest, GOALS[:1]), out=tmp_path / "run", model=_model())


def test_goals_and_classes_that_do_not_go_with_the_model_are_refused(tmp_path: Path) -> None:
    manifest = _write(tmp_path)
    plan = _plan(manifest, [{"erase": "cup"}])
    with pytest.raises(PlanError, match="unknown class 'cup'"):
        audit(plan, out=tmp_path / "run", model=_model())
    plan = _plan(manifest, [])
    plan["probes"] = [{"attack": "pgd", "threat": {"norm": "linf", "radius": 1}}]
    with pytest.raises(PlanError, match="misclassify has no meaning for segmentation"):
        audit(plan, out=tmp_path / "run", model=_model())
    plan = _plan(manifest, GOALS[:1])
    plan["cohort"]["classes"] = ["cup"]
    with pytest.raises(DataError, match="number the classes cup, the model disc"):
        audit(plan, out=tmp_path / "run", model=_model())


def test_groups_are_split_whatever_their_masks(tmp_path: Path) -> None:
    cohort = load_cohort(_write(tmp_path, 24), columns={"label": "mask"}, truth="mask")
    divided = split_groups(cohort, {"train": 0.5, "test": 0.5}, seed=0)
    assert [sum(c.split == s for c in divided.cases) for s in ("train", "test")] == [12, 12]


def test_volumes_are_outlined_and_measured_in_millilitres(tmp_path: Path) -> None:
    lines = ["path,mask"]
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    for number in range(3):
        image, mask = _draw(number, (9, 8, 7))
        for name, array in ((f"{number}.nii.gz", image[0]), (f"mask-{number}.nii.gz", mask)):
            volume = nib.Nifti1Image(array, affine)  # type: ignore[no-untyped-call]
            nib.save(volume, tmp_path / name)
        lines.append(f"{number}.nii.gz,mask-{number}.nii.gz")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    plan = _plan(tmp_path / "manifest.csv", GOALS[:1])
    run = RunDirectory(audit(plan, out=tmp_path / "run", model=_model(3)).path)
    assert write_report(run.path).exists()
    summary = read_flat(run.path)
    clean = summary["clean"]
    pixels = [row[1] for row in run.findings().query("probe == 'clean'")["size_truth"]]
    assert clean["size_unit"] == "ml"
    assert clean["per_label"][0]["size_truth"]["value"] == pytest.approx(
        np.mean(pixels) * 24 / 1000
    )
    text = (run.path / "report.html").read_text(encoding="utf-8")
    assert 'class="outline"' in text
