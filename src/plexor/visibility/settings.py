"""Settings of the measures of visibility in an audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from plexor.core.errors import PlanError

Observer = Literal["dog", "gabor", "none"]
Colour = Literal["luminance", "each"]

FEWEST_PAIRS = 20
"""Smallest number of pairs of images that a detector is trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """Measures computed on each lossless file, beside PSNR, which is always computed.

    Attributes:
        similarity: SSIM and, of colour images, ΔE2000: about 0.03 s for an image of 200×150 in
            colour, and in proportion for larger ones.
        observer: channels of the model observer: "dog", ten differences of Gaussians; "gabor",
            twenty oriented channels; "none" for no observer.
        colour: planes of a colour image that the observer sees: "luminance", or "each" channel.
        internal_noise: the observer's own variance in each channel as a multiple of the variance
            between images; 0 for an ideal observer.
        detector: teach a small network to detect each probe, from the images kept (`n_examples`).
    """

    similarity: bool = False
    observer: Observer = "dog"
    colour: Colour = "luminance"
    internal_noise: float = 0.0
    detector: bool = False

    def __post_init__(self) -> None:
        if not self.internal_noise >= 0:
            raise PlanError(
                "visibility: `internal_noise` must be 0 or more, a multiple of the variance "
                f"between images, got {self.internal_noise}"
            )
