"""A folder with one sub-folder a class is a manifest too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plexor.cases import load_cohort
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import DataError


def write_image(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PngCodec().encode(np.full((1, 4, 4), level, dtype=np.uint8)))


def test_sub_folders_are_labels(tmp_path: Path) -> None:
    write_image(tmp_path / "naevus" / "1.png", 1)
    write_image(tmp_path / "melanoma" / "site-a" / "2.png", 2)
    write_image(tmp_path / "beside.png", 3)
    write_image(tmp_path / "naevus" / ".hidden.png", 4)
    cohort = load_cohort(tmp_path)
    assert cohort.classes == ("melanoma", "naevus")
    assert [(case.id, case.truth) for case in cohort.cases] == [
        ("melanoma/site-a/2.png", "melanoma"),
        ("naevus/1.png", "naevus"),
    ]
    assert all(case.path.is_file() for case in cohort.cases)


def test_a_folder_without_sub_folders_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png", 1)
    with pytest.raises(DataError, match="one sub-folder of images for each class"):
        load_cohort(tmp_path)
