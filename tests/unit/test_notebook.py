"""What a notebook shows of a run, a cohort, a plan and a model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.helpers.synthetic_run import write
from tests.helpers.tiny import Linear, model_of, multiclass

import plexor
from plexor.cases import Case, Cohort
from plexor.notebook import Examples


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> plexor.Run:
    folder = tmp_path_factory.mktemp("notebook")
    Image.new("RGB", (8, 8), (90, 60, 50)).save(folder / "lesion-0.jpg")
    write(folder / "run", n_cases=60, images=folder, names={"lesion-0": "nv"})
    return plexor.Run(folder / "run")


def test_a_run_shows_its_figures(run: plexor.Run) -> None:
    summary = run.summary()
    overview = run.overview().set_index("probe")
    clean = summary.clean.lossless.main
    assert overview.loc["clean", "accuracy"] == clean.value
    attack = summary.attacks[0]
    assert overview.loc[attack.id, "success"] == attack.lossless.success.value
    shown = repr(run)
    for words in ("60 cases", attack.id, "accuracy"):
        assert words in shown
        assert words in run._repr_html_()
    assert list(run.findings().columns[:4]) == ["case_id", "probe", "stored", "truth"]


def test_its_examples_are_pictures(run: plexor.Run) -> None:
    examples = run.examples()
    probe = examples[0].probe
    assert {one.probe for one in examples.of(probe)} == {probe}
    assert examples.of(probe)._repr_html_().count("data:image/png") == 3 * len(examples.of(probe))
    assert "no examples" in Examples([])._repr_html_()
    assert isinstance(examples[:1], Examples)


def test_it_writes_its_report(run: plexor.Run) -> None:
    assert "run.report() writes it" in run._repr_html_()
    page = run.report()
    assert page.exists()
    assert str(page) in run._repr_html_()


def test_an_empty_run_says_so(tmp_path: Path) -> None:
    assert "nothing here yet" in repr(plexor.Run(tmp_path))
    assert "nothing here yet" in plexor.Run(tmp_path)._repr_html_()


def test_cohort_plan_and_model_are_one_line() -> None:
    cases = tuple(
        Case(
            id=str(i), path=Path(f"{i}.png"), truth="ab"[i % 2], group="g", split=("x", "y")[i > 2]
        )
        for i in range(5)
    )
    cohort = Cohort(name="<films>", cases=cases, classes=("a", "b"))
    assert repr(cohort) == "Cohort(<films>: 5 cases of 1 groups; x 3, y 2; a 3, b 2)"
    assert "<th>a</th><td>2</td><td>1</td>" in cohort._repr_html_()
    assert "<films>" not in cohort._repr_html_()
    attack = {"attack": "fgsm", "threat": {"norm": "linf", "radius": 2}}
    plan = plexor.load_plan({"cohort": {"manifest": "m.csv"}, "probes": [attack]})
    assert repr(plan) == "Plan(audit: cohort m.csv; probes clean, fgsm-linf-2, noise-linf-2)"
    assert "unit_size: 64" in plan._repr_html_()
    model = model_of(Linear(torch.zeros(3, 1, 2, 2)), multiclass(3))
    assert repr(model).startswith("TorchModel(Linear: multiclass of a, b, c; any size; on cpu")
