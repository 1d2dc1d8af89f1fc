"""Manifests of PadChest: counts, groups and labels against pandas, and what is refused."""

from __future__ import annotations

import ast
import gzip
from pathlib import Path

import pandas as pd
import pytest
from tests.helpers import source_layouts as layouts

from plexor.cases import load_cohort
from plexor.cases.case import split_labels
from plexor.cases.sources import make_manifest
from plexor.core.errors import PlexorError

OTHERS = {"normal", "exclude", "suboptimal study", "unchanged"}


def given(table: pd.DataFrame) -> pd.Series:
    """The labels of each film as a set, as pandas and Python read them."""
    lists = table["Labels"].replace("nan", "[]").map(ast.literal_eval)
    return lists.map(lambda names: {name.strip() for name in names} - {""})


def expected_counts(named: pd.Series) -> dict[str, int]:
    findings = named.map(lambda names: sorted(names - OTHERS)).explode().dropna()
    return {str(name): int(n) for name, n in findings.value_counts().sort_index().items()}


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_default_counts_are_those_of_pandas(tmp_path: Path, ending: str) -> None:
    table = layouts.padchest_table(220, seed=1)
    layouts.write_padchest(tmp_path, table, ending=ending)
    made, counts = make_manifest("padchest", tmp_path, tmp_path / "m.parquet")
    named = given(table)
    out = named.map(lambda names: "exclude" in names) | table["Projection"].eq("EXCLUDE")
    unchanged = named.map(lambda names: "unchanged" in names) & ~out
    empty = named.map(lambda names: not names - (OTHERS - {"normal"})) & ~out & ~unchanged
    assert {reason: len(names) for reason, names in made.left_out.items()} == {
        "to be excluded, say the publishers": out.sum(),
        "labelled unchanged": unchanged.sum(),
        "neither a finding nor called normal": empty.sum(),
    }
    kept = ~(out | unchanged | empty)
    assert 0 < counts.n_images == kept.sum()
    assert counts.n_by_label == expected_counts(named[kept])
    assert counts.n_groups == table["PatientID"][kept].nunique()
    cases = load_cohort(tmp_path / "m.parquet", truth="findings").cases
    rows = table[kept].set_index("ImageID").loc[[case.path.name for case in cases]]
    assert [case.path for case in cases] == [
        tmp_path / str(place) / str(name) for name, place in rows["ImageDir"].items()
    ]
    assert [set(split_labels(str(case.truth))) for case in cases] == [
        names - OTHERS for names in given(rows)
    ]
    ages = pd.Series([case.metadata["age"] for case in cases], dtype=float)
    pd.testing.assert_series_equal(
        ages, (2014 - rows["PatientBirth"]).reset_index(drop=True), check_names=False
    )
    assert [case.metadata["bits"] for case in cases] == rows["BitsStored_DICOM"].to_list()
    assert {case.metadata["sex"] for case in cases} == {"F", "M", None}


def test_options_choose_films_and_findings_as_pandas_does(tmp_path: Path) -> None:
    table = layouts.padchest_table(220, seed=2)
    layouts.write_padchest(tmp_path, table)
    options = {
        "labels": "pneumonia,nodule", "views": "PA,L", "labelled_by": "physician",
        "exclude": "keep", "unchanged": "keep", "suboptimal": "leave-out",
    }  # fmt: skip
    made, counts = make_manifest("padchest", tmp_path, tmp_path / "m.csv", options)
    named = given(table)
    kept = (
        table["Projection"].isin(["PA", "L"])
        & table["MethodLabel"].eq("Physician")
        & ~named.map(lambda names: "suboptimal study" in names)
        & named.map(lambda names: bool(names - (OTHERS - {"normal"})))
    )
    assert counts.n_images == kept.sum() > 0
    wanted = expected_counts(named[kept])
    assert counts.n_by_label == {name: wanted[name] for name in ("nodule", "pneumonia")}
    unchanged = named[kept].map(lambda names: "unchanged" in names).sum()
    assert any(
        note.startswith(f"{unchanged:,} films are labelled unchanged") for note in made.notes
    )
    assert set(made.left_out) == {
        "not PA, L", "labelled by a network", "labelled suboptimal study",
        "neither a finding nor called normal",
    }  # fmt: skip


def refused(folder: Path, **options: object) -> str:
    with pytest.raises(PlexorError) as caught:
        make_manifest("padchest", folder, folder / "m.csv", options)
    assert not (folder / "m.csv").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "cell",
    ["['nodule'", "nodule", "{'nodule': 1}", "[1]", "['a|b']", "[" * 9000, "__import__('os')"],
)
def test_labels_that_are_no_list_of_texts_are_refused(tmp_path: Path, cell: str) -> None:
    table = layouts.padchest_table(3, seed=0)
    layouts.write_padchest(tmp_path, table.assign(Labels=["['nodule']", cell, "['nodule']"]))
    message = refused(tmp_path)
    assert "000000_0001.png: Labels is" in message
    assert "expected a list of texts" in message
    assert len(message) < 500


def test_unknown_names_and_several_versions_are_refused(tmp_path: Path) -> None:
    assert "expected PADCHEST_chest_x_ray" in refused(tmp_path)
    layouts.write_padchest(tmp_path, layouts.padchest_table(40, seed=0))
    assert "unknown label 'pneumnia'; did you mean 'pneumonia'" in refused(
        tmp_path, labels="pneumnia"
    )
    assert "unknown view 'AP_horizontl'; did you mean 'AP_horizontal'" in refused(
        tmp_path, views="AP_horizontl"
    )
    table = next(tmp_path.glob("PADCHEST*"))
    other = table.with_name(table.name.replace("01.02.19", "01.02.20"))
    other.write_bytes(table.read_bytes())
    assert "several versions of the table" in refused(tmp_path)
    other.rename(table.with_name(f"{table.name}.gz"))  # beside the plain table, it is not looked at
    make_manifest("padchest", tmp_path, tmp_path / "m.csv")


def test_a_damaged_or_huge_gzipped_table_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts.write_padchest(tmp_path, layouts.padchest_table(40, seed=0), ending=".csv.gz")
    table = next(tmp_path.glob("PADCHEST*"))
    whole = table.read_bytes()
    monkeypatch.setenv("PLEXOR_MAX_BYTES", "2000")
    assert "unpacks to more than 2,000 bytes" in refused(tmp_path)
    monkeypatch.delenv("PLEXOR_MAX_BYTES")
    table.write_bytes(whole[:-50])
    assert "damaged gzip file" in refused(tmp_path)
    table.write_bytes(gzip.compress(layouts.png(0)))
    assert "this is an image (png, gzipped)" in refused(tmp_path)
