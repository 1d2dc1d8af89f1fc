"""Each kind of trouble a cohort can have is found, and named once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plexor.cases.check import CohortReport, check_cohort


def _image(path: Path, seed: int, *, size: tuple[int, int] = (8, 9), mode: str = "L") -> None:
    shape = size if mode == "L" else (*size, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def _check(folder: Path, text: str, **options: object) -> CohortReport:
    (folder / "m.csv").write_text(text, encoding="utf-8")
    return check_cohort(folder / "m.csv", **options)  # type: ignore[arg-type]


def _kinds(report: CohortReport) -> list[tuple[str, str]]:
    return [(problem.id, problem.where) for problem in report.problems]


def test_a_sound_cohort_has_no_problems(tmp_path: Path) -> None:
    for i in range(4):
        _image(tmp_path / f"{i}.png", i)
    seen: list[tuple[int, int]] = []
    report = _check(
        tmp_path,
        "path,label,group,split\n0.png,a,P0,train\n1.png,b,P0,train\n2.png,a,P2,test\n"
        "3.png,b,P3,test\n",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert report.problems == ()
    assert report.usable
    assert (report.n_cases, report.n_groups) == (4, 3)
    assert report.n_by_class == {"a": 2, "b": 2}
    assert report.n_by_split == {"test": 2, "train": 2}
    assert report.n_groups_by_split == {"test": 2, "train": 1}
    assert report.n_by_shape == {(1, 8, 9): 4}
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_everything_is_listed_at_once_errors_first(tmp_path: Path) -> None:
    for i in range(6):
        _image(tmp_path / f"{i}.png", i)
    _image(tmp_path / "colour.png", 7, mode="RGB")
    _image(tmp_path / "large.png", 8, size=(10, 10))
    Image.fromarray(np.full((8, 9), 7, np.uint8)).save(tmp_path / "flat.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes((tmp_path / "0.png").read_bytes()[:60])
    (tmp_path / "copy.png").write_bytes((tmp_path / "0.png").read_bytes())
    Image.open(tmp_path / "1.png").save(tmp_path / "resaved.tif")
    report = _check(
        tmp_path,
        "path,label,group,split\n"
        "0.png,a,P0,train\n1.png,a,P1,train\n2.png,a,P2,train\n3.png,b,P3,train\n"
        "4.png,b,P3,test\n5.png,,P5,test\ncolour.png,a,P6,test\nlarge.png,a,P7,test\n"
        "flat.png,a,P8,test\nempty.png,a,P9,test\ncut.png,a,P10,test\n"
        "copy.png,b,P11,train\nresaved.tif,a,P12,test\nnone.png,a,P13,test\n",
    )
    assert _kinds(report) == [
        ("label-missing", "row 7"),
        ("file-missing", "none.png"),
        ("group-across-splits", "P3"),
        ("image-unreadable", "empty.png"),
        ("image-unreadable", "cut.png"),
        ("channels-mixed", "colour.png"),
        ("content-labels-differ", "0.png, copy.png"),
        ("content-across-splits", "1.png, resaved.tif"),
        ("image-constant", "flat.png"),
        ("sizes-mixed", "images"),
    ]
    assert not report.usable
    assert report.n_cases == 13


@pytest.mark.parametrize(
    ("text", "classes", "expected"),
    [
        ("path,label\n0.png,a\n1.png,b\n", None, [("group-unknown", "group")]),
        (
            "path,label,group\n0.png,a,P\n1.png,a,P\n",
            ["a", "b"],
            [("class-empty", "b"), ("class-single", "label")],
        ),
        (
            "path,label,group,split\n0.png,a,P,train\n1.png,b,Q,\n",
            None,
            [("class-absent-from-split", "train"), ("split-missing", "split")],
        ),
        (
            "path,label,group\n0.png,a,P\n1.png,b,Q\n2.png,a,R\n",
            None,
            [("content-across-groups", "0.png, 2.png")],
        ),
        (
            "path,label,group\n0.png,a,P\n1.png,b,Q\n2.png,a,P\n",
            None,
            [("content-duplicate", "0.png, 2.png")],
        ),
        ("path,label,group\n0.png,a,P\nwide.tif,b,Q\n", None, [("ranges-mixed", "images")]),
    ],
)
def test_what_should_be_known_is_a_warning(
    tmp_path: Path, text: str, classes: list[str] | None, expected: list[tuple[str, str]]
) -> None:
    _image(tmp_path / "0.png", 0)
    _image(tmp_path / "1.png", 1)
    _image(tmp_path / "2.png", 0)
    wide = np.random.default_rng(5).integers(0, 60000, (8, 9), dtype=np.uint16)
    Image.fromarray(wide).save(tmp_path / "wide.tif")
    report = _check(tmp_path, text, classes=classes)
    assert _kinds(report) == expected
    assert report.usable
