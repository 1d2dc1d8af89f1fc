"""Readers beside the model observer and the model: figures, the page, the audit's report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special
from tests.helpers import synthetic_run as synthetic
from tests.helpers.page import Page
from tests.helpers.reader_study import fields
from tests.helpers.simulated_readers import analysed, read_all, value
from typer.testing import CliRunner

from plexor.cases.formats.png import PngCodec
from plexor.cli.app import app
from plexor.core.errors import PlanError, RunDirectoryError
from plexor.findings import Example, Finding, RunDirectory
from plexor.findings.reader_results import (
    AT_SPECIFICITY,
    MODEL,
    OBSERVER,
    keep_results,
    load_results,
    reader_studies,
)
from plexor.readers.design import load_study
from plexor.readers.prepare import KeyRow, create_study
from plexor.readers.sources import from_run
from plexor.report import reader_report, write_report
from plexor.stats import auc

PROBE = "pgd-linf-2"
N_READ, N_CASES = 16, 80
SHIFT = np.array([0.0, 2.0, 0.0])
POSITIVE = {"altered": {"arm": "altered"}}


def audit(path: Path, *, shift_where_read: float = 1.0) -> RunDirectory:
    """Cases of three channels that the probe shifts; files are kept of the first ones.

    The model is right on every untouched image, and says "nv" to every changed one.
    """
    run = RunDirectory(path)
    plan = synthetic.plan((synthetic.probe("pgd", "linf", (2,), settings=synthetic.PGD),))
    run.open(plan, {"model": "m"})
    rng = np.random.default_rng(5)
    units: dict[str, list[Finding]] = {"clean": [], PROBE: []}
    examples = []
    for number in range(N_CASES):
        truth = "nv" if number % 2 else "mel"
        seen = rng.normal(size=3)
        moved = seen + SHIFT * (shift_where_read if number < N_READ else 1.0)
        for probe, responses in (("clean", seen), (PROBE, moved)):
            units[probe].append(
                Finding(
                    case_id=f"case-{number:02d}",
                    group=f"g{number}",
                    truth=truth,
                    probe=probe,
                    stored="lossless",
                    decision_before=truth,
                    decision_after=truth if probe == "clean" else "nv",
                    outputs_before=(0.0,) * 7,
                    outputs_after=(0.0,) * 7,
                    linf=2.0 * (probe != "clean"),
                    l2=2.0 * (probe != "clean"),
                    l1=2.0 * (probe != "clean"),
                    l0=float(probe != "clean"),
                    responses=tuple(responses),
                )
            )
        if number < N_READ:
            image = rng.integers(20, 200, (3, 6, 7)).astype(np.uint8)
            encoded = [PngCodec().encode(one) for one in (image, image + np.uint8(1))]
            examples.append(
                Example(
                    case_id=f"case-{number:02d}",
                    probe=PROBE,
                    original=encoded[0],
                    perturbed=encoded[1],
                    suffix=".png",
                )
            )
    run.write_unit("clean", units["clean"], [])
    run.write_unit(PROBE, units[PROBE], examples)
    run.write_provenance(synthetic.provenance())
    return run


def study(folder: Path, run: RunDirectory, answer: Any, **changes: Any) -> Path:
    """A study of that audit in FOLDER, read by two readers."""
    arms = {"original": {}, "altered": {"probe": PROBE}}
    plan = load_study(fields(**({"arms": arms, "analysis": {"positive": POSITIVE}} | changes)))
    create_study(plan, from_run(run, plan), folder=folder / "study", key=folder / "key", seed=1)
    read_all(folder, 2, answer)
    return folder


def guess(rows: list[KeyRow], _rng: np.random.Generator) -> dict[str, Any]:
    """Says yes to every second pair of cases, whatever their arm."""
    return {"altered": int(rows[0].case[-2:]) % 4 < 2}


def test_the_observer_rates_the_images_that_were_read(tmp_path: Path) -> None:
    run = audit(tmp_path / "run")
    folder = study(tmp_path, run, guess, shown="crossed")
    found = analysed(folder, run)
    assert (found.compared, found.n_images, found.n_cases, found.notes) == (True, 32, 16, ())
    rows = run.findings().set_index(["probe", "case_id"])["responses"]
    old, new = (np.stack(rows[probe].to_list()) for probe in ("clean", PROBE))
    spread = (np.cov(old[N_READ:].T) + np.cov(new[N_READ:].T)) / 2
    template = np.linalg.solve(spread, (new - old)[N_READ:].mean(axis=0))
    ratings = np.concatenate([old[:N_READ], new[:N_READ]]) @ template
    area = auc(np.repeat([False, True], N_READ), ratings, list(range(N_READ)) * 2)
    assert value(found, "AUC", OBSERVER) == pytest.approx(area.value)
    assert value(found, "d'", OBSERVER) == pytest.approx(2**0.5 * special.ndtri(area.value))
    # Of two normal distributions two standard deviations apart.
    assert area.value == pytest.approx(special.ndtr(2 / 2**0.5), abs=0.1)
    assert value(found, AT_SPECIFICITY, OBSERVER) > value(found, "sensitivity")


def test_it_learns_nothing_from_cases_that_were_read(tmp_path: Path) -> None:
    run = audit(tmp_path / "run", shift_where_read=-1.0)
    found = analysed(study(tmp_path, run, guess, shown="crossed"), run)
    assert value(found, "AUC", OBSERVER) < 0.2


def test_the_model_beside_readers_who_diagnose(tmp_path: Path) -> None:
    run = audit(tmp_path / "run")
    options = [{"id": name, "text": name} for name in ("mel", "nv")]
    question = {"id": "dx", "ask": "What is it?", "type": "options", "options": options}
    changes: dict[str, Any] = {"questions": [question], "shown": "crossed", "analysis": {}}
    folder = study(tmp_path, run, lambda rows, _: {"dx": rows[0].truth}, **changes)
    found = analysed(folder, run)
    by_question = {
        (f.question, f.measure): f.estimate and f.estimate.value
        for f in found.figures
        if f.who == MODEL
    }
    assert by_question == {
        ("", "correct in original"): 1.0,
        ("dx", "correct in original"): 1.0,
        ("", "correct in altered"): 0.5,
        ("dx", "correct in altered"): 0.5,
        ("", "decision changed in altered"): 0.5,
    }


def test_another_run_and_too_few_cases_are_told(tmp_path: Path) -> None:
    run = audit(tmp_path / "run")
    folder = study(tmp_path, run, guess)
    other = RunDirectory(tmp_path / "other")
    other.open(synthetic.plan(), {"model": "m"})
    rows = [one for one in run.unit("clean") if one.case_id > "case-02"]
    few = [one for one in run.unit(PROBE) if one.case_id > "case-02"]
    other.write_unit("clean", rows, [])
    other.write_unit(PROBE, few, [])
    other.write_provenance(synthetic.provenance())
    with pytest.raises(PlanError, match="give the run that the study was made of"):
        analysed(folder, other)
    small = RunDirectory(tmp_path / "small")
    small.open(synthetic.plan(), {"model": "m"})
    small.write_unit("clean", run.unit("clean")[: N_READ + 2], [])
    small.write_unit(PROBE, run.unit(PROBE)[: N_READ + 2], [])
    small.write_provenance(synthetic.provenance())
    found = analysed(folder, small)
    assert any("2 changed cases of groups that no reader saw" in note for note in found.notes)
    assert any("none of the files that the audit keeps" in note for note in found.notes)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    run = audit(folder / "run")
    study(folder, run, guess)
    done = CliRunner().invoke(
        app,
        [
            *("readers", "analyse", str(folder / "study"), "--key", str(folder / "key")),
            *("--run", str(run.path), "--out", str(folder / "a.json")),
        ],
        catch_exceptions=False,
    )
    assert "section added to the audit's report" in done.output
    return folder


def test_the_page_and_the_section_say_it_in_words(shown: Path) -> None:
    run = RunDirectory(shown / "run")
    (kept,) = reader_studies(run)
    assert kept == load_results(shown / "a.json")
    for html in ((shown / "a.html").read_text(), (shown / "run" / "report.html").read_text()):
        page = Page(html)
        for said in (
            "It was not shown that readers can tell changed images from others; the model's",
            "The 2 readers recognised",
            "has two shares that add up to 100",
            "The model observer, a statistical detector that knows this change",
            "with the readers' specificity it recognises",
            "The model decides correctly in 100.0",
            "Reader by reader",
            "model observer, same specificity",
        ):
            assert said in " ".join(page.text.split()).replace("\N{NO-BREAK SPACE}", " "), said


def test_a_damaged_analysis_is_named(shown: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    plain = json.loads((shown / "a.json").read_text())
    path.write_text(json.dumps(plain | {"arms": "none"}))
    with pytest.raises(RunDirectoryError, match=r"x\.json is not the analysis of a reader study"):
        load_results(path)


def test_the_page_escapes_what_people_wrote(shown: Path, tmp_path: Path) -> None:
    results = load_results(shown / "a.json")
    from dataclasses import replace

    odd = "<script>alert(1)</script>"
    figures = tuple(replace(f, who=f.who.replace("r0", odd)) for f in results.figures)
    html = reader_report(replace(results, title=odd, figures=figures, notes=(odd,)))
    assert "<script>alert" not in html
    run = audit(tmp_path / "run")
    keep_results(run, replace(results, title=odd))
    assert "<script>alert" not in write_report(run.path).read_text()
