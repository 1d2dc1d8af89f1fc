"""What an audit measures of how visible its changes are."""

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
    """What is measured on each lossless file beside PSNR, which costs nothing.

    Attributes:
        similarity: SSIM and, of colour images, ΔE2000: about 0.03 s for an image of 200×150 in
            colour, and in proportion for larger ones.
        observer: channels through which the model observer looks: "dog", ten differences of
            Gaussians; "gabor", twenty oriented ones; "none" for no observer.
        colour: what it sees of a colour image: its "luminance", or "each" channel.
        internal_noise: of the observer: its own variance in each channel as a multiple of that
            between images; 0 for an ideal one.
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
