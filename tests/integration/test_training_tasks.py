"""Training on several findings and on numbers: what is kept is what the saved model does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from plexor.cases import Cohort, load_cohort, read_case, read_image, truth_of
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import PlanError
from plexor.models import (
    Batch,
    ModelSource,
    Multilabel,
    Preprocess,
    Regression,
    Segmentation,
    encode,
    load_model,
)
from plexor.models.training.config import Augmentation, Training
from plexor.models.training.dataset import CaseDataset
from plexor.models.training.fit import TrainingResult, train

SIDE = 16
SPLITS = ("train",) * 24 + ("validation",) * 12
PREPARED = Preprocess(size=(SIDE, SIDE), window=(0, 255), mean=(0.5,), std=(0.25,))


def _write(
    folder: Path,
    images: list[NDArray[Any]],
    labels: list[str],
    truth: Any,
    classes: tuple[str, ...] | None = None,
) -> Cohort:
    lines = ["path,label,split"]
    for number, (pixels, label, split) in enumerate(zip(images, labels, SPLITS, strict=True)):
        (folder / f"{number}.png").write_bytes(PngCodec().encode(pixels.astype(np.uint8)))
        lines.append(f"{number}.png,{label},{split}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_cohort(folder / "manifest.csv", truth=truth, classes=classes)


def _trained(cohort: Cohort, config: Training, folder: Path) -> tuple[TrainingResult, Any, Any]:
    """The result, and the saved model's outputs and labels of the validation split."""
    result = train(cohort, config, folder / "w.safetensors")
    model = load_model(ModelSource(weights=result.weights))
    cases = cohort.with_split("validation").cases
    images = [read_case(case) for case in cases]
    labels = encode(model.task, [truth_of(*pair) for pair in zip(cases, images, strict=True)])
    batch = Batch.of([case.id for case in cases], images, labels, torch.device("cpu"))
    with torch.no_grad():
        outputs = model.outputs(batch.images, batch.scaling)
    return result, outputs.numpy(), labels.numpy()


def test_a_number_is_learnt_in_its_unit(tmp_path: Path) -> None:
    """Brighter images are older, by days far from 0 and 1."""
    generator = np.random.default_rng(0)
    ages = generator.uniform(200, 400, len(SPLITS))
    images = [
        np.clip(age / 2 + generator.normal(0, 8, (1, SIDE, SIDE)), 0, 255).round() for age in ages
    ]
    cohort = _write(tmp_path, images, [f"{age:.3f}" for age in ages], "number")
    config = Training(
        architecture="small-cnn", task="regression", unit="days", loss="l1",
        preprocess=PREPARED, epochs=12, batch_size=8, learning_rate=0.01,
    )  # fmt: skip
    result, outputs, labels = _trained(cohort, config, tmp_path)
    errors = outputs[:, 0] - labels
    assert result.score == "mae"
    assert result.figures["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    assert result.figures["rmse"] == pytest.approx(np.sqrt(np.square(errors).mean()), rel=1e-4)
    assert result.figures["mae"] < 0.5 * np.abs(labels - labels.mean()).mean()
    model = load_model(ModelSource(weights=result.weights))
    assert model.task == Regression(unit="days")
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


def _discs(folder: Path, classes: tuple[str, ...]) -> Cohort:
    """Bright discs on noise, each with its mask."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32]
    images, labels = [], []
    for number in range(len(SPLITS)):
        y, x, radius = generator.uniform((10, 10, 4), (22, 22, 8))
        inside = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        images.append((generator.normal(80 + 90 * inside, 25)[None]).clip(0, 255))
        labels.append(f"mask-{number}.png")
        (folder / labels[-1]).write_bytes(PngCodec().encode(inside[None].astype(np.uint8)))
    return _write(folder, images, labels, "mask", classes)


@pytest.mark.parametrize("classes", [("background", "disc"), ("disc",)])
def test_masks_are_learnt(tmp_path: Path, classes: tuple[str, ...]) -> None:
    cohort = _discs(tmp_path, classes)
    config = Training(
        architecture="small-unet", task="segmentation", epochs=6, batch_size=8, learning_rate=0.01,
        preprocess=Preprocess(size=(32, 32), window=(0, 255), mean=(0.5,), std=(0.25,)),
        augment=Augmentation(flip=(0, 1), rotate_degrees=90, zoom=0.1, brightness=0.1),
    )  # fmt: skip
    result, outputs, truth = _trained(cohort, config, tmp_path)
    decided = outputs.argmax(axis=1) if len(classes) > 1 else outputs[:, 0] > 0
    both = (decided * truth).sum(axis=(1, 2))
    dice = (2 * both / (decided.sum(axis=(1, 2)) + truth.sum(axis=(1, 2)))).mean()
    assert result.figures["mean_dice"] == pytest.approx(dice)
    assert result.figures["dice_disc"] == result.figures["mean_dice"] > 0.8
    assert load_model(ModelSource(weights=result.weights)).task == Segmentation(classes=classes)


def test_a_mask_moves_with_its_image(tmp_path: Path) -> None:
    """Where the image is its own mask, they stay the same but for what interpolation does."""
    cohort = _discs(tmp_path, ("disc",))
    for number in range(len(SPLITS)):
        drawn = read_image(tmp_path / f"mask-{number}.png").pixels
        (tmp_path / f"{number}.png").write_bytes(PngCodec().encode(255 * drawn))
    dataset = CaseDataset(
        cohort.cases, Segmentation(classes=("disc",)),
        Preprocess(size=(32, 32), window=(0, 255)), channels=1,
        augment=Augmentation(flip=(0,), rotate_degrees=60, zoom=0.2),
    )  # fmt: skip
    moved = 0
    for index, case in enumerate(cohort.cases[:8]):
        image, _, mask = dataset[index]
        apart = (image[0] - mask).abs()
        assert float(apart.max()) <= 0.75
        assert float((apart > 0.5).float().mean()) < 0.01
        start = torch.from_numpy(read_case(case).truth_mask.astype(np.int64))  # type: ignore[union-attr]
        moved += int(not torch.equal(mask, start))
    assert moved > 4


def test_masks_whose_classes_nobody_named_are_refused(tmp_path: Path) -> None:
    config = Training(architecture="unet", task="segmentation", preprocess=PREPARED)
    with pytest.raises(PlanError, match=r"name the classes in `cohort\.classes`"):
        train(_discs(tmp_path, ()), config, tmp_path / "w.safetensors")


def test_a_number_without_a_unit_is_refused(tmp_path: Path) -> None:
    images = [np.full((1, SIDE, SIDE), n) for n in range(len(SPLITS))]
    cohort = _write(tmp_path, images, [str(n) for n in range(len(SPLITS))], "number")
    config = Training(architecture="small-cnn", task="regression", preprocess=PREPARED)
    with pytest.raises(PlanError, match="a regression needs the unit of its number"):
        train(cohort, config, tmp_path / "w.safetensors")
