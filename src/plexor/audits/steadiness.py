"""Whether a model gives the answers that it gave before: at an earlier start, and at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from plexor.audits.check import Check
from plexor.audits.fixed_images import N_IMAGES, FixedAnswers
from plexor.core.errors import ModelError
from plexor.findings import RunDirectory
from plexor.models.batch import Batch
from plexor.models.model import Model, Remembers

TOLERANCE = 1e-3
"""Of a difference, as a share of the greatest output or of 1 if that is less."""
TOLERANCE_HERE = 1e-2
"""The same of a network that is computed in this process. A run may be resumed on another device,
and convolutions in TF32 round by thousandths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run notes of a model's answers to images that are the same for every cohort.

    Attributes:
        model: the model.
        first: a case without its pixels, which gives the images their shape and range.
        now: the answers at this start; None where there are none to compare.
        why_not: why there are none; "" where there are.
        different: the answers of the first start, and of each later one that differed from them.
        paid_before: images paid at earlier starts.
    """

    model: Model
    first: Batch
    now: FixedAnswers | None
    why_not: str = ""
    different: Sequence[FixedAnswers] = ()
    paid_before: int = 0

    @classmethod
    def begun(cls, run: RunDirectory, model: Model, batch: Batch, *, varies: bool) -> Asked:
        """Asks the model.

        Args:
            run: whose provenance holds the answers at earlier starts.
            model: the audited model.
            batch: untouched cases.
            varies: whether two evaluations of one image differ; then nothing is compared.
        """
        before: Mapping[str, Any] = run.provenance() if run.has_provenance() else {}
        first = _without_pixels(batch)
        paid = before.get("images_paid", 0)
        if varies:
            why = "two evaluations of one image differ, see non-deterministic; nothing is compared"
            return cls(model=model, first=first, now=None, why_not=why, paid_before=paid)
        try:
            now = FixedAnswers.of(model, first)
        except ModelError as error:
            why = f"the model does not answer for noise and ramps ({error}); nothing is compared"
            return cls(model=model, first=first, now=None, why_not=why, paid_before=paid)
        earlier = [FixedAnswers.from_stored(one) for one in before.get("answers", ())]
        known = [one for one in earlier if one.images_sha256 == now.images_sha256]
        new = not known or now.difference(known[0]) > _tolerance(model)
        return cls(
            model=model,
            first=first,
            now=now,
            different=[*known, now] if new else known,
            paid_before=paid,
        )

    @property
    def checks(self) -> list[Check]:
        """The comparison with earlier starts; of a run that was resumed, as if it was not."""
        if self.now is None:
            return [Check(id="answers-differ", raised=None, message=self.why_not)]
        first, *others = self.different
        furthest = max((one.difference(first) for one in others), default=0.0)
        seen = (
            f"outputs for {N_IMAGES} fixed images at two starts of the run differ by up to "
            f"{furthest:.2g} of the greatest output"
            if others
            else f"outputs for {N_IMAGES} fixed images are the same at every start of the run, to "
            f"{_tolerance(self.model):g} of the greatest output"
        )
        return [Check(id="answers-differ", raised=bool(others), message=seen)]

    def about(self) -> dict[str, object]:
        """The part of ``provenance.json``."""
        noted: dict[str, object] = {"answers": [one.stored() for one in self.different]}
        if isinstance(self.model, Remembers) and self.model.n_paid:
            noted["images_paid"] = self.paid_before + self.model.n_paid
        return noted

    def ended(self, about: dict[str, Any]) -> dict[str, object]:
        """The provenance with the comparison at the end, and what was paid.

        A model that shows its gradients is computed in this process, and is not asked again.
        """
        if self.model.access == "gradients":
            return about
        return about | {"checks": [*about["checks"], asdict(self._at_the_end())]} | self.about()

    def _at_the_end(self) -> Check:
        """Asks the model again, and compares."""
        if self.now is None:
            return Check(id="answers-drifted", raised=None, message=self.why_not)
        difference = FixedAnswers.of(self.model, self.first).difference(self.now)
        return Check(
            id="answers-drifted",
            raised=difference > TOLERANCE,
            message=f"outputs for {N_IMAGES} fixed images differ by up to {difference:.2g} of the "
            "greatest output from those at the start of the run",
        )


def _without_pixels(batch: Batch) -> Batch:
    """The first case, of its shape and range; the run keeps it, and images may be large."""
    first = batch.select(torch.zeros(1, dtype=torch.long, device=batch.images.device))
    nothing = first.images.new_zeros(()).expand(first.images.shape)
    return replace(first, images=nothing, masks={}, padding=None, stored=())


def _tolerance(model: Model) -> float:
    return TOLERANCE_HERE if model.access == "gradients" else TOLERANCE
