"""What a manifest may look like, and what is said of one that does not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plexor.cases.manifest import read_manifest
from plexor.core.errors import DataError


def _write(folder: Path, data: bytes) -> Path:
    path = folder / "manifest.csv"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("separator", [b",", b";", b"\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_common_dialects_read_the_same(
    tmp_path: Path, separator: bytes, mark: bytes, end: bytes
) -> None:
    lines = [b"path,label,note", "a.png, nævus ,x".encode(), b"", b"b.png,mel,"]
    data = mark + end.join(line.replace(b",", separator) for line in lines)

    manifest = read_manifest(_write(tmp_path, data))

    assert manifest.columns == ("path", "label", "note")
    assert [dict(row.cells) for row in manifest.rows] == [
        {"path": "a.png", "label": "nævus", "note": "x"},
        {"path": "b.png", "label": "mel", "note": ""},
    ]
    assert [row.line for row in manifest.rows] == [2, 4]


def test_a_gzipped_table_is_the_table(tmp_path: Path) -> None:
    data = "path;label\na.png;nævus\n".encode()
    plain = read_manifest(_write(tmp_path, data))
    halves = gzip.compress(data[:7]) + gzip.compress(data[7:])  # members may follow one another
    zipped = read_manifest(_write(tmp_path, halves))
    assert (zipped.columns, zipped.rows) == (plain.columns, plain.rows)


def test_parquet_keeps_types(tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    pq.write_table(pa.table({"path": ["a.png", None], "label": [1.5, 2.0]}), path)

    manifest = read_manifest(path)

    assert [dict(row.cells) for row in manifest.rows] == [
        {"path": "a.png", "label": 1.5},
        {"path": None, "label": 2.0},
    ]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"path,label\n", "no rows"),
        (b"path,label,path\na,b,c\n", "'path' occurs twice"),
        ("path,label\na.png,naevus\nb.png,nævus\n".encode("cp1252"), "line 3, probably Windows"),
        ("path,label\na.png,x\n".encode("utf-16"), "probably UTF-16"),
        ("path,label\na.png,x\n".encode("utf-16-le"), "probably UTF-16"),
        (b'path,label\n"a.png,x\n', "not a CSV table"),
        (b"PAR1 but not really", "not a readable Parquet file"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, data: bytes, complaint: str) -> None:
    path = _write(tmp_path, data)
    with pytest.raises(DataError, match=complaint) as caught:
        read_manifest(path)
    assert str(caught.value).startswith(str(path))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        read_manifest(tmp_path / "none.csv")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_decimal_commas_are_read_where_commas_do_not_part_cells(tmp_path: Path, mark: str) -> None:
    rows = [
        ["path", "age", "icv", "note", "pair"],
        ["a.nii", "38,75", "1652", "1,2", "1,2,3"],
        ["b.nii", "-4", "1554,9", "see p. 3", ""],
        ["c.nii", "", "", "", "4,5,6"],
    ]
    file = tmp_path / "table.csv"
    file.write_bytes("\r\n".join(mark.join(row) for row in rows).encode("utf-8-sig"))
    read = [dict(row.cells) for row in read_manifest(file).rows]
    assert [row["age"] for row in read] == ["38.75", "-4", ""]
    assert [row["icv"] for row in read] == ["1652", "1554.9", ""]
    assert [row["note"] for row in read] == ["1,2", "see p. 3", ""]
    assert [row["pair"] for row in read] == ["1,2,3", "", "4,5,6"]


def test_a_quoted_comma_stays_where_commas_part_cells(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text('path,age\na.png,"38,75"\n')
    assert read_manifest(file).rows[0].cells["age"] == "38,75"
