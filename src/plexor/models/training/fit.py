"""Training with checkpoints: the best epoch is kept, and an interrupted run is resumed."""

from __future__ import annotations

import contextlib
import logging
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint

from plexor.cases import Cohort, read_image
from plexor.cases.case import split_labels
from plexor.cases.check_numbers import check_years
from plexor.cases.formats.gathered import digest_image
from plexor.core.errors import DataError, PlanError, RunDirectoryError
from plexor.core.files import sole_writer
from plexor.core.ids import digest
from plexor.core.seeds import seed_for
from plexor.core.version import __version__
from plexor.models.architectures import build_network
from plexor.models.architectures.densenet import load_start
from plexor.models.card import ModelCard
from plexor.models.classification import Multilabel
from plexor.models.features import fitted_features
from plexor.models.segmentation import Segmentation
from plexor.models.task import Regression, task_from
from plexor.models.training.checkpoints import (
    Checkpoints,
    before,
    read_checkpoint,
    sound_checkpoint,
)
from plexor.models.training.config import Training
from plexor.models.training.module import TrainingModule, in_unit
from plexor.models.weights import read_weights, save_weights

_BEST, _LAST = "best.ckpt", "last.ckpt"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """Result of a training run.

    Attributes:
        weights: the weights file, which holds the card.
        epoch: the epoch kept, counted from 1.
        epochs: number of epochs run.
        score: name of the figure by which the epoch was chosen.
        figures: name → value of the kept epoch, on the validation split: "balanced_accuracy" and
            "accuracy"; for several labels "mean_auc" and "accuracy"; for a number "mae" and "rmse";
            for a segmentation, at the network's size, "mean_dice" and "dice_<class>".
    """

    weights: Path
    epoch: int
    epochs: int
    score: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """State after one step: ``step`` of ``n_steps``, and the validation figure once it is known."""

    epoch: int
    step: int
    n_steps: int
    loss: float
    score: str
    figure: float | None


def train(
    cohort: Cohort,
    config: Training,
    weights: Path,
    *,
    seed: int = 0,
    device: torch.device | None = None,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    about: Mapping[str, object] | None = None,
) -> TrainingResult:
    """Trains on the split "train" and writes the best epoch on "validation" to ``weights``.

    Checkpoints are kept in ``<weights>.checkpoints``. An interrupted run is resumed after the last
    complete epoch with the same draws, and ends with the same weights on one machine with one
    number of threads.

    Args:
        cohort: cases with these two splits.
        config: settings of training.
        weights: the file to write, ending in .safetensors.
        seed: of initial weights, order and augmentation.
        device: where to compute; the CPU if None.
        on_progress: called after each step.
        about: further plain data for the card's ``training``.

    Raises:
        PlanError: a segmentation whose classes have no names.
        DataError: a split or class is missing, an image cannot be read, or labels in years lie
            outside of 0 to 120.
        RunDirectoryError: the checkpoints belong to another configuration, cohort or seed.
    """
    training, validation = cohort.with_split("train"), cohort.with_split("validation")
    if config.task == "segmentation" and not cohort.classes:
        raise PlanError(
            "masks hold class numbers only; name the classes in `cohort.classes`, the background "
            "first, e.g. [background, lesion], or a single class, e.g. [lesion]"
        )
    task = task_from(config.task, cohort.classes, unit=config.unit)
    check_years(cohort, config.unit)
    if not isinstance(task, Segmentation):
        _check_classes_present(training, task.classes, several=isinstance(task, Multilabel))
    first = read_image(training.cases[0].path).pixels
    features = fitted_features(training.cases)
    channels, spatial_dims = first.shape[0], first.ndim - 1
    folder = weights.with_suffix(".checkpoints")
    with sole_writer(folder):
        _claim(folder, digest([_plain(config), cohort.digest, seed, *_versions(cohort)]))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for(seed, "initial-weights"))
            network = build_network(
                config.architecture,
                spatial_dims=spatial_dims,
                channels=channels,
                n_outputs=task.n_outputs,
                n_features=len(features),
            )
            if config.start is not None:
                load_start(network, read_weights(config.start))
            if spatial_dims == 2:
                network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            module = TrainingModule(
                network,
                task=task,
                config=config,
                training=training,
                validation=validation,
                channels=channels,
                features=features,
                seed=seed,
            )
            if not _is_over(folder, config):
                _fit(module, folder, config, device, on_progress)
        best, last = read_checkpoint(folder / _BEST), read_checkpoint(folder / _LAST)
        prefix = "network."
        network.load_state_dict(
            {
                k.removeprefix(prefix): t
                for k, t in best["state_dict"].items()
                if k.startswith(prefix)
            }
        )
        if isinstance(task, Regression):
            in_unit(network, centre=module.centre, spread=module.spread)
        result = TrainingResult(
            weights=weights,
            epoch=int(best["epoch"]) + 1,
            epochs=int(last["epoch"]) + 1,
            score=module.score.name,
            figures=dict(best["validation"]),
        )
        card = ModelCard(
            task=task,
            preprocess=config.preprocess,
            architecture=config.architecture,
            channels=channels,
            spatial_dims=spatial_dims,
            features=features,
            training={
                "config": _plain(config),
                "seed": seed,
                "cohort": cohort.name,
                "cohort_sha256": cohort.digest,
                "n_training": len(training.cases),
                "n_validation": len(validation.cases),
                "epoch": result.epoch,
                "epochs": result.epochs,
                **{f"validation_{name}": value for name, value in result.figures.items()},
                "torch": torch.__version__,
                **(about or {}),
            },
        )
        groups = {case.group for case in (*training.cases, *validation.cases)}
        save_weights(weights, network, card, training_groups=groups)
    return result


def _fit(
    module: TrainingModule,
    folder: Path,
    config: Training,
    device: torch.device | None,
    on_progress: Callable[[TrainingProgress], None] | None,
) -> None:
    score = module.score
    best = ModelCheckpoint(
        folder, filename=Path(_BEST).stem, monitor=score.name, mode=score.mode,
        enable_version_counter=False,
    )  # fmt: skip
    # `save_last` of the above would keep only epochs that are better than all before.
    every = ModelCheckpoint(folder, filename=Path(_LAST).stem, enable_version_counter=False)
    callbacks: list[pl.Callback] = [
        LambdaCallback(on_save_checkpoint=_keep_figures),
        best,
        every,
        EarlyStopping(score.name, mode=score.mode, patience=config.patience),
    ]
    if on_progress is not None:
        report = LambdaCallback(
            on_train_batch_end=lambda trainer, *_: on_progress(_news(trainer, score.name))
        )
        callbacks.append(report)
    kind = device.type if device else "cpu"
    last = folder / _LAST
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        trainer = pl.Trainer(
            accelerator="gpu" if kind == "cuda" else kind,
            devices=1,
            max_epochs=config.epochs,
            precision=config.precision,
            callbacks=callbacks,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            logger=False,
            plugins=[Checkpoints()],
        )
        begun = last.exists() or before(last).exists()
        with _interruptible():
            trainer.fit(
                module, ckpt_path=str(sound_checkpoint(last)) if begun else None, weights_only=True
            )


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Turns Lightning's exit on Ctrl-C into KeyboardInterrupt, and restores the signal handler."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


def _is_over(folder: Path, config: Training) -> bool:
    """Whether training has ended; Lightning would continue a run that ended by patience."""
    if not (folder / _LAST).exists():
        return False
    last = read_checkpoint(folder / _LAST)
    (waited,) = (
        state["wait_count"] for state in last["callbacks"].values() if "wait_count" in state
    )
    return bool(last["epoch"] + 1 >= config.epochs or waited >= config.patience)


def _news(trainer: pl.Trainer, score: str) -> TrainingProgress:
    figures = trainer.callback_metrics
    known = figures.get(score)
    return TrainingProgress(
        epoch=trainer.current_epoch + 1,
        step=trainer.global_step,
        n_steps=int(trainer.estimated_stepping_batches),
        loss=float(figures["loss"]),
        score=score,
        figure=None if known is None else float(known),
    )


def _keep_figures(
    trainer: pl.Trainer, _module: pl.LightningModule, checkpoint: dict[str, object]
) -> None:
    """Writes an epoch's validation figures into its checkpoint."""
    figures = trainer.callback_metrics
    checkpoint["validation"] = {n: float(v) for n, v in figures.items() if n != "loss"}


def _check_classes_present(training: Cohort, classes: tuple[str, ...], *, several: bool) -> None:
    present = {str(case.truth) for case in training.cases}
    if several:
        present = {name for text in present for name in split_labels(text)}
    absent = sorted(set(classes) - present)
    if absent:
        raise DataError(
            f"the training split has no case of {', '.join(absent)}; split again, or leave them out"
        )


def _versions(cohort: Cohort) -> list[str]:
    """Hash of the images' files, and the versions on which every step depends."""
    files = [path for case in cohort.cases for path in (case.path, case.truth_mask) if path]
    images = digest([digest_image(path) if path.is_file() else "" for path in files])
    return [images, __version__, str(torch.__version__)]


def _claim(folder: Path, identity: str) -> None:
    marker = folder / "identity"
    if marker.exists() and marker.read_text() != identity:
        raise RunDirectoryError(
            f"{folder} holds checkpoints of another configuration, cohort or seed, of other "
            "images, or of another version of Plexor or torch; remove it to train from the start, "
            "or write to another weights file"
        )
    marker.write_text(identity)


def _plain(config: Training) -> dict[str, object]:
    plain = asdict(config)
    plain["start"] = None if config.start is None else str(config.start)
    return plain
