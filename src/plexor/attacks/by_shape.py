"""Fits on images of several shapes, combined into one attack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plexor.attacks.fitted import Fitted
from plexor.attacks.goals import Goal
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import DataError
from plexor.models.batch import Batch
from plexor.models.model import Model

Shape = tuple[int, ...]
"""Of one image, (C, *spatial)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByShape:
    """Applies to each image the fit on images of its shape.

    Attributes:
        parts: shape → the fit.
        failed: shape → the error of a fit that failed.
        of: name of the cases fitted on, for messages, e.g. "the train split".
    """

    parts: Mapping[Shape, Fitted]
    failed: Mapping[Shape, str]
    of: str

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """See ``Attack``.

        Raises:
            DataError: nothing was fitted on images of this shape.
        """
        shape = tuple(batch.images.shape[1:])
        if shape in self.failed:
            raise DataError(f"the fit on images of shape {shape} failed: {self.failed[shape]}")
        if shape not in self.parts:
            raise DataError(
                f"{self.of} has no image of shape {shape}, so there is no fit for it; add such "
                "images, or resize all images to one size"
            )
        return self.parts[shape](model, batch, goal, threat, seed=seed)
