"""How a generator is built and trained: the options of both kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

from plexor.attacks.generative.network import GROUP, Architecture
from plexor.attacks.goals import LossKind
from plexor.attacks.objective import Precision
from plexor.attacks.options import check_counts, check_positive
from plexor.core.errors import PlanError, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The options of a generator and of its training.

    What is lowered, by Adam (Kingma & Ba, ICLR 2015), is the mean over the cases of a batch of

        - loss + squares * S + smoothness * G + dissimilarity * D + discriminator * A

    with the goal's loss, and the weighted terms of ``penalty`` and of a discriminator, each about 1
    for noise as long as the radius. All but the first are 0 by default.

    Attributes:
        architecture: "u-net" or "residual".
        width: channels at full size, a multiple of 8.
        patch: side, in pixels, of the squares or cubes that are read and drawn as one: 4 makes a
            generator of images about ten times cheaper, and all it draws is still at full size.
        patterns: how many patterns as large as an image are learnt, to be blended for each. They
            take most of the memory: with their gradients and moments 16 bytes a number.
        steps: batches to learn from at most; the stream starts again as often as it takes.
        learning_rate: of Adam at the start; it falls to nothing at the end, along a cosine.
        loss: what is climbed: "ce", "margin" or "ratio".
        clip: a case whose loss is greater does not pull any more; in nats for "ce", else in the
            loss's own unit; ``inf`` clips nothing.
        squares: weight of the mean squared change.
        smoothness: weight of changes where the image is plain.
        dissimilarity: weight of 1 - MS-SSIM.
        discriminator: weight of looking untouched to a network that learns to tell (AdvGAN; Xiao et
            al., IJCAI 2018), with the least squares of Mao et al. (ICCV 2017).
        held_back: share of the cases that is not learnt from, at most 256 of them: every 50 steps
            they tell how it goes.
        patience: looks at them without progress after which training ends.
        precision: of the passes through the model: "float32", "bfloat16" or "float16".
    """

    architecture: Architecture = "u-net"
    width: int = 16
    patch: int = 1
    patterns: int = 16
    steps: int = 1000
    learning_rate: float = 2e-3
    loss: LossKind = "ce"
    clip: float = 9.0
    squares: float = 0.0
    smoothness: float = 0.0
    dissimilarity: float = 0.0
    discriminator: float = 0.0
    held_back: float = 0.1
    patience: int = 5
    precision: Precision = "float32"

    method: ClassVar[str]

    def __post_init__(self) -> None:
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
        if not 0 <= self.held_back < 1:
            raise PlanError(f"{self.method}: `held_back` must lie in [0, 1), got {self.held_back}")

    def n_batches(self, per_pass: int) -> int:
        """See ``FittedAttack.n_batches``: the first, those held back from, those learnt from."""
        return 2 + per_pass + self.steps
