"""Reads from elsewhere come in, and go out to iMRMC and RJafroc."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from tests.helpers.reader_study import made, open_study, write_images
from tests.helpers.simulated_readers import analysed, read_all, value
from typer.testing import CliRunner

from plexor.cli.app import app
from plexor.core.errors import DataError, PlanError
from plexor.readers.enrol import close, invite, progress
from plexor.readers.export import Unblinded, export
from plexor.readers.outside import import_reads
from plexor.readers.prepare import KeyRow
from plexor.readers.spreadsheet import workbook
from plexor.stats import FrocCase, reader_study_auc, reader_study_jafroc

SURE = {"id": "sure", "ask": "Cancer?", "type": "rating", "points": 5, "low": "no", "high": "yes"}
MARKS = {"id": "nodules", "ask": "Where?", "type": "marks", "most": 3, "points": 5}
N = 12


def a_study(folder: Path, question: dict[str, Any], **changes: Any) -> Path:
    """Twelve cases in two arms, every second with cancer; not read yet."""
    images = write_images(folder / "images", n_cases=N, side=16)
    table = {
        "case": [f"case-{i:02d}" for i in range(N)],
        "truth": ["cancer", "normal"] * (N // 2),
        "lesions": ["3,4", "", "8,8;2,2", ""] * (N // 4),
    }
    pd.DataFrame(table).to_csv(images / "cases.csv", index=False)
    plan: dict[str, Any] = {"positive": {"sure": {"truth": "cancer"}}, "acceptance_radius": 2}
    if question is MARKS:
        plan["positive"] = {}
    base: dict[str, Any] = {
        "questions": [question], "shown": "crossed", "analysis": plan, "order": {"apart": 1},
    }  # fmt: skip
    return made(folder, images, **(base | changes))


def rate(rows: list[KeyRow], rng: np.random.Generator) -> dict[str, Any]:
    return {"sure": int(np.clip(round(rng.normal(2.6 + (rows[0].truth == "cancer"), 1)), 1, 5))}


def mark(rows: list[KeyRow], rng: np.random.Generator) -> dict[str, Any]:
    seen = [(x, y) for x, y, _ in json.loads(rows[0].lesions) if rng.random() < 0.8]
    seen += [(14.0, 14.0)] * int(rng.random() < 0.4)
    return {
        "nodules": [
            {"x": x, "y": y, "slice": 0, "rating": int(rng.integers(1, 6))} for x, y in seen
        ]
    }


def exported(folder: Path, form: str, name: str) -> Path:
    with open_study(folder) as store:
        export(store, folder / name, form, Unblinded.read(folder / "key"))
    return folder / name


def test_an_export_that_comes_in_again_gives_the_same_figures(tmp_path: Path) -> None:
    folder = a_study(tmp_path, SURE)
    (tmp_path / "again").mkdir()
    for name in ("study", "key"):
        shutil.copytree(folder / name, tmp_path / "again" / name)
    read_all(folder, 3, rate)
    table = pd.read_csv(exported(folder, "csv", "reads.csv"))
    kept = ["reader", "case", "arm", "question", "answer", "kind", "elapsed_ms", "position"]
    table[kept].to_csv(tmp_path / "outside.csv", index=False)
    done = CliRunner().invoke(
        app,
        [
            *("readers", "import", str(tmp_path / "again" / "study")),
            *(str(tmp_path / "outside.csv"), "--key", str(tmp_path / "again" / "key")),
        ],
        catch_exceptions=False,
    )
    assert f"{3 * 2 * N} reads of r0, r1, r2" in done.output
    with open_study(tmp_path / "again") as store:
        assert [p.done for p in progress(store)] == [2 * N] * 3
        invite(store, ["late"])
        close(store, with_open_reads=True)
    first, second = analysed(folder), analysed(tmp_path / "again")
    assert first.figures == second.figures


def test_a_file_that_does_not_fit_adds_nobody(tmp_path: Path) -> None:
    folder = a_study(tmp_path, SURE)
    path = tmp_path / "reads.csv"
    good = {"reader": "zoe", "case": "case-00", "arm": "original", "question": "sure", "answer": 4}
    key = Unblinded.read(folder / "key")
    with open_study(folder) as store:
        for rows, said in (
            ([good, good], "line 3: zoe answers sure of this image twice"),
            ([good | {"answer": 9}], "line 2: sure: expected 1 to 5, got 9"),
            ([good | {"answer": "four"}], "line 2: `answer` is not JSON"),
            ([good | {"arm": "other"}], "no case 'case-00' in an arm 'other'"),
            ([good | {"question": "x"}], "expected sure, got x"),
            ([good | {"kind": "training"}], "kind: expected read or repeat, got 'training'"),
            ([good | {"elapsed_ms": "fast"}], "`elapsed_ms` is 'fast'"),
            ([good | {"speed": 1}], "unknown column 'speed'"),
            ([{"reader": "zoe", "question": "sure", "answer": 4}], "lacks the column image"),
            ([{"reader": "zoe", "image": "s"}], "lacks the column question"),
        ):
            pd.DataFrame(rows).to_csv(path, index=False)
            with pytest.raises(DataError) as raised:
                import_reads(store, path, key)
            assert said in str(raised.value)
        pd.DataFrame([good]).to_csv(path, index=False)
        with pytest.raises(DataError, match="needs the key; give --key"):
            import_reads(store, path)
        assert progress(store) == []
        import_reads(store, path, key)
        with pytest.raises(PlanError, match="zoe has been invited already"):
            import_reads(store, path, key)
        close(store)
        with pytest.raises(PlanError, match="the study is closed"):
            import_reads(store, path, key)


def sheets(data: bytes) -> dict[str, list[list[str]]]:
    """Cells of an Excel file as texts, by the standard's own elements."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
        book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 (our own file)
        names = [one.attrib["name"] for one in book.iter(f"{space}sheet")]
        found = {}
        for number, name in enumerate(names, 1):
            sheet = archive.read(f"xl/worksheets/sheet{number}.xml")
            root = ET.fromstring(sheet)  # noqa: S314
            found[name] = [
                ["".join(cell.itertext()) for cell in row] for row in root.iter(f"{space}row")
            ]
        return found


def test_marks_for_rjafroc_give_the_pooled_figure_of_merit(tmp_path: Path) -> None:
    folder = a_study(tmp_path, MARKS, order={"apart": 1})
    read_all(folder, 3, mark)
    found = sheets(exported(folder, "rjafroc", "r.xlsx").read_bytes())
    book = pd.read_csv(folder / "codebook.csv", dtype=str)
    assert list(found) == ["Truth", "NL", "LL"]
    assert [row[-1] for row in found["Truth"][1:3]] == ["FROC", "FCTRL"]
    truth: dict[str, list[str]] = {row[0]: [] for row in found["Truth"][1:]}
    for row in found["Truth"][1:]:
        truth[row[0]] += [row[1]] if row[1] != "0" else []
    assert len(truth) == N
    marks = {(*row[:3], row[3]): float(row[4]) for row in found["LL"][1:]}
    arms = dict(book[book["column"] == "modality"][["meaning", "code"]].to_numpy().tolist())
    cases = [
        [
            [
                FrocCase(
                    lesions=tuple(marks.get((r, arms[arm], case, i), -np.inf) for i in truth[case]),
                    others=tuple(
                        float(row[3]) for row in found["NL"][1:] if row[:3] == [r, arms[arm], case]
                    ),
                )
                for case in truth
            ]
            for r in "123"
        ]
        for arm in ("original", "altered")
    ]
    theirs = reader_study_jafroc(cases)
    ours = analysed(folder)
    for number, arm in enumerate(("original", "altered")):
        assert value(ours, f"JAFROC in {arm}") == pytest.approx(theirs.mean(number).value)
    difference = value(ours, "JAFROC difference", "altered - original")
    assert difference == pytest.approx(theirs.difference(1, 0).value)


def test_ratings_for_both_programs_give_the_same_areas(tmp_path: Path) -> None:
    folder = a_study(tmp_path, SURE)
    read_all(folder, 3, rate)
    table = pd.read_csv(exported(folder, "imrmc", "i.csv"), dtype={"readerID": str})
    truth = table[table["readerID"] == "-1"].set_index("caseID")["score"].sort_index()
    reads = table[table["readerID"] != "-1"]
    ratings = [
        reads[reads["modalityID"] == arm]
        .pivot_table(index="readerID", columns="caseID", values="score")[truth.index]
        .to_numpy()
        for arm in ("original", "altered")
    ]
    theirs = reader_study_auc(truth.to_numpy(), np.stack(ratings))
    ours = analysed(folder)
    who = "altered - original"
    assert value(ours, "AUC difference", who) == pytest.approx(theirs.difference(1, 0).value)
    found = sheets(exported(folder, "rjafroc", "r.xlsx").read_bytes())
    assert [row[-1] for row in found["Truth"][1:3]] == ["ROC", "FCTRL"]
    assert len(found["LL"]) - 1 == 3 * 2 * int(truth.sum())
    assert len(found["NL"]) - 1 == 3 * 2 * int((1 - truth).sum())
    with open_study(folder) as store, pytest.raises(PlanError, match="rjafroc contains the truth"):
        export(store, folder / "x.xlsx", "rjafroc")


def test_a_workbook_keeps_texts_that_look_like_numbers() -> None:
    data = workbook({"A": [("0, 1", "<&>", 2, 0.5), ("", "x")]})
    assert sheets(data) == {"A": [["0, 1", "<&>", "2", "0.5"], ["x"]]}
    assert data == workbook({"A": [("0, 1", "<&>", 2, 0.5), ("", "x")]})
