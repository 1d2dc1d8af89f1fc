"""A segmentation network asked window by window, for images larger than it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from plexor.core.errors import ModelError, PlanError


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidingWindow:
    """Windows over an image, whose outputs are blended by MONAI's sliding-window inferer.

    Differentiable. An image smaller than a window is filled up with 0 around it, after
    preprocessing.

    Attributes:
        roi: spatial size of a window, e.g. (96, 96, 96).
        overlap: share of a window that the next one covers too, at least 0 and below 1.
        blend: weights of outputs where windows overlap: "constant", or "gaussian", greatest in the
            middle of a window.

    Raises:
        PlanError: a size, overlap or blend that has no meaning.

    Example:
        >>> twice = SlidingWindow(roi=(4, 4), overlap=0.5)(
        ...     lambda part: 2 * part, torch.ones(1, 1, 6, 5)
        ... )
        >>> twice.shape, twice.unique()
        (torch.Size([1, 1, 6, 5]), tensor([2.]))
    """

    roi: tuple[int, ...]
    overlap: float = 0.25
    blend: Literal["constant", "gaussian"] = "constant"

    def __post_init__(self) -> None:
        if len(self.roi) not in (2, 3) or min(self.roi) < 1:
            raise PlanError(
                f"sliding_window: `roi` must be 2 or 3 positive numbers, got {self.roi}"
            )
        if not 0 <= self.overlap < 1:
            raise PlanError(
                f"sliding_window: `overlap` must be at least 0 and below 1, got {self.overlap}"
            )
        if self.blend not in ("constant", "gaussian"):
            raise PlanError(
                f"sliding_window: `blend` must be constant or gaussian, got {self.blend!r}"
            )

    def __call__(self, network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Outputs (N, n_outputs, *spatial) of images (N, C, *spatial).

        Args:
            network: gives (N, n_outputs, *roi) for windows (N, C, *roi).
            images: the network's input, of any spatial size.

        Raises:
            ModelError: the images have another number of axes than ``roi``, or the network
                answers at another size than the window's.
        """
        from monai.inferers.utils import sliding_window_inference

        if images.ndim != len(self.roi) + 2:
            raise ModelError(
                f"sliding_window: `roi` has {len(self.roi)} numbers, and the images have "
                f"{images.ndim - 2} spatial axes"
            )

        def answer(windows: Tensor) -> Tensor:
            found = network(windows.contiguous())
            if found.shape[2:] != windows.shape[2:]:
                raise ModelError(
                    f"sliding_window: the network answers with the shape {tuple(found.shape)} for "
                    f"windows of {self.roi}; windows are for a network that answers for each pixel"
                )
            return found

        found = sliding_window_inference(
            images, self.roi, 1, answer, overlap=self.overlap, mode=self.blend
        )
        if not isinstance(found, Tensor):
            raise ModelError("sliding_window: the network gives more than one output")
        return torch.as_tensor(found)
