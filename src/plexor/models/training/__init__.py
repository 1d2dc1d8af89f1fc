"""Training a model on a cohort.

The settings are imported here; ``train`` is in ``plexor.models.training.fit``, which imports
Lightning and MONAI.
"""

from plexor.models.training.config import Augmentation, Training

__all__ = ["Augmentation", "Training"]
