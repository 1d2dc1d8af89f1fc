"""``plexor init`` writes a plan that ``plexor plan`` accepts; ``plan check`` tells all at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from tests.helpers.runs import plexor, set_up

from plexor.plans import load_plan


def folder(at: Path, labels: list[str], *, kind: str = "L", label: str = "label") -> Path:
    """Thirty images with a table beside them."""
    rows = [f"file,{label},patient"]
    for n in range(30):
        draw = np.random.default_rng(n)
        shape = (40, 48, 3) if kind == "RGB" else (40, 48)
        high, dtype = (4096, np.uint16) if kind == "I;16" else (256, np.uint8)
        at.mkdir(exist_ok=True)
        pixels = draw.integers(0, high, shape).astype(dtype)
        if kind == "grey as colour":
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        Image.fromarray(pixels).save(at / f"{n}.png")
        rows.append(f"{n}.png,{labels[n % len(labels)]},p{n}")
    (at / "index.csv").write_text("\n".join(rows) + "\n")
    return at


@pytest.mark.parametrize(
    ("labels", "kind", "task"),
    [
        (["a", "b"], "RGB", "binary"),
        (["a", "b", "c"], "grey as colour", "multiclass"),
        (["effusion|nodule", "nodule"], "L", "multilabel"),
        (["41.5", "60.25", "33.1"], "I;16", "regression"),
    ],
)
def test_the_plan_written_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: list[str], kind: str, task: str
) -> None:
    monkeypatch.chdir(tmp_path)
    named = "age" if task == "regression" else "label"
    done = plexor("init", folder(tmp_path / "films", labels, kind=kind, label=named))
    assert (done.status, done.err) == (0, "")
    assert "Next:\n  plexor plan check films-audit/plan.yaml" in done.out
    plan = load_plan("films-audit/plan.yaml")
    assert plan.training().task == task
    assert plan.all_probes()[1].id.endswith("-tied") == (kind == "grey as colour")
    checked = plexor("plan", "check", "films-audit/plan.yaml")
    assert checked.status == 0, checked.out
    assert "no problems found" in checked.out
    again = plexor("init", tmp_path / "films")
    assert again.status == 2
    assert "is there already" in again.err


def test_with_weights_the_split_is_audited_and_the_time_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = set_up(tmp_path / "set-up", n_cases=12)
    monkeypatch.chdir(tmp_path)
    done = plexor("init", setup.manifest, "--model", setup.weights, "--out", "mine")
    assert (done.status, done.err) == (0, "")
    plan = load_plan("mine/plan.yaml")
    assert plan.train is None
    assert plan.path(plan.model.weights or Path()).exists()
    found = json.loads(plexor("plan", "check", "mine/plan.yaml", "--json").out)
    assert found["problems"] == []
    assert found["seconds"] > 0
    assert (found["n_cases"], len(found["probes"])) == (6, 7)
    assert found["passes"] == 6 * (1 + 3 * 20 + 3)


def test_images_without_labels_are_listed_and_the_gap_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = folder(tmp_path / "films", ["a"])
    (films / "index.csv").unlink()
    monkeypatch.chdir(tmp_path)
    done = plexor("init", films)
    assert done.status == 0
    assert "edit films-audit/manifest.csv" in done.out
    assert plexor("plan", "check", "films-audit/plan.yaml").status == 1


def test_plan_check_tells_everything_with_its_line(tmp_path: Path) -> None:
    films = folder(tmp_path / "films", ["a", "b"])
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"cohort:\n  manifest: {films / 'index.csv'}\n"
        "  columns: {path: file, group: patient}\n"
        "  split: {train: 0.5, validation: 0.2, tests: 0.3}\n  audit: test\n"
        "model:\n  weights: w.safetensors\n"
        "train:\n  architecture: small-cnn\n  start: none.safetensors\n"
        "  preprocess: {size: [16, 16]}\n"
        "probes:\n  - attack: universal-sgd\n    fit: trein\n"
        "    threat: {norm: linf, radius: 2}\n"
    )
    done = plexor("plan", "check", plan)
    assert done.status == 1
    for line in ("line 5, column 3: index: unknown split 'test'", "line 10, column 3", "line 13"):
        assert line in done.out
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("cohort: {manifst: m.csv}\nprobes:\n  - attack: pgdd\n")
    refused = plexor("plan", "check", wrong)
    assert refused.status == 2
    assert "line 1" in refused.err
    assert "line 3" in refused.err


def test_plan_check_names_what_a_server_can_be_asked(tmp_path: Path) -> None:
    """The server is not there, and is not asked."""
    films = folder(tmp_path / "films", ["a", "b"])
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"cohort:\n  manifest: {films / 'index.csv'}\n"
        "  columns: {path: file, group: patient}\n  audit: null\n"
        "model: {url: 'http://127.0.0.1:9/', response: {path: p}, classes: [a, b], channels: 1}\n"
        "probes:\n  - attack: pgd\n    threat: {norm: linf, radius: 2}\n"
    )
    done = plexor("plan", "check", plan)
    assert done.status == 1
    assert "pgd needs access to the model's gradients" in done.out
    assert "take square, the strongest attack that fits" in done.out


def test_plan_show_and_schema(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("cohort: {manifest: m.csv}\n")
    shown = yaml.safe_load(plexor("plan", "show", plan, "--set", "seed=7").out)
    assert shown["seed"] == 7
    assert shown["unit_size"] == 64
    assert load_plan(shown).resolved() == shown
    schema = json.loads(plexor("plan", "schema").out)
    assert {"cohort", "model", "probes"} <= schema["properties"].keys()


def test_volumes_with_a_file_of_a_model_get_a_plan_that_says_so(tmp_path: Path) -> None:
    """Two kinds of voxels, scaled; a torch file of weights and columns of numbers."""
    import nibabel as nib
    import torch

    (scans := tmp_path / "scans").mkdir()
    generator = np.random.default_rng(0)
    lines = ["scan;subject;Age;icv_ml;site"]
    for n, dtype in enumerate((np.int16, np.float32, np.uint8)):
        voxels = generator.integers(0, 200, (8, 9, 7)).astype(dtype)
        volume = nib.Nifti1Image(voxels, np.eye(4))  # type: ignore[no-untyped-call]
        nib.save(volume, scans / f"{n}.nii.gz")
        lines.append(f"{n}.nii.gz;s{n};{40 + n},5;{1500 + n},25;HH")
    (scans / "table.csv").write_text("\r\n".join(lines) + "\r\n")
    torch.save({"layer.weight": torch.zeros(2)}, tmp_path / "net.pt")
    plexor("init", scans, "--model", tmp_path / "net.pt", "--out", tmp_path / "audit")
    text = (tmp_path / "audit" / "plan.yaml").read_text()
    assert "# features: [icv_ml]" in text
    plan = load_plan(tmp_path / "audit" / "plan.yaml")
    assert (plan.model.task, plan.model.unit) == ("regression", "years")
    assert (plan.model.channels, plan.model.spatial_dims) == (1, 3)
    assert plan.model.preprocess.window is None
    (probe,) = plan.probes
    units = {one.threat.unit for one in probe.probes() if one.threat}
    assert units == {"value"}
