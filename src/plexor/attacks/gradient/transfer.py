"""Perturbations searched on surrogates, for transfer to the audited model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.gradient.momentum import MIFGSM
from plexor.attacks.objective import Precision
from plexor.attacks.options import check_norm
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.ensemble import Ensemble
from plexor.models.model import Model
from plexor.models.tied import tied_model
from plexor.models.torch_model import TorchModel
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """MI-FGSM on surrogates, with input diversity; the audited model is not queried.

    The search is that of ``mi-fgsm`` (Dong et al., CVPR 2018), with gradients of the image shrunk
    and padded (DI; Xie et al., CVPR 2019). Several surrogates (Liu et al., ICLR 2017) are combined
    into one model with the mean of their outputs: the ensemble in logits of Dong et al. (3.4), with
    equal weights. Loss and margin are those of the goal for this mean, relative to the surrogates'
    outputs for the untouched image.

    The proposal is the storable image with the greatest margin on the surrogates; no change where
    none raises the margin there. The judge alone evaluates it on the audited model.
    Gradients and forward passes are counted for each surrogate and added up.

    Attributes:
        steps: number of steps, at ``samples`` gradients of each surrogate.
        step_size: length of a step as a fraction of the radius; None takes ``1 / steps``.
        decay: share of the sum of gradients that a step keeps.
        loss: the loss that is maximised, see ``PGD``.
        samples: gradients averaged at every step, each of a new random view.
        diversity: probability that a gradient is of the image shrunk and padded.
        precision: of the search: "float32", "bfloat16" or "float16".

    Example:
        >>> from plexor.attacks import Misclassify, Threat, Transfer
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> surrogate, _ = tiny_problem()
        >>> attack = Transfer(steps=5, diversity=0).using([surrogate])
        >>> proposal = attack(model, batch, Misclassify(), Threat(norm="linf", radius=3), seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "none"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = (
        "Dong et al., CVPR 2018, arXiv:1710.06081; views: Xie et al., CVPR 2019, "
        "arXiv:1803.06978; ensembles: Liu et al., ICLR 2017, arXiv:1611.02770"
    )
    summary: ClassVar[str] = (
        "steps along a decaying sum of other models' gradients; cost counted on those models"
    )
    of_surrogates: ClassVar[Access] = "gradients"

    steps: int = 10
    step_size: float | None = None
    decay: float = 1.0
    loss: LossKind = "ce"
    samples: int = 1
    diversity: float = 0.5
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        try:
            self._search()
        except PlanError as error:
            raise PlanError(str(error).replace("mi-fgsm", "transfer", 1)) from error

    def using(self, surrogates: Sequence[TorchModel]) -> Attack:
        """The attack that searches on these models, for an audited model of the same task.

        Raises:
            PlanError: there is none.
        """
        if not surrogates:
            raise PlanError(
                "transfer: `surrogates` is empty; name at least one weights file of a model of the "
                "same task"
            )
        return _OnSurrogates(search=self._search(), surrogates=tuple(surrogates))

    def _search(self) -> MIFGSM:
        return MIFGSM(
            steps=self.steps,
            step_size=self.step_size,
            decay=self.decay,
            loss=self.loss,
            samples=self.samples,
            diversity=self.diversity,
            precision=self.precision,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _OnSurrogates:
    """``Transfer`` with its surrogates.

    Attributes:
        search: the search on the surrogates.
        surrogates: the models; moved to the device of the images.
    """

    search: MIFGSM
    surrogates: tuple[TorchModel, ...]

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """See ``Attack``. Of ``model``, only the task is used.

        Raises:
            ModelError: a surrogate is not differentiable, or cannot process the images.
            PlanError: a surrogate is of another task, or the threat is in L1 or L0.
        """
        check_norm("transfer", threat, Transfer.norms)
        ensemble = Ensemble(self.surrogates, task=model.task).to(batch.images.device)
        asked = tied_model(ensemble, batch.copies)
        found = self.search(asked, replace(batch, before=None), goal, threat, seed=seed)
        n_models = len(self.surrogates)
        return replace(
            found,
            n_gradients=n_models * found.n_gradients,
            n_forwards=n_models * found.n_forwards,
        )
