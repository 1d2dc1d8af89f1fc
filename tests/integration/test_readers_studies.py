"""Studies of every design made, read and analysed: examples, sources, figures, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from tests.helpers import synthetic_run as synthetic
from tests.helpers.reader_study import bare, fields, made, open_study, write_images
from tests.helpers.simulated_readers import read_all, read_and_analysed, value
from typer.testing import CliRunner

from plexor.cases.formats.png import PngCodec
from plexor.cli.app import app
from plexor.core.errors import DataError, PlanError
from plexor.findings import Example, Finding, RunDirectory
from plexor.readers.analyse import analyse_study, open_key
from plexor.readers.design import load_study
from plexor.readers.enrol import close, invite
from plexor.readers.export import Unblinded, export
from plexor.readers.image_set import draw_image_set
from plexor.readers.power import pilots
from plexor.readers.prepare import KeyRow, create_study, read_key
from plexor.readers.sources import from_drawn, from_folder, from_run
from plexor.readers.store import Store, database_url
from plexor.readers.tables import StimulusRow
from plexor.stats import reader_study_auc, reader_study_power

EXAMPLES = Path(__file__).parents[2] / "examples" / "studies"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_each_example_is_a_study(path: Path) -> None:
    assert load_study(path).questions


def with_table(folder: Path, n_cases: int, **columns: list[str]) -> Path:
    images = write_images(folder / "images", n_cases=n_cases, side=12)
    table = pd.DataFrame({"case": [f"case-{i:02d}" for i in range(n_cases)], **columns})
    table.to_csv(images / "cases.csv", index=False)
    return images


def test_zhou_s_design_with_five_simulated_readers(tmp_path: Path) -> None:
    images = with_table(tmp_path, 24, truth=["cancer", "normal"] * 12)
    plain = load_study(EXAMPLES / "rating.yaml").model_dump(mode="json", exclude_defaults=True)
    plain["blocks"] = {"number": 2}
    made(tmp_path, images, **(plain | {"name": "zhou", "order": {"apart": 3}}))

    def answer(rows: list[KeyRow], rng: np.random.Generator) -> dict[str, Any]:
        sure = rng.normal(3 + (rows[0].truth == "cancer") * (rows[0].arm == "original"), 1)
        return {
            "cancer": int(np.clip(round(sure), 1, 5)),
            "altered": bool(rng.random() < (0.6 if rows[0].arm == "altered" else 0.4)),
        }

    found = read_and_analysed(tmp_path, 5, answer)
    assert len(found.readers) == 5
    assert value(found, "AUC in original") > value(found, "AUC in altered")
    assert value(found, "AUC difference", "altered - original") == pytest.approx(
        np.mean([value(found, "AUC in altered", f"r{i}") for i in range(5)])
        - np.mean([value(found, "AUC in original", f"r{i}") for i in range(5)])
    )
    measures = {r.measure for r in found.figures}
    assert {"sensitivity", "specificity", "d'", "kappa", "Gwet's AC", "median time (s)"} <= measures
    assert "AUC difference, test" in measures
    with open_study(tmp_path) as store:
        export(store, tmp_path / "r.csv", "imrmc", Unblinded.read(tmp_path / "key"))
    table = pd.read_csv(tmp_path / "r.csv")
    assert (table["readerID"].astype(str) == "-1").sum() == 24
    assert len(table) == 24 + 5 * 48


def test_forced_choice_of_readers_who_see_everything(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", n_cases=10, side=8)
    plain = load_study(EXAMPLES / "which.yaml").model_dump(mode="json", exclude_defaults=True)
    made(tmp_path, images, **(plain | {"arms": {"original": {}, "altered": {}}}))

    def answer(rows: list[KeyRow], _rng: np.random.Generator) -> dict[str, Any]:
        return {"which": "left" if rows[0].arm == "altered" else "right"}

    found = read_and_analysed(tmp_path, 2, answer)
    assert value(found, "correct") == 1
    assert value(found, "correct", "r1") == 1


def test_diagnoses_that_the_change_turns(tmp_path: Path) -> None:
    images = with_table(tmp_path, 12, truth=["mel", "nv", "bkl"] * 4)
    plain = load_study(EXAMPLES / "diagnosis.yaml").model_dump(mode="json", exclude_defaults=True)
    plain |= {"blocks": {"number": 2, "arms": "separate"}, "order": {"apart": 1}}
    made(tmp_path, images, **(plain | {"arms": {"original": {}, "altered": {}}}))

    def answer(rows: list[KeyRow], _rng: np.random.Generator) -> dict[str, Any]:
        return {"dx": rows[0].truth if rows[0].arm == "original" else "nv"}

    found = read_and_analysed(tmp_path, 2, answer)
    assert value(found, "correct in original") == 1
    assert value(found, "correct in altered") == pytest.approx(1 / 3)
    assert value(found, "change of correct", "r0, altered - original") == pytest.approx(-2 / 3)
    (test,) = [r for r in found.figures if r.measure == "change of correct, test"]
    assert test.test is not None
    assert test.test.p_value is not None
    assert test.test.p_value < 0.05


def test_marks_at_lesions_and_elsewhere(tmp_path: Path) -> None:
    images = with_table(tmp_path, 12, lesions=["3,4", "", "8,8;2,2", ""] * 3)
    plain = load_study(EXAMPLES / "where.yaml").model_dump(mode="json", exclude_defaults=True)
    made(tmp_path, images, **(plain | {"order": {"apart": 0}}), repeats=0)

    def answer(rows: list[KeyRow], _rng: np.random.Generator) -> dict[str, Any]:
        lesions = json.loads(rows[0].lesions)
        return {"nodules": [{"x": x, "y": y, "slice": s, "rating": 4} for x, y, s in lesions]}

    found = read_and_analysed(tmp_path, 2, answer)
    jafroc = [r.estimate.value for r in found.figures if r.estimate and "JAFROC" in r.measure]
    assert len(jafroc) == 6  # each reader and both, in two arms
    assert jafroc == pytest.approx([1.0] * 6)


def test_the_next_study_is_planned_from_a_closed_one(tmp_path: Path) -> None:
    images = with_table(tmp_path, 24, truth=["cancer", "normal"] * 12)
    plain = load_study(EXAMPLES / "rating.yaml").model_dump(mode="json", exclude_defaults=True)
    plain |= {"name": "pilot", "order": {"apart": 1}, "blocks": {"number": 1}}
    made(tmp_path, images, **plain)

    def answer(rows: list[KeyRow], rng: np.random.Generator) -> dict[str, Any]:
        sure = rng.normal(3 + (rows[0].truth == "cancer") * (rows[0].arm == "original"), 1)
        return {"cancer": int(np.clip(round(sure), 1, 5)), "altered": bool(rng.random() < 0.5)}

    read_all(tmp_path, 3, answer)
    with open_study(tmp_path) as store:
        opened = open_key(store, tmp_path / "study", tmp_path / "key")
    found = {pilot.question: pilot for pilot in pilots(opened.key.study, opened.reads)}
    assert {name: one.effect for name, one in found.items()} == {
        "cancer": "altered against original",
        "altered": "guessing (0.5)",
    }
    wide = opened.reads[opened.reads["question"] == "cancer"].pivot_table(
        index=["arm", "reader"], columns="case", values="value", aggfunc="first"
    )
    ratings = np.stack([wide.loc[arm].to_numpy(float) for arm in ("original", "altered")])
    truth = [int(case[-2:]) % 2 == 0 for case in wide.columns]
    theirs = reader_study_power(reader_study_auc(truth, ratings), 0.1, 5, 100)
    assert found["cancer"].power(0.1, 5, 100) == pytest.approx(theirs, rel=1e-12)
    done = CliRunner().invoke(
        app,
        [
            *("readers", "plan", str(tmp_path / "study"), "--key", str(tmp_path / "key")),
            *("--difference", "0.1", "--cases", "100"),
        ],
    )
    assert done.exception is None, done.output
    assert f"{theirs:.2f}" in done.output
    needed = found["cancer"].cases(0.1, 10, 0.8)
    assert ("no number is enough" if needed is None else str(needed)) in done.output
    with pytest.raises(PlanError, match="a difference other than 0"):
        found["cancer"].cases(0, 5, 0.8)
    with pytest.raises(PlanError, match="nothing to plan from in this study: no answers"):
        pilots(opened.key.study, opened.reads[:0])


def test_repeats_tell_how_readers_agree_with_themselves(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", n_cases=12, side=8)
    made(tmp_path, images, repeats=6, order={"apart": 2}, training={"cases": 2})

    def answer(rows: list[KeyRow], _rng: np.random.Generator) -> dict[str, Any]:
        return {"altered": int(rows[0].stimulus, 16) % 2 == 0}

    found = read_and_analysed(tmp_path, 2, answer)
    own = [r for r in found.figures if r.measure == "Gwet's AC with self"]
    assert [r.estimate and (r.estimate.value, r.estimate.n) for r in own] == [(1.0, 6)] * 2


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Twelve kept examples, one of which the probe did not change."""
    run = RunDirectory(tmp_path / "run")
    run.open(synthetic.plan(), {"model": "m"})
    rng = np.random.default_rng(0)
    rows, examples = [], []
    for number in range(12):
        image = rng.integers(20, 200, (1, 10, 14)).astype(np.uint8)
        rows.append(
            Finding(
                case_id=f"case-{number:02d}",
                group=f"g{number // 2}",
                truth="nv" if number % 2 else "mel",
                probe="pgd-linf-2",
                stored="lossless",
                l0=float(number > 0),
            )
        )
        examples.append(
            Example(
                case_id=f"case-{number:02d}",
                probe="pgd-linf-2",
                original=PngCodec().encode(image),
                perturbed=PngCodec().encode(image + np.uint8(number > 0)),
                suffix=".png",
            )
        )
    run.write_unit("unit", rows, examples)
    return run


def test_cases_of_an_audit(run: RunDirectory, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    arms = {"original": {"cases": 4}, "altered": {"probe": "pgd-linf-2", "cases": 6}}
    file.write_text(json.dumps(fields(arms=arms)))
    done = CliRunner().invoke(
        app,
        [
            *("readers", "create", str(file), "--run", str(run.path)),
            *("--out", str(tmp_path / "study"), "--key", str(tmp_path / "key")),
        ],
    )
    assert done.exception is None, done.output
    _, rows = read_key(tmp_path / "key")
    assert pd.Series([row.arm for row in rows]).value_counts().to_dict() == {
        "altered": 6,
        "original": 4,
    }
    assert "case-00" not in {row.case for row in rows}
    assert {row.truth for row in rows} == {"nv", "mel"}
    wrong = load_study(fields(arms={"original": {}, "altered": {"probe": "pgd-linf-3"}}))
    with pytest.raises(PlanError, match="did you mean 'pgd-linf-2'"):
        from_run(run, wrong)


def test_a_drawn_image_set_becomes_a_study(run: RunDirectory, tmp_path: Path) -> None:
    drawn, key = tmp_path / "set", tmp_path / "set.csv"
    draw_image_set(run, "pgd-linf-2", folder=drawn, key=key, n_perturbed=5, n_original=4)
    study = load_study(fields(arms={"original": {}, "perturbed": {"probe": "pgd-linf-2"}}))
    made = create_study(
        study, from_drawn(drawn, key, study), folder=tmp_path / "s", key=tmp_path / "k"
    )
    assert (made.n_images, made.n_cases) == (9, 9)
    _, rows = read_key(tmp_path / "k")
    assert sum(row.arm == "perturbed" for row in rows) == 5


def test_the_database_says_nothing_of_arms(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", n_cases=8, side=8)
    positive = {"positive": {"altered": {"arm": "altered"}}}
    made(tmp_path, images, training={"cases": 2}, analysis=positive)
    with open_study(tmp_path) as store, store.reading() as session:
        rows = list(session.scalars(sa.select(StimulusRow)))
    of_training = {row.arm_token for row in rows if row.training}
    assert len(of_training) == 2
    assert not of_training & {row.arm_token for row in rows if not row.training}
    assert all(row.answer == {} for row in rows if not row.training)
    content = (tmp_path / "study" / "database.sqlite").read_bytes()
    content += (
        (tmp_path / "study" / "database.sqlite-wal").read_bytes()
        if (tmp_path / "study" / "database.sqlite-wal").exists()
        else b""
    )
    assert b"original" not in content
    assert b"case-0" not in content


def _missing(images: Path) -> None:
    (images / "altered" / "case-03.png").unlink()


def _other_size(images: Path) -> None:
    data = PngCodec().encode(np.zeros((3, 9, 8), np.uint8))
    (images / "altered" / "case-03.png").write_bytes(data)


def _no_arm(images: Path) -> None:
    for path in (images / "altered").iterdir():
        path.unlink()


def _table(text: str) -> Callable[[Path], None]:
    def write(images: Path) -> None:
        (images / "cases.csv").write_text(text)

    return write


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_missing, "case-03 has no image in the arm 'altered'"),
        (_other_size, "case-03: the images of its arms differ"),
        (_no_arm, "altered holds no images"),
        (_table("case,truth\nx,1\n"), "names x, without an image"),
        (_table("case,thruth\ncase-01,1\n"), "did you mean 'truth'"),
        (_table("case\ncase-01\ncase-01\n"), "two rows for case-01"),
        (_table("case,lesions\ncase-01,here\n"), "expected x,y or x,y,slice"),
        (_table("case,training\ncase-01,maybe\n"), "expected yes or no"),
        (_table("name\ncase-01\n"), "lacks the column case"),
    ],
)
def test_images_that_do_not_fit(damage: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", n_cases=5, side=8)
    damage(images)
    with pytest.raises(DataError, match=said):
        made(tmp_path, images, shown="crossed")
    assert not (tmp_path / "study").exists()


def test_a_case_that_lacks_an_arm_is_named(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", n_cases=5, side=8)
    _missing(images)
    with pytest.raises(DataError, match="case-03 has no image in the arm 'altered', but other"):
        made(tmp_path, images)


def test_unbalanced_arms_and_folders_in_use(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", n_cases=5, side=8)
    with pytest.raises(PlanError, match="9 cases are wanted in all arms, but 5 can be read"):
        made(tmp_path, images, arms={"original": {"cases": 4}, "altered": {"cases": 5}})
    with pytest.raises(PlanError, match="cases: 9 to read"):
        made(tmp_path, images, cases=9)
    study = load_study(fields(arms={"original": {}, "altered": {}}))
    cases = from_folder(images, study)
    with pytest.raises(PlanError, match="which is served"):
        create_study(study, cases, folder=tmp_path / "s", key=tmp_path / "s" / "key")
    with pytest.raises(DataError, match="not an empty folder"):
        create_study(study, cases, folder=images, key=tmp_path / "key")


def test_steps_out_of_order_are_one_line_each(tmp_path: Path) -> None:
    store = bare(tmp_path, truth_set_by=["expert"])
    invite(store, ["r1"])
    with pytest.raises(PlanError, match="r1 has been invited already; give --renew"):
        invite(store, ["r2", "r1"])
    with pytest.raises(PlanError, match="r3 is named twice"):
        invite(store, ["r3", "r3"])
    with pytest.raises(PlanError, match="expert set the truth"):
        invite(store, ["expert"])
    with pytest.raises(PlanError, match="nobody called 'r2'"):
        invite(store, ["r2"], renew=True)
    with pytest.raises(PlanError, match="the study is open; close it"):
        analyse_study(store, tmp_path, tmp_path)
    with pytest.raises(PlanError, match=r"not finished: r1 \(6 left\)"):
        close(store)
    close(store, with_open_reads=True)
    with pytest.raises(PlanError, match="closed already"):
        close(store)
    with pytest.raises(PlanError, match="nobody can be invited"):
        invite(store, ["r4"])
    store.close()


def test_databases_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is absent; a study is made by"):
        Store.open(database_url(tmp_path, None))
    store = bare(tmp_path)
    with pytest.raises(DataError, match="holds a study already"):
        Store.open(database_url(tmp_path, None), create=True)
    with store.writing() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(DataError, match=r"is of version 9999, .* update Plexor"):
        Store.open(database_url(tmp_path, None))
    (tmp_path / "junk.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(DataError, match="cannot use the database"):
        Store.open(f"sqlite:///{tmp_path / 'junk.sqlite'}")
    for url in ("mysql://x/y", "no url"):
        with pytest.raises(PlanError, match="database: "):
            Store.open(url)


def test_tables_are_those_of_the_migrations(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from plexor.readers.tables import Base

    store = bare(tmp_path)
    with store.reading() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []
    store.close()
