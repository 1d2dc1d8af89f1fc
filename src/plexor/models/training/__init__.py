"""Training a model on a cohort.

What a plan says of it stands here; ``train`` itself is in ``fit``, and brings Lightning and MONAI.
"""

from plexor.models.training.config import Augmentation, Training

__all__ = ["Augmentation", "Training"]
