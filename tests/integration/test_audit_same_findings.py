"""The same plan gives the same findings, however the work was cut and wherever it is read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.helpers import tiny
from tests.helpers.runs import CLASSES, LINF_2, Setup, audited

from plexor.audits import Progress
from plexor.audits.ahead import Images, read_images
from plexor.audits.execute import UnitResult, execute
from plexor.audits.unit import Unit
from plexor.cases import Case, read_image
from plexor.findings import RunDirectory
from plexor.models import ModelSource, Multiclass, load_model
from plexor.report import write_report

PROBES = [
    LINF_2 | {"steps": 5, "restarts": 2},
    {"attack": "fgsm", "threat": {"norm": "l2", "radius": 50}},
]
FORBIDS_TORCH = """
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "monai", "lightning"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Forbidden())
from plexor.cli.app import main
main()
"""


@pytest.mark.parametrize("batch_size", [1, 7])
def test_batch_size_changes_no_bit_where_arithmetic_is_exact(
    lesions: Setup, tmp_path: Path, batch_size: int
) -> None:
    # In float64 and case by case, so that any difference would be Plexor's own doing.
    network = tiny.Curved((3, 32, 32), 3)
    model = tiny.model_of(network, Multiclass(classes=CLASSES))
    plan = lesions.plan_with(probes=PROBES, unit_size=20)
    expected = audited(plan, tmp_path / "64", model=model, batch_size=64)
    assert expected["reached"].any()
    found = audited(plan, tmp_path / "some", model=model, batch_size=batch_size)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("batch_size", [1, 7])
def test_batch_size_moves_a_convolution_by_its_rounding_only(
    lesions: Setup, tmp_path: Path, batch_size: int
) -> None:
    # A library may sum in another order for another batch: then outputs differ in the last bits,
    # and a gradient near zero may change its sign, which an attack follows.
    plan = lesions.plan_with(probes=PROBES, unit_size=20)
    expected = audited(plan, tmp_path / "64", batch_size=64)
    found = audited(plan, tmp_path / "some", batch_size=batch_size)
    same = ["case_id", "probe", "stored", "status", "attempted", "n_gradients", "decision_before"]
    pd.testing.assert_frame_equal(found[same], expected[same])
    assert_close(found, expected, "outputs_before", 1e-5)
    unsearched = found["probe"].str.contains("clean|noise")
    assert_close(found[unsearched], expected[unsearched], "outputs_after", 1e-5)
    assert_close(found, expected, "outputs_after", 0.05)
    decided = expected["outputs_after"].map(lambda o: np.diff(np.sort(o))[-1]) > 0.1
    assert decided.mean() > 0.8
    kept = ["decision_after", "reached"]
    pd.testing.assert_frame_equal(found.loc[decided, kept], expected.loc[decided, kept])


def assert_close(found: pd.DataFrame, expected: pd.DataFrame, column: str, margin: float) -> None:
    change = np.stack(list(found[column])) - np.stack(list(expected[column]))
    assert np.abs(change).max() < margin


def test_the_order_of_rows_changes_nothing(setup: Setup, tmp_path: Path) -> None:
    expected = audited(setup.plan, setup.out)
    files = {file.name: file.read_bytes() for file in (setup.out / "units").iterdir()}
    rows = setup.rows()
    shuffled = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    assert shuffled != rows
    setup.write_rows(shuffled)

    again = audited(setup.plan, tmp_path / "shuffled")
    pd.testing.assert_frame_equal(again, expected, check_exact=True)
    made = (tmp_path / "shuffled" / "units").iterdir()
    assert {file.name: file.read_bytes() for file in made} == files

    # and in the old directory nothing is done again, and no case is counted twice
    pd.testing.assert_frame_equal(audited(setup.plan, setup.out), expected, check_exact=True)
    assert {file.name for file in (setup.out / "units").iterdir()} == files.keys()


def test_the_size_of_units_changes_nothing_but_the_files(setup: Setup, tmp_path: Path) -> None:
    network = tiny.Curved((3, 32, 32), 3)
    model = tiny.model_of(network, Multiclass(classes=CLASSES))
    small = audited(setup.plan_with(unit_size=5), tmp_path / "5", model=model)
    large = audited(setup.plan_with(unit_size=48), tmp_path / "48", model=model)
    pd.testing.assert_frame_equal(small, large, check_exact=True)
    assert len(list((tmp_path / "5" / "units").iterdir())) == 3 * 10
    assert len(list((tmp_path / "48" / "units").iterdir())) == 3


def test_the_next_units_images_are_read_meanwhile(
    lesions: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a unit is worked on, those of the next other cases come in, and none after them yet."""
    expected = audited(lesions.plan, tmp_path / "expected")
    ids = sorted({str(case_id) for case_id in expected["case_id"]})
    parts = [ids[i : i + 8] for i in range(0, 48, 8)]
    # Of each part the clean unit and those of two probes, which are read once for all three.
    order = [part for part in parts for _ in range(3)]
    place = [n for n in range(len(parts)) for _ in range(3)]
    read: list[str] = []
    came = threading.Condition()
    turn = 0

    def reading(cases: Sequence[Case]) -> Images:
        found = read_images(cases)
        if threading.current_thread() is not threading.main_thread():
            with came:
                read.extend(found)
                came.notify()
        return found

    def working(unit: Unit, *arguments: Any, **options: Any) -> UnitResult:
        nonlocal turn
        turn += 1
        assert [case.id for case in unit.cases] == order[turn - 1]
        expected_by_now = [*chain.from_iterable(parts[: place[turn - 1] + 2])]
        with came:
            assert came.wait_for(lambda: len(read) == len(expected_by_now), timeout=60)
        result = execute(unit, *arguments, **options)
        assert read == expected_by_now
        return result

    monkeypatch.setattr("plexor.audits.executors.here.read_images", reading)
    monkeypatch.setattr("plexor.audits.executors.executor.execute", working)
    found = audited(lesions.plan, tmp_path / "found")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert turn == 18


def test_a_finished_run_is_not_done_again(setup: Setup) -> None:
    audited(setup.plan, setup.out)
    before = {file: file.stat().st_mtime_ns for file in (setup.out / "units").iterdir()}
    news: list[Progress] = []
    audited(setup.plan, setup.out, on_progress=news.append)
    assert {file: file.stat().st_mtime_ns for file in (setup.out / "units").iterdir()} == before
    assert news[-1].resumed == news[-1].done == news[-1].total == 3 * 48


def test_a_moved_run_is_reported_without_torch(lesions: Setup, tmp_path: Path) -> None:
    audited(lesions.plan, tmp_path / "here")
    write_report(tmp_path / "here")
    names = ("report.html", "summary.json")
    expected = {name: (tmp_path / "here" / name).read_bytes() for name in names}
    moved = tmp_path / "elsewhere" / "a run, moved"
    shutil.move(tmp_path / "here", moved)
    for name in names:
        (moved / name).unlink()
    done = subprocess.run(
        [sys.executable, "-c", FORBIDS_TORCH, "report", moved],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"report: {moved / 'report.html'}" in done.stdout
    assert {name: (moved / name).read_bytes() for name in names} == expected


def test_findings_agree_with_the_model_itself(lesions: Setup, tmp_path: Path) -> None:
    """What the kept files give when the network is called by hand is what the findings say."""
    findings = audited(lesions.plan_with(n_examples=48), tmp_path)
    model = load_model(ModelSource(weights=lesions.weights))
    examples = RunDirectory(tmp_path).examples()
    assert len(examples) == 2 * 48
    for example in examples:
        row = findings.query("probe == @example.probe and case_id == @example.case_id").iloc[0]
        pixels = [read_image(path).pixels for path in (example.original, example.perturbed)]
        assert np.abs(np.diff(np.stack(pixels).astype(int), axis=0)).max() == row["linf"]
        images = torch.from_numpy(np.stack(pixels).astype(np.float32))
        with torch.inference_mode():
            outputs = model.outputs(images)
        np.testing.assert_allclose(outputs[0], row["outputs_before"], atol=1e-5)
        np.testing.assert_allclose(outputs[1], row["outputs_after"], atol=1e-5)
        before, after = (CLASSES[label] for label in outputs.argmax(dim=1).tolist())
        assert (before, after) == (row["decision_before"], row["decision_after"])
        if example.probe.startswith("pgd"):
            assert row["attempted"] == (before == row["truth"])
            assert row["reached"] == (after != row["truth"])
