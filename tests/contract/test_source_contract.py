"""Every source of the catalogue: what it says of itself, and what the command prints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

import pytest
from tests.helpers import source_layouts as layouts
from typer.testing import CliRunner

from plexor.cases.discover import discover
from plexor.cases.sources import SOURCES, make_manifest
from plexor.cli.app import app
from plexor.findings.json_format import attribute_texts


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_says_what_a_user_must_know(name: str) -> None:
    source = SOURCES[name]
    assert source.reads
    assert source.licence
    assert source.obtain
    assert source.traps
    cls = cast("Any", source)
    texts, hints = attribute_texts(source), get_type_hints(cls)
    for field in dataclasses.fields(cls):
        assert field.default is not dataclasses.MISSING, field.name
        assert texts.get(field.name), field.name
        kind = hints[field.name]
        assert kind in (str, int, bool) or get_origin(kind) is tuple or get_args(kind), field.name


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_described(name: str) -> None:
    done = CliRunner().invoke(app, ["cohort", "make", name])
    assert done.exit_code == 0, done.output
    for field in dataclasses.fields(cast("Any", SOURCES[name])):
        assert field.name in done.output
    assert f"plexor cohort make {name} DIR" in done.output


def test_all_are_listed() -> None:
    done = CliRunner().invoke(app, ["cohort", "make"])
    assert done.exit_code == 0
    assert all(f"\n{name} " in f"\n{done.output}" for name in SOURCES)


def test_what_was_made_is_told_and_can_be_checked(tmp_path: Path) -> None:
    layouts.write_mura(tmp_path)
    out = tmp_path / "bones of hands.csv"
    arguments = ["cohort", "make", "mura", str(tmp_path), "--out", str(out), "--quiet"]
    done = CliRunner().invoke(app, [*arguments, "-o", "body_parts=XR_HAND"])
    assert done.exit_code == 0, done.output
    told = done.output.splitlines()
    assert told[0] == f"4 images of 3 groups: {out}"
    assert told[1:3] == ["labels: negative 3, positive 1", "splits: train 3, validation 1"]
    assert told[3].startswith("- 3 left out: another body part, e.g. train/XR_WRIST/patient00001")
    assert told[-2:] == [f"  plexor cohort check '{out}'", f"  plexor init '{out}'"]
    checked = CliRunner().invoke(app, ["cohort", "check", str(out)])
    assert checked.exit_code == 0, checked.output
    assert "4 cases of 3 groups" in checked.output


def test_a_manifest_made_elsewhere_is_taken_by_init(tmp_path: Path) -> None:
    layouts.write_mura(tmp_path / "data")
    out = tmp_path / "made" / "mura.parquet"
    plan = tmp_path / "audit" / "plan.yaml"
    for arguments in (
        ["cohort", "make", "mura", str(tmp_path / "data"), "--out", str(out), "--quiet"],
        ["init", str(out), "--out", str(plan.parent)],
    ):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
    assert "audit: validation   # the manifest's splits: train 5, validation 2" in plan.read_text()
    checked = CliRunner().invoke(app, ["plan", "check", str(plan)])
    assert checked.exit_code == 0, checked.output


def test_volumes_with_masks_and_unpacked_images_are_taken_by_init(tmp_path: Path) -> None:
    described = {"labels": {"background": 0, "spleen": 1}, "channel_names": {"0": "CT"},
                 "file_ending": ".nii"}  # fmt: skip
    names = [f"{kind}Tr/{n}" for kind in ("images", "labels") for n in "ab"]
    layouts.write_decathlon(tmp_path / "data", described, *names)
    make_manifest("msd", tmp_path / "data", tmp_path / "made" / "m.csv")
    found = discover(tmp_path / "made" / "m.csv")
    assert found.truth == "mask"
    assert [file.name for file in found.files] == ["a.nii", "b.nii"]
    layouts.write_npz(tmp_path / "pneumoniamnist.npz", layouts.medmnist_arrays((8, 8), 1))
    make_manifest("medmnist", tmp_path, tmp_path / "made" / "p.csv")
    found = discover(tmp_path / "made" / "p.csv")
    assert len(found.rows) == 13
    assert "group" not in found.columns  # equal numbers in two splits are not one patient


def test_an_option_without_a_value_is_refused(tmp_path: Path) -> None:
    for written, words in (
        (["-o", "body_parts"], "--option: expected NAME=VALUE, got 'body_parts'"),
        (["-o", "body_parts=a", "-o", "body_parts=b"], "'body_parts' is given twice"),
    ):
        done = CliRunner().invoke(app, ["cohort", "make", "mura", str(tmp_path), *written])
        assert words in str(done.exception)
