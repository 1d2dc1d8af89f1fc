"""Checkpoints on a full disk, and damaged ones: what was whole stays, and is taken."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from plexor.core.errors import RunDirectoryError
from plexor.models.training.checkpoints import (
    Checkpoints,
    before,
    read_checkpoint,
    sound_checkpoint,
)


def saved(path: Path, *epochs: int) -> Path:
    for epoch in epochs:
        Checkpoints().save_checkpoint({"epoch": epoch, "state": torch.arange(9.0)}, path)
    return path


def test_the_newest_is_read_and_the_one_before_is_kept(tmp_path: Path) -> None:
    path = saved(tmp_path / "last.ckpt", 0, 1, 2)
    assert read_checkpoint(path)["epoch"] == 2
    assert read_checkpoint(before(path))["epoch"] == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last-before.ckpt", "last.ckpt"]


def test_a_full_disk_leaves_the_last_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "last.ckpt", 0, 1)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RunDirectoryError, match="No space left on device; nothing already"):
            saved(path, 2)
    assert read_checkpoint(path)["epoch"] == 1
    assert saved(path, 2)
    assert read_checkpoint(path)["epoch"] == 2


@pytest.mark.parametrize("cut", [0, 10, 400])
def test_a_damaged_one_is_told_and_the_one_before_is_taken(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(tmp_path / "last.ckpt", 0, 1)
    path.write_bytes(path.read_bytes()[:cut])
    assert read_checkpoint(path)["epoch"] == 0
    assert sound_checkpoint(path) == before(path)
    assert "last.ckpt is damaged; last-before.ckpt is taken instead" in caplog.text


def test_without_a_sound_one_training_begins_anew(tmp_path: Path) -> None:
    path = saved(tmp_path / "last.ckpt", 0)
    path.write_bytes(b"")
    with pytest.raises(RunDirectoryError, match="remove the folder to train from the start") as e:
        read_checkpoint(path)
    assert "\n" not in str(e.value)
