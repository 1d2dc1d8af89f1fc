"""What stops an audit, that nothing is lost by it, and how one goes on."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Pillow
from tests.helpers import tiny
from tests.helpers.runs import CLASSES, Setup, audited, plexor, train_briefly
from torch import Tensor, nn

from plexor.audits import Progress, audit
from plexor.audits.executors.here import Here
from plexor.core.errors import ModelError, RunDirectoryError
from plexor.core.version import __version__
from plexor.findings import RunDirectory
from plexor.models import Multiclass, TorchModel, save_weights


def contents(run: Path) -> dict[Path, bytes]:
    files = (file for file in run.rglob("*") if file.is_file() and file.name != ".lock")
    return {file: file.read_bytes() for file in files}


def refusal(setup: Setup) -> str:
    """The sentence with which the command line refuses ``setup``; the run stays as it was."""
    before = contents(setup.out)
    sentence = plexor("audit", setup.plan, "--out", setup.out).sentence
    assert contents(setup.out) == before
    return sentence


def test_a_directory_of_another_plan(setup: Setup) -> None:
    audited(setup.plan, setup.out)
    setup.change_plan(seed=1)
    assert f"{setup.out} holds a run with another plan; choose another directory" in refusal(setup)


def test_a_directory_of_another_model(setup: Setup) -> None:
    audited(setup.plan, setup.out)
    model = train_briefly(setup.manifest, steps=2)
    save_weights(setup.weights, model.network, model.card)
    assert f"{setup.out} holds a run with another model; choose" in refusal(setup)


def test_a_directory_of_other_images(setup: Setup) -> None:
    audited(setup.plan, setup.out)
    Pillow.fromarray(np.zeros((32, 32, 3), np.uint8)).save(setup.images()[7])
    assert f"{setup.out} holds a run with other images; choose" in refusal(setup)


def test_a_directory_of_another_cohort(setup: Setup) -> None:
    audited(setup.plan, setup.out)
    setup.write_rows(setup.rows()[:-1])
    assert f"{setup.out} holds a run with another cohort and other images; choose" in refusal(setup)


def test_a_directory_of_other_everything(setup: Setup) -> None:
    audited(setup.plan, setup.out)
    setup.change_plan(seed=1)
    setup.write_rows(setup.rows()[:-1])
    assert "with another plan, another cohort and other images; choose another" in refusal(setup)


def test_a_directory_of_another_version(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of two versions would stand side by side; what is there can still be read."""
    audited(setup.plan, setup.out)
    next((setup.out / "units").iterdir()).unlink()
    began = f"Plexor {__version__} (this is 99.0) and torch {torch.__version__} (this is 9.9.9+cpu)"
    with monkeypatch.context() as patch:
        patch.setattr(import_module("plexor.audits.run"), "__version__", "99.0")
        patch.setattr(torch, "__version__", "9.9.9+cpu")
        assert refusal(setup) == (
            f"{setup.out} holds a run with {began}; findings of two versions are not mixed: use a "
            "new directory with --out, or continue with the versions that started this one; "
            "plexor report reads it with either"
        )
        assert plexor("report", setup.out).status == 0
    assert len(audited(setup.plan, setup.out)) == 3 * 48


def test_a_directory_that_does_not_say_its_version(setup: Setup) -> None:
    audited(setup.plan, setup.out)
    marker = setup.out / "fingerprint.json"
    fingerprint = json.loads(marker.read_text())
    del fingerprint["torch"]
    marker.write_text(json.dumps(fingerprint))
    assert f"a run with torch of an unknown version (this is {torch.__version__});" in refusal(
        setup
    )


def test_a_directory_of_something_else(setup: Setup) -> None:
    setup.out.mkdir()
    (setup.out / "thesis.tex").write_text("years of work")
    assert f"{setup.out} is not empty and is not a run directory" in refusal(setup)
    assert [file.name for file in setup.out.iterdir()] == ["thesis.tex"]


def test_a_directory_that_cannot_be_read(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    setup.out.mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    sentence = plexor("audit", setup.plan, "--out", setup.out).sentence
    assert sentence == f"cannot read {setup.out}: Permission denied"


def test_two_audits_at_once(setup: Setup) -> None:
    setup.out.mkdir()
    with (setup.out / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert f"{setup.out} is in use by another process; wait for it" in refusal(setup)
    assert len(audited(setup.plan, setup.out)) == 3 * 48


@pytest.mark.parametrize("where", ["a-file", "a-file/below", "/proc/plexor"])
def test_a_directory_that_cannot_be_made(setup: Setup, where: str) -> None:
    (setup.folder / "a-file").write_text("")
    out = setup.folder / where
    assert f"cannot write in {out}: " in plexor("audit", setup.plan, "--out", out).sentence


def test_a_read_only_directory(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the system's answer is put in its place."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    setup.out.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.mkstemp", refuse)
        sentence = refusal_when_writing(setup)
    assert "Read-only file system; nothing already written is lost" in sentence
    assert len(audited(setup.plan, setup.out)) == 3 * 48


def refusal_when_writing(setup: Setup) -> str:
    sentence = plexor("audit", setup.plan, "--out", setup.out).sentence
    assert f"cannot write {setup.out}/" in sentence
    return sentence


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 KiB, where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)]
    if subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_really_full(setup: Setup, small_disk: Path) -> None:
    expected = audited(setup.plan, setup.out)
    out, filler = small_disk / "run", small_disk / "filler"
    filler.write_bytes(bytes(48 * 1024))
    sentence = plexor("audit", setup.plan, "--out", out).sentence
    assert f"cannot write {out}/" in sentence
    assert "No space left on device; nothing already written is lost, free space" in sentence
    kept = len(list((out / "units").iterdir()))
    assert 0 < kept < 18
    assert not list(out.rglob(".*.parquet.*"))  # no half file takes up the room that is left
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    pd.testing.assert_frame_equal(audited(setup.plan, out), expected, check_exact=True)


@pytest.mark.parametrize("number", [1, 2, 3, 9])
def test_a_disk_that_fills_at_some_write(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fsync, left = os.fsync, number

    def filling(file: int) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(file)

    with monkeypatch.context() as patch:
        patch.setattr("plexor.core.files.os.fsync", filling)
        assert "No space left on device" in refusal_when_writing(setup)
    expected = audited(setup.plan, tmp_path / "whole")
    pd.testing.assert_frame_equal(audited(setup.plan, setup.out), expected, check_exact=True)


def test_a_damaged_unit_is_named_and_redone_once_it_is_deleted(setup: Setup) -> None:
    expected = audited(setup.plan, setup.out)
    unit = next((setup.out / "units").glob("clean-*.parquet"))
    unit.write_bytes(unit.read_bytes()[:100])
    for command in (("audit", setup.plan, "--out", setup.out), ("report", setup.out)):
        sentence = plexor(*command).sentence
        assert f"{unit} is damaged" in sentence
        assert "delete it and run the audit again" in sentence
    unit.unlink()
    pd.testing.assert_frame_equal(audited(setup.plan, setup.out), expected, check_exact=True)


def batch_sizes(run: Path) -> list[int]:
    """Those that findings were computed with, as the provenance has them."""
    computed = RunDirectory(run).provenance()["computed"]
    assert isinstance(computed, list)
    assert all(set(under) == {"device", "threads", "batch_size"} for under in computed)
    return [under["batch_size"] for under in computed]


def test_every_batch_size_is_written_down(setup: Setup) -> None:
    """Another batch size is no reason to refuse; but whoever asks is told."""
    audited(setup.plan, setup.out, batch_size=8)
    assert batch_sizes(setup.out) == [8]
    audited(setup.plan, setup.out, batch_size=3)  # nothing is computed
    assert batch_sizes(setup.out) == [8]
    next((setup.out / "units").iterdir()).unlink()
    audited(setup.plan, setup.out, batch_size=5)
    assert batch_sizes(setup.out) == [8, 5]


class Greedy(nn.Module):
    """Runs out of memory with more than ``most`` images at a time."""

    def __init__(self, network: nn.Module, most: int) -> None:
        super().__init__()
        self.network = network
        self.most = most

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        outputs: Tensor = self.network(images)
        return outputs


def greedy(most: int, kind: type[Greedy] = Greedy) -> TorchModel:
    weight = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) / 1000
    network = kind(tiny.Linear(weight), most).eval()
    return tiny.model_of(network, Multiclass(classes=CLASSES))


def test_out_of_memory_halves_the_batch_and_says_so(
    lesions: Setup, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = lesions.plan_with(unit_size=20)
    expected = audited(plan, tmp_path / "ample", model=greedy(most=64))
    assert caplog.messages == []
    found = audited(plan, tmp_path / "scarce", model=greedy(most=3))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert batch_sizes(tmp_path / "ample") == [64]
    assert batch_sizes(tmp_path / "scarce") == [64, 2]
    halved = [f"out of memory; continuing with batches of {size}" for size in (8, 4, 2, 10, 5, 2)]
    assert caplog.messages == halved  # once while the model is checked, once for the whole audit
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_out_of_memory_with_one_case(lesions: Setup, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="out of memory with a single case; use a smaller model"):
        audited(lesions.plan, tmp_path, model=greedy(most=0))


class GreedyForGradients(Greedy):
    """Outputs alone are cheap."""

    def forward(self, images: Tensor) -> Tensor:
        if not images.requires_grad:
            outputs: Tensor = self.network(images)
            return outputs
        return super().forward(images)


def test_memory_for_gradients_is_no_missing_gradient(lesions: Setup, tmp_path: Path) -> None:
    plan = lesions.plan_with(unit_size=20)
    expected = audited(plan, tmp_path / "ample", model=greedy(most=64))
    found = audited(plan, tmp_path / "scarce", model=greedy(2, GreedyForGradients))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    checks = RunDirectory(tmp_path / "scarce").provenance()["checks"]
    assert isinstance(checks, list)
    assert not [check["id"] for check in checks if check["raised"]]


def test_a_report_of_what_is_no_run(tmp_path: Path) -> None:
    assert f"{tmp_path} holds no findings; run: plexor audit" in plexor("report", tmp_path).sentence
    absent = tmp_path / "absent"
    assert f"there is no folder {absent}" in plexor("report", absent).sentence
    with pytest.raises(RunDirectoryError, match=r"is not a run directory: it has no plan\.yaml"):
        RunDirectory(tmp_path).plan()


def test_provenance_comes_before_the_first_unit_and_progress_with_each(
    few: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    with monkeypatch.context() as patch:
        patch.setattr(Here, "run", Mock(side_effect=RuntimeError("no worker")))
        with pytest.raises(RuntimeError, match="no worker"):
            audit(few.plan, out=few.out, on_progress=told.append)
    assert RunDirectory(few.out).provenance()["finished"] is False
    assert told == []
    audit(few.plan, out=few.out, on_progress=told.append)
    n_cases = told[0].total // 3  # untouched, attacked and changed by noise
    assert [one.done for one in told] == [n_cases, 2 * n_cases, 3 * n_cases]
    assert RunDirectory(few.out).provenance()["finished"] is True
    audit(few.plan, out=few.out, on_progress=told.append)
    assert (told[-1].done, told[-1].resumed) == (3 * n_cases, 3 * n_cases)
