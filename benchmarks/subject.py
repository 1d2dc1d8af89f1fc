"""What the benchmarks run on: phantom lesions, networks trained on them in .cache, HAM10000."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import PIL.Image
import torch
from PIL import ImageOps

from plexor.cases import Case, Cohort, Image, load_cohort, read_image, split_groups
from plexor.cases.phantoms import LesionConfig, write_phantoms
from plexor.models import Batch, Model, ModelSource, TorchModel, encode, load_model
from plexor.models.preprocess import Preprocess
from plexor.models.training import Augmentation, Training
from plexor.models.training.fit import train

SMOKE = "PLEXOR_BENCHMARK_SMOKE" in os.environ
"""Whether a script is only to show that it runs: networks are hardly trained."""
CACHE = Path(__file__).parent / (".cache-smoke" if SMOKE else ".cache")
SIZE = 64
_TRAINING_CASES = 60 if SMOKE else 900
_TRAINING = {
    "small-cnn": Training(
        architecture="small-cnn",
        preprocess=Preprocess(size=(SIZE, SIZE)),
        epochs=1 if SMOKE else 16,
        learning_rate=3e-3,
        augment=Augmentation(flip=(0, 1)),
    ),
    "densenet121": Training(
        architecture="densenet121",
        preprocess=Preprocess(size=(SIZE, SIZE)),
        epochs=1 if SMOKE else 6,
        learning_rate=1e-3,
        augment=Augmentation(flip=(0, 1)),
    ),
}


def phantoms(n_cases: int, *, seed: int = 0, file_format: str = "png") -> Path:
    """The manifest of so many phantom lesions of 64 × 64 pixels."""
    folder = CACHE / f"lesions-{file_format}-{n_cases}-seed{seed}"
    manifest = folder / "manifest.csv"
    if not manifest.exists():
        write_phantoms(
            "lesion",
            folder,
            n_cases=n_cases,
            seed=seed,
            file_format=file_format,
            config=LesionConfig(height=SIZE, width=SIZE),
        )
    return manifest


def weights_of(architecture: str) -> Path:
    """The weights of a network trained on phantoms of seed 0."""
    weights = CACHE / f"{architecture}.safetensors"
    if not weights.exists():
        cohort = load_cohort(phantoms(_TRAINING_CASES))
        print(train(cohort, _TRAINING[architecture], weights, seed=0))
    return weights


def trained(architecture: str) -> TorchModel:
    """The trained model, on the CPU."""
    return load_model(ModelSource(weights=weights_of(architecture)))


def unseen(n_cases: int, *, file_format: str = "png") -> Cohort:
    """Phantoms that no network here was trained on."""
    return load_cohort(phantoms(n_cases, seed=1, file_format=file_format))


def ham10000(manifest: Path, split: str | None, *, side: int | None = None) -> Cohort:
    """HAM10000's images of one split, or all, as examples/plans/ham10000.yaml cuts it, seed 0.

    With a ``side`` they are squares of so many pixels a side, cut from their middles.
    """
    cohort = load_cohort(
        manifest,
        root=None if side is None else _shrunk(manifest, side),
        columns={"label": "dx", "group": "lesion_id", "id": "image_id"},
        path_template="images/{image_id}." + ("jpg" if side is None else "png"),
    )
    cut = split_groups(cohort, {"train": 0.75, "validation": 0.10, "test": 0.15}, seed=0)
    return cut if split is None else cut.with_split(split)


def _shrunk(manifest: Path, side: int) -> Path:
    """A folder with the middle square of every image, as a PNG of so many pixels a side."""
    folder = CACHE / f"ham10000-{side}"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        (unfinished / "images").mkdir(parents=True, exist_ok=True)
        for case in ham10000(manifest, None).cases:
            with PIL.Image.open(case.path) as image:
                square = ImageOps.fit(image, (side, side), PIL.Image.Resampling.BOX)
            square.save(unfinished / "images" / f"{case.id}.png")
        unfinished.rename(folder)
    return folder


def trained_on_squares(manifest: Path, side: int, architecture: str = "small-cnn") -> TorchModel:
    """A network of seven classes, trained on HAM10000's images at that size."""
    kind = "" if architecture == "small-cnn" else f"-{architecture}"
    weights = CACHE / f"ham10000-{side}{kind}.safetensors"
    if not weights.exists():
        training = Training(
            architecture=architecture,
            preprocess=Preprocess(
                size=(side, side), mean=(0.76, 0.55, 0.57), std=(0.14, 0.15, 0.17)
            ),
            epochs=6,
            batch_size=64,
            learning_rate=3e-3,
            class_weights="none",
            augment=Augmentation(flip=(0, 1)),
        )
        print(train(ham10000(manifest, None, side=side), training, weights, seed=0))
    return load_model(ModelSource(weights=weights))


def decided_rightly(model: Model, cohort: Cohort, n_cases: int) -> tuple[Batch, list[Image]]:
    """So many cases from all over the cohort that the model decides rightly, as one batch.

    Looks at twice as many.
    """
    cases = cohort.cases[:: max(1, len(cohort) // (2 * n_cases))]
    batch, images = batch_of(model, cases)
    right = torch.nonzero(correct(model, batch)).flatten()[:n_cases]
    return batch.select(right), [images[i] for i in right.tolist()]


def from_all_over(model: Model, cohort: Cohort, n_cases: int) -> Batch:
    """So many cases from all over the cohort, as one batch."""
    batch, _ = batch_of(model, cohort.cases[:: len(cohort) // n_cases][:n_cases])
    return batch


def batch_of(model: Model, cases: Sequence[Case]) -> tuple[Batch, list[Image]]:
    """The cases as one batch, with their stored images."""
    images = [read_image(case.path) for case in cases]
    truth = encode(model.task, [case.truth for case in cases])
    return Batch.of([case.id for case in cases], images, truth, model.device), images


def correct(model: Model, batch: Batch) -> torch.Tensor:
    """Whether the untouched image is decided rightly, (N,) bool."""
    with torch.inference_mode():
        return model.task.decide(model.outputs(batch.images, batch.scaling)) == batch.truth
