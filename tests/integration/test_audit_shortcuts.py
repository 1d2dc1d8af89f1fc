"""Shortcuts from a plan to findings and summary."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Pillow
from tests.helpers import tiny
from tests.helpers.page import Page
from tests.helpers.runs import Setup, audited, plexor
from tests.helpers.summary_json import flat

from plexor.audits import audit
from plexor.cases import read_image
from plexor.core.errors import DataError, PlanError, RunDirectoryError
from plexor.findings import CLEAN, RunDirectory
from plexor.findings.summary import summarise
from plexor.models import Multiclass, Regression, TorchModel
from plexor.report import write_report
from plexor.shortcuts import Ink, Template, Transplant, rng_for, shuffled

ROOT = Path(__file__).parents[2]
PROBES = [{"shortcut": "ruler"}, {"shortcut": "ink", "id": "pen", "width": 0.1}]
IDS = ["pen", "pen-shuffled", "ruler", "ruler-shuffled"]


def summary_of(run: RunDirectory) -> dict[str, Any]:
    return flat(summarise(run.plan(), run.provenance(), run.findings()))


@pytest.fixture(scope="module")
def run(lesions: Setup, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Both shortcuts on 48 lesions."""
    out = tmp_path_factory.mktemp("shortcuts") / "run"
    audited(lesions.plan_with(probes=PROBES), out)
    return RunDirectory(out)


def test_what_is_stored_is_the_image_with_the_shortcut_and_with_its_tiles(
    run: RunDirectory,
) -> None:
    kept = {(entry.case_id, entry.probe): entry for entry in run.examples()}
    assert sorted({probe for _, probe in kept}) == IDS
    for case_id in sorted({case_id for case_id, _ in kept}):
        image = read_image(kept[case_id, "pen"].original)
        rng = rng_for(0, "ink", case_id)
        drawn = Ink(width=0.1)(image, rng=rng)
        for probe, change in (("pen", drawn), ("pen-shuffled", shuffled(drawn, rng=rng))):
            found = read_image(kept[case_id, probe].perturbed).pixels
            np.testing.assert_array_equal(found, image.storable(image.pixels + change))


def test_a_row_tells_what_it_did_and_asks_for_no_goal(run: RunDirectory, lesions: Setup) -> None:
    findings = run.findings()
    rows = findings[findings["probe"] == "ruler"].set_index("case_id")
    clean = findings[findings["probe"] == CLEAN].set_index("case_id")
    assert (rows["status"] == "ok").all()
    assert (rows["decision_before"] == clean["decision_after"].reindex(rows.index)).all()
    assert rows["attempted"].all()
    assert not rows["reached"].any()
    assert (rows["n_forwards"] + rows["n_gradients"] == 0).all()
    example = next(entry for entry in run.examples() if entry.probe == "ruler")
    before, after = (read_image(p).pixels for p in (example.original, example.perturbed))
    assert rows.loc[example.case_id, "l0"] == (before != after).any(axis=0).sum()


def test_the_summary_counts_shortcuts_beside_their_tiles(run: RunDirectory) -> None:
    summary = summary_of(run)
    found = {entry["id"]: entry for entry in summary["probes"]}
    assert [*found] == ["ruler", "pen", "ruler-shuffled", "pen-shuffled"]
    rows = run.findings()
    wide = rows[rows["stored"] == "lossless"].pivot_table(
        index="case_id", columns="probe", values="decision_after", aggfunc="first"
    )
    for name in ("ruler", "pen"):
        entry, changed = found[name], wide[name] != wide[CLEAN]
        by_tiles = wide[f"{name}-shuffled"] != wide[CLEAN]
        assert entry["fooling_ratio"]["value"] == changed.mean()
        assert entry["control_fooling_ratio"]["value"] == by_tiles.mean()
        assert entry["fooling_excess"]["value"] == pytest.approx(changed.mean() - by_tiles.mean())
        assert entry["fooling_excess"]["n_groups"] == 24
        assert entry["fooling_test"]["n_gained"] == (changed & ~by_tiles).sum()
        assert entry["fooling_test"]["n_lost"] == (by_tiles & ~changed).sum()
        assert entry["fooling_test"]["used"] == "clustered"
    assert wide["pen"].ne(wide[CLEAN]).any()
    p = sorted(found[name]["fooling_test"]["p_value"] for name in ("ruler", "pen"))
    corrected = sorted(found[name]["fooling_test"]["p_holm"] for name in ("ruler", "pen"))
    assert corrected == pytest.approx([min(1, 2 * p[0]), max(min(1, 2 * p[0]), p[1])])


def test_what_was_done_is_not_done_again_and_ends_the_same(
    run: RunDirectory, lesions: Setup, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.path, out)
    for unit in sorted((out / "units").glob("ruler-*.parquet"))[::2]:
        unit.unlink()
    kept = {file: file.stat().st_mtime_ns for file in (out / "units").iterdir()}
    again = audited(lesions.plan_with(probes=PROBES), out, batch_size=5)
    same = [name for name in again.columns if name != "outputs_after"]  # a convolution's last bits
    pd.testing.assert_frame_equal(again[same], run.findings()[same])
    assert all(file.stat().st_mtime_ns == when for file, when in kept.items())


def test_the_draws_do_not_hang_on_an_id(lesions: Setup, run: RunDirectory, tmp_path: Path) -> None:
    two = audited(lesions.plan_with(probes=[{"shortcut": "ruler", "id": "other"}]), tmp_path / "o")
    one = run.findings()
    for ours, theirs in (("ruler", "other"), ("ruler-shuffled", "other-shuffled")):
        lengths = [f[f["probe"] == name]["l2"].tolist() for f, name in ((one, ours), (two, theirs))]
        assert lengths[0] == lengths[1]


def test_conditions_and_the_terminal_know_shortcuts(setup: Setup) -> None:
    setup.change_plan(probes=[{"shortcut": "ruler"}])
    condition = 'shortcuts["ruler"].fooling_ratio.value <= 1'
    done = plexor("audit", setup.plan, "--out", setup.out, "--require", condition)
    assert done.status == 0, done.err
    assert f"met: {condition}" in " ".join(done.out.split())
    assert "ruler-shuffled" in done.out


def test_a_model_that_reads_the_lower_edge_gives_way_to_a_ruler_there_and_to_nothing_else(
    tmp_path: Path,
) -> None:
    weight = torch.zeros(2, 3, 40, 60)
    weight[0, :, -6:] = 1 / (3 * 6 * 60)  # how bright it is along the lower edge
    weight[1, :, 10:30] = 0.85 / (3 * 20 * 60)  # beside how bright it is in the middle
    model = TorchModel(
        tiny.Linear(weight), task=Multiclass(classes=("plain", "ruled")), preprocess=tiny.AS_STORED
    )
    generator = np.random.default_rng(0)
    lines = ["path,label"]
    for name in (f"{number}.png" for number in range(12)):
        grey = generator.integers(170, 190, (40, 60, 3), dtype=np.uint8)
        Pillow.fromarray(grey).save(tmp_path / name)
        lines.append(f"{name},plain")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    plan = {
        "cohort": {
            "manifest": str(tmp_path / "manifest.csv"),
            "audit": None,
            "classes": ["plain", "ruled"],
        },
        "probes": [{"shortcut": "ruler"}, {"shortcut": "ruler", "id": "above", "side": "top"}],
    }
    below, above, *_ = summary_of(audit(plan, out=tmp_path / "run", model=model))["probes"]
    assert (below["fooling_ratio"]["value"], below["control_fooling_ratio"]["value"]) == (1, 0)
    assert below["transitions"] == [[0, 12], [0, 0]]
    assert below["fooling_excess"]["low"] > 0.5
    assert below["fooling_test"]["p_holm"] == pytest.approx(2 * 2 / 2**12)
    assert (above["fooling_ratio"]["value"], above["control_fooling_ratio"]["value"]) == (0, 0)


def test_a_piece_of_a_photograph_is_laid_over_every_image(lesions: Setup, tmp_path: Path) -> None:
    plan, stamp = _with_stamp(lesions, tmp_path)
    run = audit(plan, out=tmp_path / "run")
    laid = Transplant(template=Template.of_stamp(stamp), source_width=32)
    kept = [entry for entry in run.examples() if entry.probe == "scale"]
    assert len(kept) == 2
    for entry in kept:
        image = read_image(entry.original)
        change = laid(image, rng=rng_for(0, "transplant", entry.case_id))
        assert (change != 0).any(axis=0).sum() == 3 * 8
        found = read_image(entry.perturbed).pixels
        np.testing.assert_array_equal(found, image.storable(image.pixels + change))
    (entry, control) = summary_of(run)["probes"]
    assert (entry["id"], entry["about"]["title"]) == ("scale", "Transplant")
    assert entry["settings"] == {"pair": None, "stamp": str(stamp), "source_width": 32}
    assert entry["distance"]["l0"] == control["distance"]["l0"]
    assert "stamp stamp.png, source width 32" in Page(write_report(run.path).read_text()).text

    Pillow.new("RGB", (8, 3), (9, 9, 9)).save(stamp)
    with pytest.raises(RunDirectoryError, match="another file, that probes are made from"):
        audit(plan, out=tmp_path / "run")


def test_a_piece_that_does_not_fit_fails_every_case_and_one_that_is_not_there_the_audit(
    lesions: Setup, tmp_path: Path
) -> None:
    plan, stamp = _with_stamp(lesions, tmp_path, source_width=4)
    findings = audit(plan, out=tmp_path / "run").findings()
    rows = findings[findings["probe"] == "scale"]
    assert (rows["status"] == "failed").all()
    assert rows["error"].str.contains("takes 64×24 pixels, and the image has 32×32").all()
    stamp.unlink()
    with pytest.raises(DataError, match=r"stamp\.png"):
        audit(plan, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def _with_stamp(
    lesions: Setup, folder: Path, *, source_width: int = 32
) -> tuple[dict[str, Any], Path]:
    stamp = folder / "stamp.png"
    Pillow.new("RGB", (8, 3), (20, 20, 20)).save(stamp)
    entry = {"shortcut": "transplant", "stamp": str(stamp), "source_width": source_width}
    return lesions.plan_with(probes=[entry | {"id": "scale"}]), stamp


def test_a_number_has_no_decision_that_a_shortcut_could_change(tmp_path: Path) -> None:
    model = tiny.model_of(tiny.Linear(torch.ones(1, 3, 32, 32)), Regression(unit="years"))
    plan = {"cohort": {"manifest": str(_manifest(tmp_path, "4.5")), "audit": None}}
    with pytest.raises(PlanError, match=r"ruler: .* for multiclass, binary, multilabel, not for"):
        audit(plan | {"probes": PROBES}, out=tmp_path / "run", model=model)


def test_a_volume_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    model = tiny.model_of(tiny.Curved((1, 6, 6, 6), 2), Multiclass(classes=("a", "b")))
    plan = {"cohort": {"manifest": str(_manifest(tmp_path, "a")), "audit": None}}
    with pytest.raises(DataError, match=r"drawn on 2D images, grey or RGB; got .*\(1, 6, 6, 6\)"):
        audit(plan | {"probes": PROBES}, out=tmp_path / "run", model=model)


def _manifest(folder: Path, label: str) -> Path:
    volume = np.random.default_rng(0).integers(0, 200, (6, 6, 6), dtype=np.uint8)
    nib.save(nib.Nifti1Image(volume, np.eye(4)), folder / "a.nii.gz")  # type: ignore[no-untyped-call]
    manifest = folder / "manifest.csv"
    manifest.write_text(f"path,label,group\na.nii.gz,{label},1\n")
    return manifest
