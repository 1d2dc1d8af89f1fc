"""A surrogate trained on what a model answers, from the command line to an audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helpers.model_server import CLASSES, serving
from tests.helpers.runs import plexor, write_lesions

from plexor.audits import cohort_of
from plexor.audits.answers import teach
from plexor.cases import load_cohort
from plexor.core.errors import DataError, PlanError
from plexor.models.weights import read_card
from plexor.plans import load_plan


def plans(folder: Path, url: str) -> tuple[Path, Path]:
    """A plan that audits a server, and one that trains on the same cohort."""
    write_lesions(folder, n_cases=36)
    cohort = {
        "manifest": "manifest.csv",
        "split": {"train": 0.5, "validation": 0.25, "test": 0.25},
    }
    served: dict[str, Any] = {
        "cohort": cohort,
        "model": {
            "url": url,
            "request": {"ledger": "answers.jsonl"},
            "response": {"path": "predictions"},
            "outputs": "decisions",
            "classes": list(CLASSES),
        },
        "probes": [
            {
                "attack": "transfer",
                "surrogates": ["surrogate.safetensors"],
                "threat": {"norm": "linf", "radius": 8, "access": "none"},
            }
        ],
    }
    learns = {
        "cohort": cohort,
        "model": {"weights": "surrogate.safetensors"},
        "train": {
            "architecture": "small-cnn",
            "preprocess": {"size": [32, 32]},
            "epochs": 1,
            "batch_size": 8,
        },
        "probes": [{"attack": "pgd", "threat": {"norm": "linf", "radius": 1}}],
    }
    paths = folder / "served.yaml", folder / "learns.yaml"
    for path, plan in zip(paths, (served, learns), strict=True):
        path.write_text(yaml.safe_dump(plan))
    return paths


def test_a_surrogate_learns_from_decisions_that_are_paid_once(tmp_path: Path) -> None:
    with serving() as (url, state):
        served, learns = plans(tmp_path, f"{url}/decisions")
        said = plexor("train", learns, "--answers-of", served)
        card = read_card(tmp_path / "surrogate.safetensors")
        assert card is not None
        about: Any = card.training["answers_of"]
        n_asked = about["n_cases"]
        assert (len(state.asked), about["access"]) == (n_asked, "decisions")
        assert f"decided {n_asked} cases" in said.out
        assert card.task.classes == CLASSES
        audited = len(load_cohort(tmp_path / "manifest.csv")) - n_asked
        plexor("audit", served, "--out", tmp_path / "run")
        n_after = len(state.asked)
        assert "sent 0 images" in plexor("train", learns, "--answers-of", served).out
        assert len(state.asked) == n_after
    found = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert found["surrogates"][0]["training"]["answers_of"] == about
    assert len(found["images"]) == audited


def test_answers_take_the_place_of_labels(tmp_path: Path) -> None:
    with serving() as (url, _):
        served, _ = plans(tmp_path, f"{url}/decisions")
        plan = load_plan(served)
        cohort = cohort_of(plan)
        learned, about = teach(cohort, plan, "multiclass")
    assert {case.split for case in learned.cases} == {"train", "validation"}
    labels = {case.id: case.truth for case in cohort.cases}
    agree = sum(labels[case.id] == case.truth for case in learned.cases)
    assert about.n_agree == agree < len(learned.cases) == about.n_paid


def test_what_cannot_be_learned_is_refused(tmp_path: Path) -> None:
    with serving() as (url, _):
        served, _ = plans(tmp_path, f"{url}/decisions")
        plan = load_plan(served)
        cohort = cohort_of(plan)
        with pytest.raises(PlanError, match="the task is binary, and the model that is asked is a"):
            teach(cohort, plan, "binary")
        first = cohort.with_split("train").cases[0].id
        few = cohort.select(lambda case: case.split != "train" or case.id == first)
        with pytest.raises(DataError, match="in no case of the train split"):
            teach(few, plan, "multiclass")
