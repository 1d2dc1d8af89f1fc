"""CSV that no spreadsheet runs, and that gives back what was written."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plexor
from plexor.cases.manifest import read_manifest
from plexor.core.csv_text import csv_text, plain_cell, safe_cell
from plexor.readers.export import _csv

RUN = ["=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''@x", "-x"]


@given(st.text(st.sampled_from("'=+-@\t\rab1.,\n\""), max_size=8))
def test_what_is_read_is_what_was_written(text: str) -> None:
    written = csv_text([text], [[text, 3]])
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert [plain_cell(cell) for row in rows for cell in row[:1]] == [text, text]


@pytest.mark.parametrize("text", RUN)
def test_no_cell_starts_a_formula(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(csv_text([text], []), newline="")))
    assert cell == f"'{text}"
    assert plain_cell(cell) == text


@pytest.mark.parametrize("value", ["-1.5", "+2e-3", -1.5, 0, "", "naevus", "a=b", None, "'quoted'"])
def test_numbers_and_plain_texts_are_left_alone(value: object) -> None:
    assert safe_cell(value) is value


def test_answers_are_written_so() -> None:
    table = pd.DataFrame({"reader": ["=1", "b"], "answer": [-1.0, None], "n": [1, 2]})
    assert _csv(table).decode() == "reader,answer,n\n'=1,-1.0,1\nb,,2\n"


def test_manifests_are_read_so(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(csv_text(["path", "label"], [["a.png", "-benign"]]))
    (row,) = read_manifest(tmp_path / "manifest.csv").rows
    assert row.cells["label"] == "-benign"


def test_nothing_else_writes_csv() -> None:
    """Every table goes through ``csv_text``; a digest of one is no file."""
    allowed = {"core/csv_text.py", "readers/analyse.py"}
    source = Path(plexor.__file__).parent
    found = set()
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and (
                node.attr in ("to_csv", "DictWriter")
                or (node.attr == "writer" and ast.unparse(node.value) == "csv")
            ):
                found.add(path.relative_to(source).as_posix())
    assert found <= allowed
