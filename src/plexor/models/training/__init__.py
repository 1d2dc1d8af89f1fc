"""Training a classifier on a cohort."""

from plexor.models.training.config import Augmentation, Training
from plexor.models.training.fit import TrainingResult, train

__all__ = ["Augmentation", "Training", "TrainingResult", "train"]
