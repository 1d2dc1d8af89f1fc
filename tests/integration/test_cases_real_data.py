"""The data sets Plexor is built for, read from their own files as they stand."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from plexor.cases import LOSSLESS, load_cohort, read_image, split_groups
from plexor.cases.check import check_cohort

DATA = Path(os.environ.get("PLEXOR_DATA") or Path(__file__).parents[3] / "shared" / "data")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the real images are not at {DATA}"),
]
FRACTIONS = {"train": 0.75, "validation": 0.10, "test": 0.15}


def test_ham10000_from_its_original_metadata() -> None:
    cohort = load_cohort(
        DATA / "ham10000" / "HAM10000_metadata.csv",
        columns={"label": "dx", "group": "lesion_id"},
        path_template="images/{image_id}.jpg",
    )
    assert len(cohort) == 8034
    assert len({case.group for case in cohort.cases}) == 6000
    assert cohort.classes == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")

    split = split_groups(cohort, FRACTIONS, seed=0)
    for name, share in FRACTIONS.items():
        part = split.with_split(name)
        for truth in cohort.classes:
            n = sum(case.truth == truth for case in cohort.cases)
            found = sum(case.truth == truth for case in part.cases)
            assert abs(found - share * n) <= 6  # the largest lesion has six images

    for case in cohort.cases[:50]:
        image = read_image(case.path)
        assert image.pixels.shape == (3, 150, 200)
        assert list(image.containers) == [
            "lossless",
            "recompressed-own",
            "recompressed-q90",
            "recompressed-q75",
        ]
        own = image.containers["recompressed-own"]
        change = np.abs(own.decode(own.encode(image.pixels)).astype(int) - image.pixels)
        assert change.mean() < 0.2  # its own tables undo next to nothing


def test_masks_are_no_images_to_classify() -> None:
    from plexor.core.errors import DataError

    with pytest.raises(DataError, match="found 1-bit grey"):
        read_image(next((DATA / "ham10000" / "masks").glob("*.png")))


def test_chest_films_check_clean() -> None:
    report = check_cohort(
        DATA / "chest_xray_fullsize" / "index.csv", columns={"path": "file", "group": "patient"}
    )
    assert report.usable
    assert [problem.id for problem in report.problems] == ["sizes-mixed"]


def test_brain_volumes_come_back_byte_for_byte() -> None:
    for path in sorted((DATA / "brain_ixi" / "nifti").glob("*.nii.gz"))[:3]:
        image = read_image(path)
        assert image.spacing_mm == (2.0, 2.0, 2.0)
        written = image.containers[LOSSLESS].encode(image.pixels)
        assert gzip.decompress(written) == gzip.decompress(path.read_bytes())
