"""Audits of models with a second input, on models whose worst case is known exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tests.helpers.runs import plexor
from tests.helpers.tiny import AS_STORED, batch_of
from tests.helpers.tiny import images as drawn
from torch import Tensor, nn

from plexor.attacks.features import with_features
from plexor.attacks.goals import Move
from plexor.attacks.gradient import PGD
from plexor.attacks.threat import Threat
from plexor.audits import audit
from plexor.cases import load_cohort
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import DataError, ModelError, PlanError
from plexor.models import (
    Feature,
    Features,
    ModelCard,
    ModelSource,
    Preprocess,
    Regression,
    TorchModel,
    load_model,
)
from plexor.models.architectures import build_network
from plexor.models.ensemble import Ensemble
from plexor.models.training.config import Training
from plexor.models.training.fit import train
from plexor.report import write_report

SHAPE = (1, 6, 5)
WEIGHT = torch.linspace(-1, 1, 30).reshape(SHAPE) / 30
SLOPES = {"age": 0.5, "icv": -0.02}
FEATURES = (Feature(name="icv", mean=1400, std=100), Feature(name="age", mean=50, std=10))
RADIUS = 2


class Both(nn.Module):
    """A number that is linear in the image and in the standardised features, in float64."""

    def forward(self, images: Tensor, features: Tensor) -> Tensor:
        slopes = torch.tensor([SLOPES[f.name] * f.std for f in FEATURES], dtype=torch.float64)
        of_image = (images.double() * WEIGHT).flatten(1).sum(1, keepdim=True)
        return of_image + (features.double() * slopes).sum(1, keepdim=True)


def both(features: tuple[Feature, ...] = FEATURES) -> TorchModel:
    task = Regression(unit="years")
    card = ModelCard(task=task, preprocess=AS_STORED, architecture="both", features=features)
    return TorchModel(Both(), task=task, card=card)


def write_cohort(folder: Path, *, n_cases: int = 6, icv: Mapping[int, str] | None = None) -> Path:
    generator = np.random.default_rng(0)
    lines = ["path,label,group,split,age,icv"]
    for i in range(n_cases):
        pixels = generator.integers(100, 156, SHAPE, dtype=np.uint8)
        (folder / f"{i}.png").write_bytes(PngCodec().encode(pixels))
        volume = (icv or {}).get(i, f"{1300 + 17 * i}")
        split = ("train", "validation", "test")[i // 2 % 3]
        lines.append(f"{i}.png,{40 + i},group-{i // 2},{split},{40 + 3 * i},{volume}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def plan_of(manifest: Path, *probes: dict[str, Any], **cohort: object) -> dict[str, Any]:
    about = {"manifest": str(manifest), "audit": None, "features": ["age", "icv"]} | cohort
    return {"cohort": about, "probes": list(probes), "n_examples": 2}


def pgd(*, features: Mapping[str, float] | None = None) -> dict[str, Any]:
    threat = {"norm": "linf", "radius": RADIUS, "features": dict(features or {})}
    return {"attack": "pgd", "steps": 3, "goal": {"raise": 100.0}, "threat": threat}


def test_features_reach_the_model_and_move_as_far_as_the_threat_says(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path)
    plan = plan_of(manifest, pgd(), pgd(features={"icv": 30.0}))
    run = audit(plan, out=tmp_path / "run", model=both())
    found = run.findings()
    by_image = RADIUS * float(WEIGHT.abs().sum())
    clean = found[found["probe"] == "clean"].set_index("case_id")
    for case in load_cohort(manifest, truth="number", features=("age", "icv")).cases:
        pixels = next(p for p in [PngCodec().decode(case.path.read_bytes())])
        expected = float((torch.from_numpy(pixels.astype(np.float64)) * WEIGHT).sum())
        expected += SLOPES["age"] * (case.features["age"] - 50)
        expected += SLOPES["icv"] * (case.features["icv"] - 1400)
        row = clean.loc[[case.id]]
        assert row["outputs_after"].tolist()[0][0] == pytest.approx(expected, rel=1e-5)
        assert list(row["features"].tolist()[0]) == list(case.features.values())
    for probe, beside in (("pgd-raise-100-linf-2", 0.0), ("pgd-raise-100-linf-2-icv-30", 30.0)):
        rows = found[found["probe"] == probe].set_index("case_id")
        assert rows["within_threat"].all()
        after, before = (np.stack(rows[f"outputs_{w}"].tolist()) for w in ("after", "before"))
        # the best change of both: icv falls, since its slope is negative
        assert after - before == pytest.approx(by_image + 0.02 * beside, abs=1e-3)
        start = clean.loc[rows.index, "features"]
        moved = np.stack(rows["features"].tolist()) - np.stack(start.tolist())
        assert moved == pytest.approx(np.tile([0.0, -beside], (len(rows), 1)))
    noise = found[found["probe"] == "noise-linf-2-icv-30"].set_index("case_id")
    moved = np.stack(noise["features"].tolist()) - np.stack(clean["features"].tolist())
    assert set(np.abs(moved[:, 1]).round(4)) == {30.0}
    assert len(set(np.sign(moved[:, 1]))) == 2
    assert not moved[:, 0].any()
    page = write_report(run.path).read_text()
    stored = json.loads((run.path / "summary.json").read_text())["probes"]
    (moving,) = (p for p in stored if p["id"] == "pgd-raise-100-linf-2-icv-30")
    assert moving["threat"]["features"] == {"icv": 30.0}
    assert "beside the image" in page
    assert "icv ± 30" in page


def test_an_attack_without_gradients_cannot_move_features(tmp_path: Path) -> None:
    probe = pgd(features={"icv": 1.0}) | {"attack": "square"}
    del probe["steps"]
    with pytest.raises(PlanError, match=r"square sees its scores only; .* or hold the features"):
        audit(plan_of(write_cohort(tmp_path), probe), out=tmp_path / "run", model=both())
    held = plan_of(tmp_path / "manifest.csv", probe | {"threat": {"norm": "linf", "radius": 2}})
    rows = audit(held, out=tmp_path / "held", model=both()).findings()
    assert (rows["status"] == "ok").all()


@pytest.mark.parametrize(
    ("features", "cohort", "complaint"),
    [
        (FEATURES, (), r"takes the features icv, age .* gives none; write `cohort.features: \[icv"),
        (FEATURES, ("age",), "takes the features icv, age .* gives age"),
        ((), ("age",), "`features` names age, and the model takes the image only"),
    ],
)
def test_models_and_cohorts_of_other_features_are_refused(
    tmp_path: Path, features: tuple[Feature, ...], cohort: tuple[str, ...], complaint: str
) -> None:
    plan = plan_of(write_cohort(tmp_path), features=list(cohort))
    with pytest.raises(PlanError, match=complaint):
        audit(plan, out=tmp_path / "run", model=both(features))
    assert not (tmp_path / "run").exists()


def test_a_model_itself_says_which_features_are_missing() -> None:
    images = torch.zeros(1, *SHAPE)
    age = Features(names=("age",), values=torch.zeros(1, 1))
    with pytest.raises(ModelError, match=r"takes the features icv, age .* none were given"):
        both().outputs(images)
    with pytest.raises(ModelError, match="takes the feature 'icv', which the cases do not have"):
        both().outputs(images, None, age)
    with pytest.raises(ModelError, match="takes the image only, and was given age"):
        both(()).outputs(images, None, age)


@pytest.mark.parametrize(("cell", "said"), [("", "is empty"), ("nan", "is 'nan'"), ("x", "is 'x'")])
def test_a_feature_without_a_number_names_the_case(tmp_path: Path, cell: str, said: str) -> None:
    manifest = write_cohort(tmp_path, icv={3: cell})
    with pytest.raises(DataError, match=rf"row 5: feature 'icv' of 3.png {said}, expected"):
        load_cohort(manifest, truth="number", features=("age", "icv"))
    with pytest.raises(DataError, match="unknown column 'icw'; did you mean 'icv'"):
        load_cohort(manifest, truth="number", features=("icw",))
    assert len(load_cohort(manifest, truth="number", features=("age",))) == 6


@pytest.mark.parametrize("cell", ["0", "-1400"])
def test_an_intracranial_volume_of_nothing_is_refused_by_name(tmp_path: Path, cell: str) -> None:
    manifest = write_cohort(tmp_path, icv={3: cell})
    with pytest.raises(
        DataError, match=rf"row 5: feature 'icv' of 3.png is {cell}, expected a pos"
    ):
        audit(plan_of(manifest, pgd()), out=tmp_path / "run", model=both())


def test_ages_in_months_are_refused_by_training_and_audit(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path)
    manifest.write_text(manifest.read_text().replace("4.png,44,", "4.png,528,"))
    with pytest.raises(DataError, match=r"4.png: the label is 528, expected .* is it in months\?"):
        audit(plan_of(manifest, pgd()), out=tmp_path / "run", model=both())
    cohort = load_cohort(manifest, truth="number", features=("age", "icv"))
    training = Training(
        architecture="features-only", task="regression", unit="years",
        preprocess=Preprocess(size=(8, 8)),
    )  # fmt: skip
    with pytest.raises(DataError, match=r"4.png: the label is 528, expected .* is it in months\?"):
        train(cohort, training, tmp_path / "w.safetensors")


def test_cohort_check_looks_at_the_features_of_a_plan(tmp_path: Path) -> None:
    write_cohort(tmp_path, icv={3: "?"})
    plan = plan_of(Path("manifest.csv")) | {"model": {"task": "regression"}}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    outcome = plexor("cohort", "check", tmp_path / "plan.yaml")
    assert outcome.status == 1
    assert "feature-not-a-number" in outcome.out


def test_another_value_of_a_feature_is_another_cohort(tmp_path: Path) -> None:
    one = load_cohort(write_cohort(tmp_path), truth="number", features=("icv",))
    other = load_cohort(write_cohort(tmp_path, icv={0: "1"}), truth="number", features=("icv",))
    assert one.digest != other.digest
    without = load_cohort(tmp_path / "manifest.csv", truth="number")
    first = load_cohort(write_cohort(tmp_path), truth="number")
    assert without.digest == first.digest != one.digest


def test_an_ensemble_gives_each_model_what_its_card_names() -> None:
    task = Regression(unit="years")
    alone = TorchModel(nn.Sequential(nn.Flatten(), nn.Linear(30, 1)), task=task)
    mixed = Ensemble([both(), alone], task=task)
    features = Features(names=("age", "icv"), values=torch.tensor([[60.0, 1500.0]]))
    images = torch.full((1, *SHAPE), 7.0)
    expected = (both().outputs(images, None, features) + alone.outputs(images)) / 2
    assert torch.equal(mixed.outputs(images, None, features), expected)


def test_training_learns_from_features_and_writes_them_on_the_card(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path, n_cases=12)
    cohort = load_cohort(manifest, truth="number", features=("age", "icv"))
    config = Training(
        architecture="features-only", task="regression", unit="years", epochs=1, batch_size=4,
        preprocess=Preprocess(size=(8, 8)),
    )  # fmt: skip
    train(cohort, config, tmp_path / "w.safetensors")
    model = load_model(ModelSource(weights=tmp_path / "w.safetensors"))
    seen = [case.features["age"] for case in cohort.with_split("train").cases]
    age = model.card.features[0]
    assert age.name == "age"
    assert (age.mean, age.std) == pytest.approx((float(np.mean(seen)), float(np.std(seen))))
    images = torch.zeros(1, *SHAPE)
    young, old = (
        model.outputs(images, None, Features(names=("icv", "age"), values=torch.tensor([v])))
        for v in ([1400.0, 40.0], [1400.0, 80.0])
    )
    assert not torch.equal(young, old)


def test_networks_are_refused_with_features_they_do_not_take() -> None:
    with pytest.raises(PlanError, match=r"brain-age-hybrid takes features .* none are named"):
        build_network("brain-age-hybrid", spatial_dims=3, channels=1, n_outputs=1)
    with pytest.raises(PlanError, match="brain-age takes the image only"):
        build_network("brain-age", spatial_dims=3, channels=1, n_outputs=1, n_features=2)


def test_a_radius_of_a_feature_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="radius of feature 'icv' must be positive"):
        audit(plan_of(write_cohort(tmp_path), pgd(features={"icv": 0.0})), out=tmp_path / "run",
              model=both())  # fmt: skip
    with pytest.raises(PlanError, match="unknown feature 'icw'; did you mean 'icv'"):
        audit(plan_of(tmp_path / "manifest.csv", pgd(features={"icw": 1.0})), out=tmp_path / "run",
              model=both())  # fmt: skip


def test_goals_are_measured_from_the_answer_for_features_as_they_were() -> None:
    """Without the answer before, an attack must not take that for moved features instead."""
    model = both()
    features = Features(names=("icv", "age"), values=torch.tensor([[1500.0, 60.0]]))
    batch = replace(batch_of(drawn(SHAPE, 1), [50.0]), features=features)
    threat = Threat(norm="linf", radius=1, features={"age": 4.0})
    search = PGD(steps=5, stop_at_success=True)
    found = with_features(search, model, batch, Move(by=1.5, kind="raise"), threat, seed=0)
    assert found.features is not None
    assert float(found.features.values[0, 1]) == 64.0  # half a year each: 2 years, beyond the goal
    # so that the search of the image stops where it starts: 8 gradients for each turn of features
    assert int(found.n_gradients) <= 16 + 2
