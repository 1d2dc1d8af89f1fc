"""The examples and the README's lines, run as they stand, on phantoms."""

from __future__ import annotations

import re
import runpy
import shutil
import sys
import warnings
from pathlib import Path

import pytest
from tests.helpers.shared import made_once
from tests.helpers.summary_json import read_flat
from typer.testing import CliRunner

from plexor.cases.phantoms import write_phantoms
from plexor.cli.app import app
from plexor.findings import RunDirectory
from plexor.findings.tag_results import read_tag_results
from plexor.plans import load_plan

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
PLANS = sorted((EXAMPLES / "plans").glob("*.yaml"))
N_CASES = 60
SHOWN = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)

# What "your network" is in the README's lines: sixteen patches' colours decide.
NETWORK = """
import torch
from torch import nn

torch.manual_seed(0)
network = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 3)).eval()
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        films = str(folder / "chest-phantoms")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["phantoms.py", films, str(N_CASES)])
            runpy.run_path(str(EXAMPLES / "phantoms.py"), run_name="__main__")

    return made_once(tmp_path_factory, "films", make) / "chest-phantoms"


def test_models_of_other_programs(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "others"
    script = str(EXAMPLES / "other_programs.py")
    monkeypatch.setattr(sys, "argv", [script, str(films / "manifest.csv"), str(run)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch's first exporter
        runpy.run_path(script, run_name="__main__")
    assert (run / "onnx" / "report.html").exists()
    assert (run / "server" / "report.html").exists()
    said = capsys.readouterr().out
    paid = int(re.search(r"server 127.0.0.1: square .*, asked (\d+)", said)[1])  # type: ignore[index]
    kept = len((run / "answers.jsonl").read_text().splitlines())
    assert kept == paid


def test_own_model_and_reading_its_findings(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "own"
    (tmp_path / "chest-phantoms").symlink_to(films)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / "own_model.py"), run_name="__main__")
    assert (run / "report.html").exists()
    monkeypatch.setattr(sys, "argv", ["read_findings.py", str(run)])
    runpy.run_path(str(EXAMPLES / "read_findings.py"), run_name="__main__")
    assert "withstood every attack" in capsys.readouterr().out


def test_a_monai_network_trained_by_lightning(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "monai"
    (tmp_path / "chest-phantoms").symlink_to(films)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / "monai_and_lightning.py"), run_name="__main__")
    assert (run / "report.html").exists()
    said = capsys.readouterr().out
    assert "square-linf-24" in said
    assert "MONAI's DenseNet on phantom films" in said


def test_five_readers_recognise_what_the_published_ones_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["zhou_readers.py", str(tmp_path)])
    runpy.run_path(str(EXAMPLES / "zhou_readers.py"), run_name="__main__")
    said = capsys.readouterr().out
    page = (EXAMPLES.parent / "docs" / "studies" / "zhou2021.md").read_text()
    shown = re.findall(r"^(?:sensitivity|specificity) .*$", page, re.MULTILINE)
    assert len(shown) == 7
    for line in shown:
        assert line in said
    assert "tell changed images from others" in (tmp_path / "study/analysis.html").read_text()


def test_reliance_on_markers_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Markers are planted, and the network leans on them; how far differs between processors."""
    out = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path / "films"), str(out)])
    runpy.run_path(str(EXAMPLES / "tag_reliance.py"), run_name="__main__")
    said = capsys.readouterr().out
    leans = "This model leans on burnt-in tags: covering them changes"
    assert said.startswith(
        (leans, "Burnt-in tags move this model's outputs more than other places")
    )
    assert re.search(r"another label's whole: \+\d\.\d\d logits", said)
    assert re.search(r"Curate the data: Tags alone tell opacity with an area of 0\.[789]", said)
    (found,) = read_tag_results(out).reliance
    assert found.margin.low is not None
    assert found.margin.low > 0
    assert (out / "report.html").exists()


def _run_example(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    run = folder / "run"
    monkeypatch.setattr(sys, "argv", [name, str(folder / "images"), str(run), str(N_CASES)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return RunDirectory(run)


def test_several_findings_are_hidden_and_invented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run_example("several_findings.py", tmp_path, monkeypatch)
    findings = run.findings()
    assert (findings["status"] == "ok").all()
    aimed = findings[findings["probe"] == "pgd-hide-opacity-linf-4"]
    hidden = aimed[aimed["attempted"] & aimed["reached"]]
    assert len(hidden) > 0
    assert hidden["decision_before"].str.contains("opacity").all()
    assert not hidden["decision_after"].str.contains("opacity").any()
    report = (run.path / "report.html").read_text(encoding="utf-8")
    for said in ("Label by label", "hide opacity", "within 8 pixels of the edge", "FGSM"):
        assert said in report


def test_the_age_of_a_brain_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run_example("brain_age.py", tmp_path, monkeypatch)
    findings = run.findings()
    assert (findings["status"] == "ok").all()
    lowered = findings[(findings["probe"] == "pgd-lower-5-linf-5") & findings["reached"]]
    assert len(lowered) > 0
    shift = lowered["outputs_after"].map(lambda o: o[0]) - lowered["outputs_before"].map(
        lambda o: o[0]
    )
    assert (shift < -5).all()
    summary = read_flat(run.path)
    assert all("mcnemar" not in probe for probe in summary["probes"])
    report = (run.path / "report.html").read_text(encoding="utf-8")
    for said in ("By true value", "years or more", "paired t test"):
        assert said in report
    assert "McNemar" not in report


def test_outlines_are_learnt_and_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run_example("lesion_outlines.py", tmp_path, monkeypatch)
    findings = run.findings()
    assert (findings["status"] == "ok").all()
    assert not findings["outputs_after"].map(len).any()
    broken = findings[(findings["probe"] == "pgd-lower-dice-lesion-0.5-linf-4")]
    broken = broken[broken["attempted"] & broken["reached"]]
    assert len(broken) > 0
    assert broken["dice_before"].map(lambda dice: dice[0] >= 0.5).all()
    assert broken["dice_after"].map(lambda dice: dice[0] < 0.5).all()
    summary = read_flat(run.path)
    attack, noise = (
        next(probe for probe in summary["probes"] if probe["id"] == name)
        for name in ("pgd-lower-dice-lesion-0.5-linf-4", "noise-linf-4")
    )
    assert attack["dice"]["value"] < noise["dice"]["value"] - 0.1
    report = (run.path / "report.html").read_text(encoding="utf-8")
    for said in ("Outlines", "erase lesion", "Dashed yellow", 'class="outline"'):
        assert said in report


def test_one_perturbation_is_fitted_on_one_split_and_judged_on_another(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "universal.safetensors"
    monkeypatch.setattr(sys, "argv", ["universal.py", str(films / "manifest.csv"), str(found)])
    runpy.run_path(str(EXAMPLES / "universal.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert "fitted on 36 films, judged on 12 others, 0 in both" in shown
    shares = re.findall(r"(one perturbation|noise): (\d+) % \((\d+) to (\d+); n = (\d+)", shown)
    (_, attack, *_), (_, noise, *_) = shares
    assert int(attack) > int(noise)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: str(path.stem))
def test_each_plan_is_valid(path: Path) -> None:
    plan = load_plan(path)
    assert plan.training().architecture
    assert len(plan.all_probes()) > 2


def test_the_plan_for_phantoms_trains_and_audits(films: Path, tmp_path: Path) -> None:
    shutil.copytree(films, tmp_path / "chest-phantoms")
    plan = tmp_path / "examples" / "plans" / "phantoms.yaml"
    plan.parent.mkdir(parents=True)
    shutil.copy(EXAMPLES / "plans" / "phantoms.yaml", plan)
    run = tmp_path / "run"
    for command in (["train", str(plan)], ["audit", str(plan), "--out", str(run)]):
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    findings = RunDirectory(run).findings()
    assert set(findings["probe"]) == {probe.id for probe in load_plan(plan).all_probes()}
    assert (findings["status"] == "ok").all()


def test_the_lines_in_the_readme_give_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    write_phantoms("lesion", tmp_path / "images", n_cases=N_CASES, seed=0)
    (tmp_path / "mymodel.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mymodel", raising=False)
    exec(compile(blocks[0], "README.md", "exec"), {})  # noqa: S102
    assert "decision_after" in capsys.readouterr().out
    assert (tmp_path / "runs" / "mine" / "report.html").exists()


@pytest.fixture(scope="module")
def workplace(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader stands after the first audit."""

    def make(folder: Path) -> None:
        done = CliRunner().invoke(
            app,
            ["demo", "--out", str(folder / "demo"), "--cases", str(N_CASES)],
            catch_exceptions=False,
        )
        assert done.exit_code == 0, done.output
        shutil.copytree(films, folder / "chest-phantoms")

    return made_once(tmp_path_factory, "workplace", make)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if SHOWN.search(page.read_text())],
    ids=lambda page: str(page.relative_to(ROOT / "docs")),
)
def test_python_in_the_docs_does_what_it_shows(
    page: Path,
    workplace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(workplace, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code, shown in SHOWN.findall(page.read_text()):
        capsys.readouterr()
        exec(compile(code, page.name, "exec"), names)  # noqa: S102
        if shown:
            assert capsys.readouterr().out == shown
