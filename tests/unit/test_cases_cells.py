"""Cells are numbers only where any table would say so, and text only where they are text."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from plexor.cases import check_cohort, load_cohort
from plexor.cases.cells import parse_number
from plexor.core.errors import DataError

NUMBERS = ["1", "-1.5", "+.5", "5.", "1e3", "2.5E-3", "12e34", "0", "007"]
TEXTS = [
    "1_2",
    "1_5",
    "١٢",
    "nan",
    "inf",
    "-Infinity",
    "1e999",
    "0x10",
    "1,5",
    "1 2",
    "",
    "1e",
    ".",
]


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_what_pandas_takes_for_numbers(text: str) -> None:
    assert parse_number(text) == pd.read_csv(io.StringIO(f"x\n{text}\n"))["x"][0]


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_are_no_numbers(text: str) -> None:
    assert parse_number(text) is None


def _images(folder: Path, n: int = 4) -> None:
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


def _manifest(folder: Path, text: str) -> Path:
    _images(folder)
    (folder / "m.csv").write_text(text, encoding="utf-8")
    return folder / "m.csv"


def test_codes_with_underscores_stay_text(tmp_path: Path) -> None:
    cohort = load_cohort(
        _manifest(
            tmp_path, "path,label,series,visit,age\n0.png,a,1_2,2020_01,44\n1.png,b,12,2020_02,5\n"
        )
    )
    assert [case.metadata["series"] for case in cohort.cases] == ["1_2", "12"]
    assert [case.metadata["visit"] for case in cohort.cases] == ["2020_01", "2020_02"]
    assert [case.metadata["age"] for case in cohort.cases] == [44.0, 5.0]


def test_a_truth_with_an_underscore_is_no_number(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, "path,label\n0.png,1_5\n1.png,2.5\n")
    with pytest.raises(DataError, match="row 2: label '1_5' is not a finite number"):
        load_cohort(manifest, truth="number")


@pytest.mark.parametrize("label", ["|a", "a||b", "a|", "|", "a| |b"])
def test_a_stray_bar_names_no_finding(label: str, tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, f"path,label\n0.png,{label}\n1.png,b\n2.png,\n")
    with pytest.raises(DataError, match=r"row 2: label .* has an empty part"):
        load_cohort(manifest, truth="findings")
    report = check_cohort(manifest, truth="findings")
    assert [problem.id for problem in report.problems][:1] == ["label-part-empty"]
    assert "" not in report.n_by_class


def test_none_and_something_is_a_contradiction(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, "path,label\n0.png,No Finding|a\n1.png,No Finding\n2.png,a\n")
    with pytest.raises(DataError, match=r"row 2: .* says 'No Finding' and something else"):
        load_cohort(manifest, truth="findings", no_finding="No Finding")


@pytest.mark.parametrize(
    "labels", [[["a", "b"], ["a"], ["b"]], [b"a", b"b", b"a"], [{"x": "a"}, {"x": "b"}, {"x": "a"}]]
)
def test_lists_bytes_and_records_are_no_labels(labels: list[object], tmp_path: Path) -> None:
    _images(tmp_path)
    table = pd.DataFrame({"path": ["0.png", "1.png", "2.png"], "label": labels})
    table.to_parquet(tmp_path / "m.parquet")
    report = check_cohort(tmp_path / "m.parquet")
    assert [problem.id for problem in report.problems] == ["cell-not-text"] * 3
    assert "expected text" in report.problems[0].message
    with pytest.raises(DataError, match="3 problems"):
        load_cohort(tmp_path / "m.parquet", truth="findings")


def _ids(manifest: Path) -> list[tuple[str, str]]:
    problems = check_cohort(manifest).problems
    return [(problem.severity, problem.id) for problem in problems if problem.id != "group-unknown"]


def test_names_that_differ_in_case_or_normal_form_are_told(tmp_path: Path) -> None:
    composed = unicodedata.normalize("NFC", "névus")
    decomposed = unicodedata.normalize("NFD", "névus")
    manifest = _manifest(
        tmp_path,
        "path,label,group,split\n"
        f"0.png,Melanoma,P1,Test\n1.png,melanoma,p1,TEST\n2.png,{composed},P2,Test\n"
        f"3.png,{decomposed},P3,TEST\n",
    )
    found = [kind for severity, kind in _ids(manifest) if kind.endswith("-alike")]
    assert found == ["label-alike", "label-alike", "split-alike", "group-alike"]
    report = check_cohort(manifest)
    assert report.usable
    told = [problem.message for problem in report.problems if problem.id == "label-alike"]
    assert any("'ne\\u0301vus', 'n\\xe9vus'" in message for message in told)


def test_one_file_by_two_paths_is_one_file(tmp_path: Path) -> None:
    _images(tmp_path)
    (tmp_path / "linked.png").symlink_to(tmp_path / "0.png")
    (tmp_path / "inner").mkdir()
    for other in ("linked.png", "inner/../0.png"):
        manifest = _manifest(tmp_path, f"path,label,group\n0.png,a,p\n{other},b,q\n1.png,b,r\n")
        assert ("error", "path-duplicate") in _ids(manifest)
        with pytest.raises(DataError, match=r"2 rows name the same file .*0\.png and "):
            load_cohort(manifest)


def test_a_missing_file_with_a_twin_is_told(tmp_path: Path) -> None:
    _images(tmp_path)
    (tmp_path / "é.png").write_bytes((tmp_path / "0.png").read_bytes())
    manifest = _manifest(tmp_path, "path,label\ne\u0301.png,a\n1.PNG,b\n")
    report = check_cohort(manifest)
    told = [problem.message for problem in report.problems if problem.id == "file-missing"]
    assert "did you mean '\\xe9.png'?" in told[0]
    assert "did you mean '1.png'?" in told[1]
