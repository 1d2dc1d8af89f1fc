"""``plexor readers`` from create to forget, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from tests.helpers.reader_study import fields, signed_in, write_images
from typer.testing import CliRunner, Result

from plexor.cli.app import app
from plexor.core.errors import PlanError
from plexor.readers.serve import serve, served
from plexor.readers.store import Store, database_url


def typed(*words: object) -> Result:
    return CliRunner().invoke(app, ["readers", *map(str, words)], env={"COLUMNS": "200"})


def test_a_study_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images = write_images(tmp_path / "images", n_cases=4, side=8)
    Path("s.yaml").write_text(json.dumps(fields(arms={"original": {}, "altered": {}})))
    assert "give one of --run, --cases and --drawn" in str(typed("create", "s.yaml").exception)
    assert "needs the key" in str(typed("create", "s.yaml", "--drawn", images).exception)
    made = typed("create", "s.yaml", "--cases", images)
    assert made.exception is None, made.output
    assert Path("small-key/key.csv").exists()
    said = typed("invite", "small", "anna", "ben", "--address", "https://reads.example").output
    links = dict(line.split(": ", 1) for line in said.splitlines())
    assert links["anna"].startswith("https://reads.example/enter#")
    assert typed("invite", "small", "pia", "--pilot").exception is None
    store = Store.open(database_url(Path("small"), None))
    token = links["anna"].split("#")[1]
    with served(store, Path("small")) as base, signed_in(base, token) as browser:
        for _ in range(4):
            browser.answer({"altered": True})
    store.close()
    shown = typed("status", "small").output
    assert [line.split()[1] for line in shown.splitlines() if "anna" in line or "pia" in line] == [
        "anna",
        "pia",
    ]
    assert "ben (4 left)" in str(typed("close", "small").exception)
    refused = typed("export", "small", "--out", "o.csv", "--key", "small-key")
    assert "close it before its answers are unblinded" in str(refused.exception)
    assert typed("close", "small", "--with-open-reads").exception is None
    assert typed("export", "small", "--out", "o.csv", "--key", "small-key").exception is None
    table = pd.read_csv("o.csv")
    assert len(table) == 4
    assert set(table["arm"]) == {"original", "altered"}
    assert "unknown format 'xlsx'" in str(
        typed("export", "small", "--out", "o", "--format", "xlsx").exception
    )
    assert "is not the key" in str(typed("analyse", "small", "--key", tmp_path).exception)
    assert "4 submissions are deleted" in typed("forget", "small", "anna").output
    assert "anna" not in typed("status", "small").output


def test_others_are_served_by_https_only(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", n_cases=4, side=8)
    (tmp_path / "s.yaml").write_text(json.dumps(fields(arms={"original": {}, "altered": {}})))
    typed("create", tmp_path / "s.yaml", "--cases", images, "--out", tmp_path / "study")
    store = Store.open(database_url(tmp_path / "study", None))
    with pytest.raises(PlanError, match="put a proxy with HTTPS before it and give --https"):
        serve(store, tmp_path / "study", host="0.0.0.0")  # noqa: S104 (refused)
    store.close()


def test_a_washout_is_waited_for(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", n_cases=4, side=8)
    study = fields(
        arms={"original": {}, "altered": {}},
        shown="crossed",
        blocks={"number": 2, "washout_days": 28},
    )
    (tmp_path / "s.yaml").write_text(json.dumps(study))
    typed("create", tmp_path / "s.yaml", "--cases", images, "--out", tmp_path / "study")
    link = typed("invite", tmp_path / "study", "r1").output.strip()
    store = Store.open(database_url(tmp_path / "study", None))
    with (
        served(store, tmp_path / "study") as base,
        signed_in(base, link.split("#")[1]) as browser,
    ):
        for _ in range(4):
            received = browser.answer({"altered": True})
        standing = received["standing"]
        assert (standing["state"], standing["read"], standing["done"]) == ("pause", None, 4)
        days = (standing["until"] / 1000 - 86_400 * 28) / 86_400
        assert days > 20_000  # since 1970
    store.close()
