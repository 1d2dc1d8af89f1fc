"""Training on several findings and on numbers: what is kept is what the saved model does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from plexor.cases import Cohort, load_cohort, read_image
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import PlanError
from plexor.models import Batch, Multilabel, Preprocess, Regression, encode, load_model
from plexor.models.loading import ModelSource
from plexor.models.training.config import Training
from plexor.models.training.fit import TrainingResult, train

SIDE = 16
SPLITS = ("train",) * 24 + ("validation",) * 12
PREPARED = Preprocess(size=(SIDE, SIDE), window=(0, 255), mean=(0.5,), std=(0.25,))


def _write(folder: Path, images: list[NDArray[Any]], labels: list[str], truth: Any) -> Cohort:
    lines = ["path,label,split"]
    for number, (pixels, label, split) in enumerate(zip(images, labels, SPLITS, strict=True)):
        (folder / f"{number}.png").write_bytes(PngCodec().encode(pixels.astype(np.uint8)))
        lines.append(f"{number}.png,{label},{split}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_cohort(folder / "manifest.csv", truth=truth)


def _trained(cohort: Cohort, config: Training, folder: Path) -> tuple[TrainingResult, Any, Any]:
    """The result, and the saved model's outputs and labels of the validation split."""
    result = train(cohort, config, folder / "w.safetensors")
    model = load_model(ModelSource(weights=result.weights))
    cases = cohort.with_split("validation").cases
    labels = encode(model.task, [case.truth for case in cases])
    images = [read_image(case.path) for case in cases]
    batch = Batch.of([case.id for case in cases], images, labels, torch.device("cpu"))
    with torch.no_grad():
        outputs = model.outputs(batch.images, batch.context)
    return result, outputs.numpy(), labels.numpy()


def test_a_number_is_learnt_in_its_unit(tmp_path: Path) -> None:
    """Brighter images are older, by years far from 0 and 1."""
    generator = np.random.default_rng(0)
    ages = generator.uniform(200, 400, len(SPLITS))
    images = [
        np.clip(age / 2 + generator.normal(0, 8, (1, SIDE, SIDE)), 0, 255).round() for age in ages
    ]
    cohort = _write(tmp_path, images, [f"{age:.3f}" for age in ages], "number")
    config = Training(
        architecture="small-cnn", task="regression", unit="years", loss="l1",
        preprocess=PREPARED, epochs=12, batch_size=8, learning_rate=0.01,
    )  # fmt: skip
    result, outputs, labels = _trained(cohort, config, tmp_path)
    errors = outputs[:, 0] - labels
    assert result.score == "mae"
    assert result.figures["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    assert result.figures["rmse"] == pytest.approx(np.sqrt(np.square(errors).mean()), rel=1e-4)
    assert result.figures["mae"] < 0.5 * np.abs(labels - labels.mean()).mean()
    model = load_model(ModelSource(weights=result.weights))
    assert model.task == Regression(unit="years")
    assert model.card.training["validation_mae"] == result.figures["mae"]


def test_several_findings_are_learnt_each_by_itself(tmp_path: Path) -> None:
    """The left half is bright where there is "a", the lower half where there is "b"."""
    generator = np.random.default_rng(0)
    images, labels = [], []
    for _ in SPLITS:
        there = generator.random(2) < 0.5
        pixels = generator.normal(90, 15, (1, SIDE, SIDE))
        pixels[..., : SIDE // 2] += 70 * there[0]
        pixels[..., SIDE // 2 :, :] += 70 * there[1]
        images.append(np.clip(pixels, 0, 255).round())
        labels.append(
            "|".join(name for name, is_there in zip("ab", there, strict=True) if is_there)
        )
    cohort = _write(tmp_path, images, labels, "findings")
    config = Training(
        architecture="small-cnn", task="multilabel", preprocess=PREPARED, epochs=12,
        batch_size=8, learning_rate=0.01,
    )  # fmt: skip
    result, outputs, truth = _trained(cohort, config, tmp_path)
    areas = []
    for column in range(2):
        there = truth[:, column] == 1
        u = scipy_stats.mannwhitneyu(outputs[there, column], outputs[~there, column]).statistic
        areas.append(u / (there.sum() * (~there).sum()))
    assert result.figures["mean_auc"] == pytest.approx(np.mean(areas))
    assert result.figures["accuracy"] == ((outputs > 0) == truth).all(axis=1).mean()
    assert result.figures["mean_auc"] > 0.85
    assert load_model(ModelSource(weights=result.weights)).task == Multilabel(classes=("a", "b"))


def test_a_number_without_a_unit_is_refused(tmp_path: Path) -> None:
    images = [np.full((1, SIDE, SIDE), n) for n in range(len(SPLITS))]
    cohort = _write(tmp_path, images, [str(n) for n in range(len(SPLITS))], "number")
    config = Training(architecture="small-cnn", task="regression", preprocess=PREPARED)
    with pytest.raises(PlanError, match="a regression needs `unit`"):
        train(cohort, config, tmp_path / "w.safetensors")
