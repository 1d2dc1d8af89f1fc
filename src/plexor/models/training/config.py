"""Settings of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plexor.core.errors import PlanError
from plexor.models.architectures import check_architecture
from plexor.models.preprocess import Preprocess


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random changes of the training images, drawn again in every epoch; all off by default.

    Attributes:
        flip: spatial axes that may be mirrored, e.g. (0, 1); none for images whose side matters.
        rotate_degrees: greatest rotation in either direction; volumes are rotated about each axis.
        zoom: greatest relative change of the size along each axis, e.g. 0.15.
        brightness: greatest shift, as a fraction of the window; without a window, in standard
            deviations of the image.
        contrast: greatest relative change of the contrast.
    """

    flip: tuple[int, ...] = ()
    rotate_degrees: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Settings of a training run.

    Attributes:
        architecture: see ``plexor.models.ARCHITECTURES``.
        task: "multiclass", "binary" (the second class is the positive one), "multilabel",
            "regression" or "segmentation".
        unit: for a regression, the unit of the number, e.g. "years".
        loss: of a regression, in units of the training split's standard deviation: "mse" (squared
            error) or "l1" (absolute error). Other tasks have one loss: cross-entropy for classes,
            the mean logistic loss for several labels, the sum of Dice loss and cross-entropy for a
            segmentation.
        preprocess: becomes part of the model; ``size`` is needed.
        epochs: greatest number of passes over the training split.
        batch_size: cases per step.
        learning_rate: peak of a one-cycle schedule, with AdamW.
        weight_decay: of AdamW.
        label_smoothing: share of the truth spread over all classes; not for a segmentation.
        class_weights: for tasks with one class per case, weight of a class in the loss: "none",
            "sqrt" (1 / square root of its frequency) or "balanced" (1 / its frequency).
        augment: random changes of the images.
        patience: training stops after this many epochs without a better figure on the validation
            split: balanced accuracy, for several labels the mean area under the ROC curve, for a
            number the mean absolute error, for a segmentation the mean Dice.
        start: file of pretrained weights, e.g. of ImageNet with torchvision's names; a last layer
            of another shape is not loaded.
        precision: "32-true", or "bf16-mixed" or "16-mixed" where the device is faster with these.
        workers: processes that read images ahead; with 0 the training process reads them.
    """

    architecture: str = "densenet121"
    task: Literal["multiclass", "binary", "multilabel", "regression", "segmentation"] = "multiclass"
    unit: str | None = None
    loss: Literal["mse", "l1"] = "mse"
    preprocess: Preprocess = Preprocess()
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    class_weights: Literal["none", "sqrt", "balanced"] = "sqrt"
    augment: Augmentation = Augmentation()
    patience: int = 10
    start: Path | None = None
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    workers: int = 0

    def __post_init__(self) -> None:
        check_architecture(self.architecture, task=self.task)
        if self.task == "segmentation" and self.label_smoothing:
            raise PlanError(
                "train: `label_smoothing` has no meaning for a segmentation; leave it out"
            )
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise PlanError(f"train: `{name}` must be at least 1, got {getattr(self, name)}")
        if self.task == "segmentation" and self.preprocess.spacing_mm is not None:
            raise PlanError(
                "train: `preprocess.spacing_mm` has no meaning for a segmentation, whose masks are "
                "of the image as stored; leave it out"
            )
        if self.preprocess.size is None:
            raise PlanError("train: `preprocess.size` is needed, e.g. [96, 96]")
