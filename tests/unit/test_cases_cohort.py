"""From a manifest to a cohort, or to everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plexor.cases import Cohort, load_cohort
from plexor.core.errors import DataError


def _manifest(folder: Path, text: str, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    path = folder / "films.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_become_a_case(tmp_path: Path) -> None:
    path = _manifest(
        tmp_path,
        "path,label,group,split,id,age,ward\na.png,sick,P1,test,one,62.5,007\n",
        "a.png",
    )
    cohort = load_cohort(path)
    (case,) = cohort.cases
    assert cohort.name == "films"
    assert (case.id, case.truth, case.group, case.split) == ("one", "sick", "P1", "test")
    assert case.path == tmp_path / "a.png"
    assert case.metadata == {"age": 62.5, "ward": "007"}


def test_defaults_where_columns_are_absent(tmp_path: Path) -> None:
    cohort = load_cohort(_manifest(tmp_path, "path,label\na.png,sick\n", "a.png"))
    (case,) = cohort.cases
    assert (case.id, case.group, case.split) == ("a.png", "a.png", None)


def test_mapped_columns_and_path_template(tmp_path: Path) -> None:
    path = _manifest(
        tmp_path, "lesion_id,image_id,dx\nL1,I1,nv\nL1,I2,mel\n", "images/I1.jpg", "images/I2.jpg"
    )
    cohort = load_cohort(
        path,
        columns={"label": "dx", "group": "lesion_id"},
        path_template="images/{image_id}.jpg",
    )
    assert [case.id for case in cohort.cases] == ["images/I1.jpg", "images/I2.jpg"]
    assert {case.group for case in cohort.cases} == {"L1"}
    assert cohort.cases[0].metadata == {"image_id": "I1"}
    assert cohort.classes == ("mel", "nv")


def test_root_replaces_the_manifests_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.png").write_bytes(b"x")
    path = _manifest(tmp_path, "path,label\na.png,sick\n")
    assert load_cohort(path, root=tmp_path / "elsewhere").cases[0].path.parent.name == "elsewhere"


def test_numbers_are_numbers_only_when_asked_for(tmp_path: Path) -> None:
    path = _manifest(tmp_path, "path,label\na.png,62\nb.png,47.5\n", "a.png", "b.png")
    cohort = load_cohort(path, truth="number")
    assert [case.truth for case in cohort.cases] == [62.0, 47.5]
    assert cohort.classes == ()
    with pytest.raises(DataError, match=r"truth=.number"):
        load_cohort(path)


def test_whole_numbers_are_class_names(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "b.png").write_bytes(b"x")
    pq.write_table(pa.table({"path": ["a.png", "b.png"], "label": [0.0, 1.0]}), path)
    assert load_cohort(path).classes == ("0", "1")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    path = _manifest(
        tmp_path,
        "path,label,group,split\n"
        "a.png,sick,P1,train\n"
        "b.png,,P1,test\n"
        "c.png,well,P1,test\n"
        ",well,P2,test\n"
        "a.png,sick,P1,train\n"
        "d.png,well\n"
        "e.png,well,P3,test,extra\n"
        "f.png,odd,,test\n"
        "g.png,odd,P5,test\n",
        "a.png",
        "b.png",
        "f.png",
        "g.png",
    )
    with pytest.raises(DataError) as caught:
        load_cohort(path, classes=["sick", "well"])
    message = str(caught.value)
    for expected in (
        "row 3: column 'label' is empty",
        "row 5: column 'path' is empty",
        "row 7: has 2 cells, expected 4",
        "row 8: has 5 cells, expected 4",
        "row 9: column 'group' is empty",
        "c.png: no file",
        "a.png: 2 rows name the same file",
        "P1: this group is in test and train",
        "g.png: unknown label 'odd'",
        "9 problems",
    ):
        assert expected in message


def test_one_id_for_two_files_is_refused(tmp_path: Path) -> None:
    path = _manifest(tmp_path, "path,label,id\na.png,x,1\nb.png,y,1\n", "a.png", "b.png")
    with pytest.raises(DataError, match="1: 2 rows have this id"):
        load_cohort(path)


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    path = _manifest(tmp_path, "path,label\na.png,old\nb.png,inf\n", "a.png", "b.png")
    with pytest.raises(DataError, match=r"(?s)'old' is not a finite.*'inf' is not a finite"):
        load_cohort(path, truth="number")


@pytest.mark.parametrize(
    ("columns", "template", "complaint"),
    [
        ({"label": "diagnosis"}, None, "unknown column 'diagnosis'"),
        ({"lable": "label"}, None, "unknown column role 'lable'; did you mean 'label'"),
        ({}, "images/{file}.png", "unknown column 'file'"),
        ({}, "images/{path", "path template"),
        ({}, "images/{path:05d}", "only {column} is understood"),
    ],
)
def test_wrong_names_are_refused(
    tmp_path: Path, columns: dict[str, str], template: str | None, complaint: str
) -> None:
    path = _manifest(tmp_path, "path,label\na.png,sick\n", "a.png")
    with pytest.raises(DataError, match=complaint):
        load_cohort(path, columns=columns, path_template=template)


def test_splits_are_selected_and_unknown_ones_refused(tmp_path: Path) -> None:
    path = _manifest(tmp_path, "path,label,split\na.png,x,train\nb.png,y,test\n", "a.png", "b.png")
    cohort = load_cohort(path)
    assert cohort.splits == ("test", "train")
    test = cohort.with_split("test")
    assert [case.id for case in test.cases] == ["b.png"]
    assert test.classes == ("x", "y")
    assert load_cohort(path, split="test") == test
    with pytest.raises(DataError, match="did you mean 'test'"):
        cohort.with_split("tests")


def test_digest_knows_content_and_not_order_or_place(tmp_path: Path) -> None:
    def cohort(folder: str, *rows: str) -> Cohort:
        (tmp_path / folder).mkdir()
        text = "\n".join(["path,label", *rows])
        return load_cohort(_manifest(tmp_path / folder, text, "a.png", "b.png"))

    one = cohort("one", "a.png,x", "b.png,y").digest
    assert one == cohort("two", "b.png,y", "a.png,x").digest
    assert one != cohort("three", "a.png,y", "b.png,x").digest
