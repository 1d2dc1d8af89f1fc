"""Whether a model gives the answers that it gave before: at an earlier start, and at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from plexor.audits.check import Check
from plexor.audits.sample import checked_cases
from plexor.cases import Cohort
from plexor.findings import RunDirectory
from plexor.models.batch import Batch
from plexor.models.model import Model, Remembers, answer, asked_anew

N_ASKED = 4
"""Cases whose outputs are compared."""
TOLERANCE = 1e-3
"""Of a difference, as a share of the greatest output or of 1 if that is less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steadiness:
    """The outputs for a few untouched cases at the start of a run.

    Attributes:
        batch: these cases.
        outputs: (n, ...), on the CPU.
    """

    batch: Batch
    outputs: Tensor

    @classmethod
    def begun(cls, model: Model, batch: Batch) -> Steadiness:
        """Asks the model, also for images that it has answered before."""
        some = batch.select(torch.arange(min(N_ASKED, len(batch)), device=batch.images.device))
        return cls(batch=some, outputs=_asked(model, some))

    def stored(self) -> dict[str, object]:
        """Plain data for ``provenance.json``."""
        return {"cases": list(self.batch.ids), "outputs": self.outputs.flatten(1).tolist()}

    def as_before(self, earlier: Sequence[Mapping[str, Any]]) -> Check:
        """Compares with the outputs of earlier starts of the run.

        Args:
            earlier: what ``stored`` gave at each of them.
        """
        now = self.outputs.flatten(1)
        for one in earlier:
            if list(self.batch.ids) == one["cases"]:
                return _compared(
                    "answers-differ", now, torch.tensor(one["outputs"]), "earlier start"
                )
        return Check(id="answers-differ", raised=None, message="the run was started once")

    def at_the_end(self, model: Model) -> Check:
        """Asks the model again, and compares."""
        return _compared("answers-drifted", _asked(model, self.batch), self.outputs, "start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run notes of a model that shows no gradients, which may be a program or a server.

    Attributes:
        model: the model.
        steady: outputs at the start; None for a model that shows its gradients.
        earlier: outputs at earlier starts of the run, as stored.
        paid_before: images paid at earlier starts.
    """

    model: Model
    steady: Steadiness | None
    earlier: Sequence[Mapping[str, Any]] = ()
    paid_before: int = 0

    @classmethod
    def begun(cls, run: RunDirectory, model: Model, audited: Cohort) -> Asked:
        """Asks the model, before anything else is asked of it."""
        if model.access == "gradients":
            return cls(model=model, steady=None)
        before = run.provenance() if run.has_provenance() else {}
        steady = Steadiness.begun(model, checked_cases(audited, model.task, model.device))
        found: Any = before.get("answers", ())
        paid: Any = before.get("images_paid", 0)
        return cls(model=model, steady=steady, earlier=found, paid_before=paid)

    @property
    def checks(self) -> list[Check]:
        """The comparison with earlier starts."""
        return [] if self.steady is None else [self.steady.as_before(self.earlier)]

    def about(self) -> dict[str, object]:
        """The part of ``provenance.json``."""
        if self.steady is None:
            return {}
        noted: dict[str, object] = {"answers": [*self.earlier, self.steady.stored()]}
        if isinstance(self.model, Remembers) and self.model.n_paid:
            noted["images_paid"] = self.paid_before + self.model.n_paid
        return noted

    def ended(self, about: dict[str, Any]) -> dict[str, object]:
        """The provenance with the comparison at the end, and what was paid."""
        if self.steady is None:
            return about
        checks = [*about["checks"], asdict(self.steady.at_the_end(self.model))]
        return about | self.about() | {"checks": checks}


def _asked(model: Model, batch: Batch) -> Tensor:
    with torch.inference_mode(), asked_anew(model):
        return answer(model, batch, batch.images).cpu().clone()


def _compared(name: str, now: Tensor, before: Tensor, when: str) -> Check:
    now, before = now.flatten(1).double(), before.flatten(1).double()
    scale = max(1.0, float(before.nan_to_num().abs().max()))
    difference = float((now - before).nan_to_num().abs().max()) / scale
    return Check(
        id=name,
        raised=difference > TOLERANCE,
        message=f"outputs for {len(now)} untouched cases differ by up to {difference:.2g} of the "
        f"greatest output from those at the {when} of the run",
    )
