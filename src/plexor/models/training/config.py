"""What training can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plexor.core.errors import PlanError
from plexor.models.architectures import check_architecture
from plexor.models.preprocess import Preprocess


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random changes of the training images, drawn anew every epoch; all off by default.

    Attributes:
        flip: spatial axes that may be mirrored, e.g. (0, 1); none for images whose side matters.
        rotate_degrees: rotation up to this angle, either way; of a volume about each axis.
        zoom: scaling of each axis up to this fraction, e.g. 0.15, either way.
        brightness: shift up to this fraction of the window, either way; without a window, up to
            this many standard deviations of the image.
        contrast: change of contrast up to this fraction, either way.
    """

    flip: tuple[int, ...] = ()
    rotate_degrees: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a model is trained.

    Attributes:
        architecture: see ``plexor.models.ARCHITECTURES``.
        task: "multiclass", "binary" (the second class is the positive one), "multilabel",
            "regression" or "segmentation".
        unit: for a regression, what the number counts, e.g. "years".
        loss: of a regression, over the training split's standard deviation: "mse" (squared) or
            "l1" (absolute). Classes have cross-entropy, findings a logistic loss each, a
            segmentation Dice's loss and cross-entropy, added up.
        preprocess: becomes part of the model.
        epochs: passes over the training split.
        batch_size: cases a step.
        learning_rate: peak of a one-cycle schedule (AdamW).
        weight_decay: AdamW's.
        label_smoothing: share of the truth spread over all classes; not for a segmentation.
        class_weights: where a case has one class, the class's weight in the loss: "none", "sqrt"
            (one over the square root of its frequency) or "balanced" (one over its frequency).
        augment: random changes of the images.
        patience: epochs without a better balanced accuracy (of findings a better mean area under
            the ROC curve, of a number a smaller mean absolute error, of a segmentation a better
            mean Dice) after which training stops.
        start: weights to start from (e.g. ImageNet's, in torchvision's naming); the head stays new.
        precision: "32-true", or "bf16-mixed" where the processor is faster at it.
        workers: processes that read images ahead; 0 reads in the training process.
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
            raise PlanError("train: `label_smoothing` is not for a segmentation; leave it out")
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise PlanError(f"train: `{name}` must be at least 1, got {getattr(self, name)}")
        if self.preprocess.size is None:
            raise PlanError("train: `preprocess.size` is needed, e.g. [96, 96]")
