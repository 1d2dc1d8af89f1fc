"""Options of a generator and of its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

from plexor.attacks.generative.network import GROUP, Architecture
from plexor.attacks.objective import Precision
from plexor.attacks.options import FIT_LOSSES, FitLoss, check_counts, check_names, check_positive
from plexor.core.errors import PlanError, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The options of a generator and of its training.

    Training minimises, with Adam (Kingma & Ba, ICLR 2015), the mean over the cases of a batch of

        - loss + squares * S + smoothness * G + dissimilarity * D + discriminator * A

    with the goal's loss and weighted penalties for visible changes. Each penalty is about 1 for
    noise with the length of the radius. All weights are 0 by default.

    Attributes:
        architecture: "u-net" or "residual".
        width: channels at full size, a multiple of 8.
        patch: side, in pixels, of the squares or cubes that the network processes as one position:
            4 makes a generator for 2D images about ten times cheaper, with output at full size.
        patterns: number of learnt patterns of the image's size, which are blended for each image.
            They take most of the memory: 16 bytes a number with gradients and moments.
        steps: greatest number of batches to train on; the stream starts again as often as needed.
        learning_rate: of Adam at the start; it decreases to 0 along a cosine.
        loss: the loss that is maximised: "ce", "margin", "ratio", or "auto": "ce" for a
            segmentation, else "margin". One perturbation for all settles less often on a class that
            few cases turn to if it climbs the margin; for one of each image it makes no difference.
        clip: cases with a greater loss do not contribute; in nats for "ce", else in the loss's own
            unit; ``inf`` for no clip.
        squares: weight S of the mean squared change.
        smoothness: weight G of changes where the image is smooth.
        dissimilarity: weight D of 1 - MS-SSIM.
        discriminator: weight A of a least-squares loss (Mao et al., ICCV 2017) of a discriminator
            that learns to recognise perturbed images (AdvGAN; Xiao et al., IJCAI 2018).
        held_back: share of the cases held back from training, at most 256 cases: validation on them
            every 50 steps.
        patience: number of validations without progress after which training ends.
        restarts: greatest number of further trainings, from other random weights, where one ends
            with less than half of the held-back cases at the goal; the best is kept.
        precision: of the passes through the model: "float32", "bfloat16" or "float16".
    """

    architecture: Architecture = "u-net"
    width: int = 16
    patch: int = 1
    patterns: int = 16
    steps: int = 1000
    learning_rate: float = 2e-3
    loss: FitLoss = "ce"
    clip: float = 9.0
    squares: float = 0.0
    smoothness: float = 0.0
    dissimilarity: float = 0.0
    discriminator: float = 0.0
    held_back: float = 0.1
    patience: int = 5
    restarts: int = 2
    precision: Precision = "float32"

    method: ClassVar[str]

    def __post_init__(self) -> None:
        check_names(self.method, loss=self.loss, losses=FIT_LOSSES, precision=self.precision)
        if self.architecture not in get_args(Architecture):
            raise PlanError(unknown("generator", self.architecture, get_args(Architecture)))
        if self.width < GROUP or self.width % GROUP:
            raise PlanError(
                f"{self.method}: `width` must be a multiple of {GROUP}, got {self.width}"
            )
        check_counts(
            self.method,
            patch=self.patch,
            patterns=self.patterns,
            steps=self.steps,
            patience=self.patience,
        )
        check_positive(self.method, learning_rate=self.learning_rate, clip=self.clip)
        for name in ("squares", "smoothness", "dissimilarity", "discriminator"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise PlanError(
                    f"{self.method}: `{name}` must be a weight of at least 0, "
                    f"got {getattr(self, name)}"
                )
        if self.restarts < 0:
            raise PlanError(f"{self.method}: `restarts` must be at least 0, got {self.restarts}")
        if not 0 <= self.held_back < 1:
            raise PlanError(f"{self.method}: `held_back` must lie in [0, 1), got {self.held_back}")

    def n_batches(self, per_pass: int) -> int:
        """See ``FittedAttack.n_batches``: the first, one pass to hold back, and the steps."""
        return 2 + per_pass + (1 + self.restarts) * self.steps
