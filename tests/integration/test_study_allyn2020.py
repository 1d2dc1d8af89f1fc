"""A study at its smallest scale, stopped on the way and gone on with, to its report."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.helpers.page import Page
from tests.helpers.runs import plexor
from tests.helpers.shared import made_once

from plexor.audits import cohort_of
from plexor.core.errors import DataError, ModelError, PlanError, RunDirectoryError
from plexor.core.progress import Advance, stepping
from plexor.findings import RunDirectory
from plexor.findings.study_file import Number, StudyResult, read_study
from plexor.plans import load_plan
from plexor.studies import Request, run_study
from plexor.studies.allyn2020.layout import NAEVUS, read_layout
from plexor.studies.allyn2020.phantoms import write_phantoms
from plexor.studies.allyn2020.plans import ARMS, PUBLISHED


def request(out: Path, **changes: object) -> Request:
    return Request(**{"out": out, "scale": "smoke", "device": "cpu"} | changes)  # type: ignore[arg-type]


@contextlib.contextmanager
def stopping(title: str, _unit: str) -> Iterator[Advance]:
    """Stops, as Ctrl-C does, in the midst of the second audit's fits."""

    def advance(done: int, _total: int, note: str, **_: object) -> None:
        if "audit, clean" in title and note.startswith("fit") and done > 0:
            raise KeyboardInterrupt

    yield advance


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's directory after a run that was stopped, and one that went on."""
    return made_once(tmp_path_factory, "study", _stopped_and_resumed) / "allyn2020"


def _stopped_and_resumed(base: Path) -> None:
    folder = base / "allyn2020"
    with pytest.raises(KeyboardInterrupt):
        run_study("allyn2020", request(folder), watch=stopping)
    assert not (folder / "study.json").exists()
    told = plexor("study", "run", "allyn2020", "--scale", "smoke", "--out", folder)
    assert (told.status, "Traceback" in told.err) == (0, False), told.err
    assert "step 5 of 8, audit, clean" in told.out
    assert f"report: {folder / 'report.html'}" in told.out


@pytest.fixture(scope="module")
def result(out: Path) -> StudyResult:
    return read_study(out)


def test_every_figure_stands_beside_the_published_one(result: StudyResult) -> None:
    assert [row.id for row in result.rows] == [
        "accuracy-before",
        "accuracy-after",
        "mcnemar",
        "fooling",
        "sensitivity",
        "specificity",
        "kappa",
    ]
    for row in result.rows[:4]:
        for arm in ("as-published", "clean"):
            ours = row.ours[arm]
            assert ours is not None
            assert ours.n is not None
            assert ours.n_groups is not None
            assert 0 < ours.n_groups < ours.n
            assert row.agreement[arm].word == "no verdict", "the images are drawn"
    for row in result.rows[4:]:
        assert {found.word for found in row.agreement.values()} == {"not measured here"}


def test_the_generators_did_something(result: StudyResult) -> None:
    size = next(table for table in result.tables if table.id == "size")
    row = next(
        row
        for row in size.rows
        if row.detail == "8 levels" and row.name == "Generator, an image at a time"
    )
    for arm in (0, 1):
        turned, _, noise, _ = row.cells[4 * arm : 4 * arm + 4]
        assert isinstance(turned, Number)
        assert isinstance(noise, Number)
        assert turned.value is not None
        assert noise.value is not None
        assert turned.value > noise.value + 0.2


def test_every_image_is_in_its_arms_confusions(result: StudyResult) -> None:
    by_class = next(table for table in result.tables if table.id == "fooling-by-class")
    assert [found.arm for found in by_class.confusions] == ["as-published", "clean"]
    for arm, found in enumerate(by_class.confusions, 1):
        naevus = found.classes.index(NAEVUS)
        rows = [row for row in by_class.rows if row.name in found.classes]
        for row, before, after in zip(rows, found.before, found.after, strict=True):
            turned = row.cells[arm]
            assert isinstance(turned, Number)
            assert sum(before) == sum(after) == turned.n
            assert turned.value == pytest.approx(after[naevus] / sum(after))
        assert sum(map(sum, found.transitions)) == sum(map(sum, found.before))


def test_only_the_published_arm_splits_lesions(out: Path, result: StudyResult) -> None:
    leak = next(table for table in result.tables if table.id == "leak")
    shared = leak.rows[0].cells[0]
    assert isinstance(shared, Number)
    assert shared.value is not None
    assert shared.value > 0.3
    for arm in ARMS:
        cohort = cohort_of(load_plan(out / arm / "plan.yaml"))
        lesion = {case.id: case.id.rpartition("-")[0] for case in cohort.cases}
        split = {name: {lesion[c.id] for c in cohort.with_split(name).cases} for name in SPLITS}
        overlap = split["test"] & (split["train"] | split["validation"])
        assert bool(overlap) is (arm == PUBLISHED)


SPLITS = ("train", "validation", "test")


def test_the_page_and_each_arms_page_are_there(out: Path, result: StudyResult) -> None:
    page = Page((out / "report.html").read_text(encoding="utf-8"))
    assert "The images are phantoms" in page.text
    assert "Called a naevus once changed, all images" in page.text
    for arm in result.arms:
        assert (out / arm.run / "report.html").is_file()
        for command in arm.commands:
            assert (out / command.split()[2]).is_file()


def test_observers_are_shown_what_the_main_generator_made(out: Path, tmp_path: Path) -> None:
    told = plexor(
        "readers", "draw", out / PUBLISHED, "--probe", "generator-to-nv-linf-8",
        "--out", tmp_path / "set", "--key", tmp_path / "key.csv",
        "--perturbed", "3", "--original", "2",
    )  # fmt: skip
    assert told.status == 0, told.err
    assert len(list((tmp_path / "set").glob("*.png"))) == 5
    told = plexor(
        "readers", "draw", out, "--probe", "generator-to-nv-linf-8",
        "--out", tmp_path / "other", "--key", tmp_path / "other.csv",
    )  # fmt: skip
    assert f"{out} is a study, with a run for each arm; name one of {out / PUBLISHED}" in told.err


def test_seeds_and_held_out_images_are_added_to_a_finished_study(out: Path, tmp_path: Path) -> None:
    more = write_phantoms(tmp_path / "more", n_lesions=60, side=48, seed=7, prefix="other")
    copied = tmp_path / "study"
    shutil.copytree(out, copied)
    found = run_study("allyn2020", request(copied, heldout=more, seeds=2))
    assert [arm.name for arm in found.arms] == [*ARMS, "held-out"]
    assert found.rows[0].ours["held-out"] is not None
    assert found.rows[0].ours["held-out"].n == len(read_layout(more))
    table = next(table for table in found.tables if table.id == "seeds")
    assert table.columns == ("Figure", "seed 0", "seed 1", "spread")
    first = {row.id: row.ours for row in found.rows}
    for row in table.rows:
        assert isinstance(row.cells[0], Number)
        assert isinstance(row.cells[1], Number)
        if row.name == "Accuracy, untouched":
            assert row.cells[0] == first["accuracy-before"][row.detail]
    judged = [
        set(RunDirectory(folder / "clean" / "run").findings()["case_id"])
        for folder in (copied, copied / "seed-1")
    ]
    assert judged[0] != judged[1], "every seed splits anew"
    page = (copied / "study.json").read_text()
    with pytest.raises(DataError, match="values of image_id are among the study's other images"):
        run_study("allyn2020", request(copied, heldout=copied / "phantoms"))
    assert (copied / "study.json").read_text() == page


def test_once_more_changes_nothing(out: Path) -> None:
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.suffix != ".html"]
    before = {path: path.read_bytes() for path in files}
    run_study("allyn2020", request(out))
    assert {path: path.read_bytes() for path in files} == before


def test_weights_that_are_given_are_taken_if_they_fit(out: Path, tmp_path: Path) -> None:
    clean = out / "clean" / "weights.safetensors"
    fresh = tmp_path / "fresh"

    @contextlib.contextmanager
    def until_audit(title: str, _unit: str) -> Iterator[Advance]:
        if "audit, as-published" in title:
            raise KeyboardInterrupt
        with stepping("", unit="", quiet=True) as advance:
            yield advance

    with pytest.raises(ModelError, match="is of another training: `cohort_sha256` is"):
        run_study("allyn2020", request(fresh, weights={PUBLISHED: clean}))
    published = out / PUBLISHED / "weights.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run_study("allyn2020", request(fresh, weights={PUBLISHED: published}), watch=until_audit)
    assert (fresh / PUBLISHED / "weights.safetensors").read_bytes() == published.read_bytes()
    assert not (fresh / PUBLISHED / "weights.checkpoints").exists()


def test_a_directory_of_another_scale_is_refused(out: Path, tmp_path: Path) -> None:
    plan = out / PUBLISHED / "plan.yaml"
    written = plan.read_text()
    changed = yaml.safe_load(written)
    changed["train"]["epochs"] = 99
    plan.write_text(yaml.safe_dump(changed, sort_keys=False))
    try:
        with pytest.raises(RunDirectoryError, match="another scale"):
            run_study("allyn2020", request(out))
    finally:
        plan.write_text(written)


def test_requests_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="needs the real images"):
        run_study("allyn2020", request(tmp_path, scale="small"))
    with pytest.raises(PlanError, match="unknown scale 'smokey'; did you mean 'smoke'"):
        request(tmp_path, scale="smokey")
    with pytest.raises(PlanError, match="unknown arm 'cleam'; did you mean 'clean'"):
        run_study("allyn2020", request(tmp_path, weights={"cleam": tmp_path}))
    with pytest.raises(PlanError, match="seeds: expected at least 1, got 0"):
        request(tmp_path, seeds=0)
    with pytest.raises(PlanError, match="li2020 takes neither --heldout nor --seeds; allyn2020"):
        run_study("li2020", request(tmp_path, seeds=2))
    with pytest.raises(PlanError, match="unknown study"):
        run_study("allyn", request(tmp_path))
    refused = plexor("study", "run", "allyn2020", "--weights", "clean", "--out", tmp_path)
    assert "--weights: expected ARM=FILE, got 'clean'" in refused.err
