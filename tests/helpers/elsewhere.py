"""Models that behave as long as they are where they were made, and misbehave on a worker."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from torch import Tensor

from plexor.models import Features, Scaling, TorchModel


class Misbehaving(TorchModel):
    """On a worker, kills it with SIGKILL so many times, or fails.

    Args:
        model: what it otherwise is.
        kills: folder in which each kill leaves a file.
        n_kills: how many.
        fails: raise an error that is no finding.
    """

    def __init__(
        self, model: TorchModel, *, kills: Path, n_kills: int = 0, fails: bool = False
    ) -> None:
        super().__init__(
            model.network, task=model.task, preprocess=model.preprocess, card=model.card
        )
        self.home, self.kills, self.n_kills, self.fails = os.getpid(), kills, n_kills, fails

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        outputs = super().outputs(images, scaling, features)
        if os.getpid() != self.home and images.requires_grad:  # an attack is at work
            if self.fails:
                raise RuntimeError("the attack broke")
            if len(list(self.kills.iterdir())) < self.n_kills:
                (self.kills / str(os.getpid())).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return outputs
