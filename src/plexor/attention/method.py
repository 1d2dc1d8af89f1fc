"""Methods that say which parts of an image a model's output hangs on."""

from __future__ import annotations

from typing import ClassVar, Protocol

from torch import Tensor

from plexor.attention.gradcam import GradCAM
from plexor.attention.integrated import IntegratedGradients
from plexor.attention.occlusion import Occlusion
from plexor.models.batch import Batch
from plexor.models.model import Model


class AttentionMethod(Protocol):
    """A frozen dataclass whose fields are its whole configuration."""

    title: ClassVar[str]
    needs_network: ClassVar[bool]

    def __call__(self, model: Model, batch: Batch, *, output: int | None = None) -> Tensor:
        """One map a case at the size of the stored image, (N, *spatial) float32.

        A positive number says that the pixel (or voxel) speaks for what is explained, a negative
        one that it speaks against it. A case's map does not depend on its neighbours.

        Args:
            model: of any task, 2D or 3D.
            batch: the cases.
            output: what is explained: an output of the model, by its index; None for the margin of
                what the model decides, see ``plexor.attention.score_of``.
        """
        ...


METHODS: dict[str, type[GradCAM | IntegratedGradients | Occlusion]] = {
    "grad-cam": GradCAM,
    "integrated-gradients": IntegratedGradients,
    "occlusion": Occlusion,
}
"""Name → the class whose fields are its options."""
