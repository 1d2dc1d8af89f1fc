"""Perturbations searched on other models than the one they are meant for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from plexor.models.torch_model import TorchModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """MI-FGSM on surrogates, with input diversity; the model itself is never asked.

    The search is that of ``mi-fgsm`` (Dong et al., CVPR 2018), its gradients taken of the image
    shrunk and padded (DI; Xie et al., CVPR 2019). Several surrogates (Liu et al., ICLR 2017) are
    one model, whose outputs are the mean of theirs: the ensemble in logits of Dong et al. (3.4), of
    equal weights. Loss and margin are the goal's, of that mean, against what the surrogates say of
    the untouched image.

    What is proposed is the storable image whose margin is greatest on the surrogates; nothing where
    none beats the untouched image there. The model that it is meant for is not looked at: it may
    be wrong about the untouched image, and whether it gives way is known to the judge alone.
    Gradients and forward passes are counted on the surrogates, each surrogate's by itself.

    Attributes:
        steps: gradients of each surrogate, if ``samples`` is 1.
        step_size: length of a step as a fraction of the radius; None takes ``1 / steps``.
        decay: share of the sum of gradients that a step keeps.
        loss: what is climbed, see ``PGD``.
        samples: gradients averaged at every step, each of another view.
        diversity: probability that a gradient is of the image shrunk and padded.
        precision: of the search: "float32", "bfloat16" or "float16".
    """

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
        """The attack that searches on these models, for any model of their task.

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
    """What ``Transfer`` comes to once its surrogates are there.

    Attributes:
        search: what is done.
        surrogates: to which models; they are moved to where the images are.
    """

    search: MIFGSM
    surrogates: tuple[TorchModel, ...]

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """See ``Attack``. Of ``model``, only its task is looked at.

        Raises:
            ModelError: a surrogate lets no gradient through, or cannot take the images.
            PlanError: a surrogate is of another task, or the threat is in L1 or L0.
        """
        check_norm("transfer", threat, ("linf", "l2"))
        ensemble = Ensemble(self.surrogates, task=model.task).to(batch.images.device)
        found = self.search(ensemble, replace(batch, before=None), goal, threat, seed=seed)
        n_models = len(self.surrogates)
        return replace(
            found,
            n_gradients=n_models * found.n_gradients,
            n_forwards=n_models * found.n_forwards,
        )
