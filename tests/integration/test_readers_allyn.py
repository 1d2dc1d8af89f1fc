"""Allyn's observer study replayed through the server: its 2 × 2 tables give its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.helpers.reader_study import fields, signed_in, write_images
from typer.testing import CliRunner

from plexor.cli.app import app
from plexor.findings.reader_results import ALL, ReaderResults
from plexor.readers.analyse import analyse_study
from plexor.readers.enrol import close, invite
from plexor.readers.export import Unblinded, answers, export
from plexor.readers.serve import served
from plexor.readers.store import Store, database_url
from plexor.stats import cohens_kappa_of_table
from plexor.studies.allyn2020.published import OBSERVERS

# Of 30 perturbed images both observers called 9 changed, the first alone 10, the second alone 7,
# neither 4; of 20 originals 5, 7, 6 and 2. These add up to the published counts: 35 of 60, 17 of 40
# and the table of both observers (the split by arm is not published; any that adds up would do).
SAID = {"altered": (9, 10, 7, 4), "original": (5, 7, 6, 2)}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReaderResults]:
    folder = tmp_path_factory.mktemp("allyn")
    images = write_images(folder / "images", n_cases=50, side=8)
    study = fields(
        name="allyn",
        arms={"altered": {"cases": 30}, "original": {"cases": 20}},
        analysis={"positive": {"altered": {"arm": "altered"}}},
    )
    (folder / "study.yaml").write_text(json.dumps(study))
    run = CliRunner().invoke(
        app,
        [
            *("readers", "create", str(folder / "study.yaml"), "--cases", str(images)),
            *("--out", str(folder / "study"), "--seed", "3"),
        ],
        catch_exceptions=False,
    )
    assert "50 cases to read, 0 for practice, 50 images" in run.output
    store = Store.open(database_url(folder / "study", None))
    key = Unblinded.read(folder / "study-key")
    said: dict[str, tuple[bool, bool]] = {}
    for arm, counts in SAID.items():
        own = [name for name, row in key.rows.items() if row.arm == arm]
        pairs = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], counts, axis=0).astype(bool)
        said |= {name: (bool(a), bool(b)) for name, (a, b) in zip(own, pairs, strict=True)}
    with served(store, folder / "study") as base:
        for number, invitation in enumerate(invite(store, ["first", "second"])):
            with signed_in(base, invitation.token) as browser:
                from plexor.readers.tables import ReadRow

                for _ in range(50):
                    read = browser.state()["read"]["id"]
                    with store.reading() as session:
                        (image,) = session.get_one(ReadRow, read).stimuli
                    body = browser.submission({"altered": said[image][number]})
                    browser.post(f"/api/reads/{read}/submissions", body).raise_for_status()
    close(store)
    found = analyse_study(store, folder / "study", folder / "study-key").stored()
    store.close()
    return folder, found


def figure(found: ReaderResults, measure: str, who: str = ALL) -> Any:
    (one,) = [f.estimate for f in found.figures if (f.measure, f.who) == (measure, who)]
    return one


def test_the_published_figures(replayed: tuple[Path, ReaderResults]) -> None:
    _, found = replayed
    assert f"{100 * figure(found, 'sensitivity').value:.1f}" == "58.3"
    assert f"{100 * figure(found, 'specificity').value:.1f}" == "42.5"
    kappa = figure(found, "kappa")
    assert f"{kappa.value:.2f}" == "-0.22"
    table = cohens_kappa_of_table(OBSERVERS)
    assert (kappa.low, kappa.high) == pytest.approx((table.low, table.high))
    for measure, n in (("sensitivity", 60), ("specificity", 40)):
        one = figure(found, measure)
        assert one.n == n
        assert one.low < one.value < one.high
        assert "over cases and readers" in one.method
    assert figure(found, "sensitivity", "first").value == pytest.approx(19 / 30)
    assert abs(figure(found, "d'").value) < 0.2


def test_it_is_printed_and_the_plan_stays_frozen(replayed: tuple[Path, ReaderResults]) -> None:
    folder, _ = replayed
    run = CliRunner().invoke(
        app,
        ["readers", "analyse", str(folder / "study")],
        catch_exceptions=False,
        env={"COLUMNS": "160"},
    )
    for said in ("58.3 %", "42.5 %", "-0.22"):
        assert said in run.output
    assert json.loads((folder / "study" / "analysis-plan.json").read_text())["frozen_at"]
    changed = (folder / "study-key" / "study.yaml").read_text()
    (folder / "study-key" / "study.yaml").write_text(changed.replace("level: 0.95", "level: 0.9"))
    refused = CliRunner().invoke(app, ["readers", "analyse", str(folder / "study")])
    (folder / "study-key" / "study.yaml").write_text(changed)
    assert "differs from the study file of this study" in str(refused.exception)


def test_exports_are_blinded_without_the_key(replayed: tuple[Path, ReaderResults]) -> None:
    folder, _ = replayed
    store = Store.open(database_url(folder / "study", None))
    blinded = answers(store)
    assert len(blinded) == 100
    assert not {"arm", "truth", "case"} & set(blinded.columns)
    for form in ("csv", "parquet", "json"):
        export(store, folder / f"out.{form}", form, Unblinded.read(folder / "study-key"))
    read = [
        pd.read_csv(folder / "out.csv"),
        pd.read_parquet(folder / "out.parquet"),
        pd.read_json(folder / "out.json"),
    ]
    for table in read:
        assert table["arm"].value_counts().to_dict() == {"altered": 60, "original": 40}
        assert (table["answer"].astype(str).str.lower() == "true").sum() == 58
    book = pd.read_csv(folder / "codebook.csv")
    assert list(book["column"]) == list(read[0].columns)
    store.close()
