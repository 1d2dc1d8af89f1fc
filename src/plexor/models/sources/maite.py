"""Models and cohorts in the form of MAITE's protocols, for tools that take these, and back.

MAITE (MIT) is a set of protocols of the JATIC programme; what follows them need not import it. Its
image classification has images (C, H, W) and one number for each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from plexor.cases import Cohort, read_case
from plexor.core.errors import PlanError
from plexor.models.card import ModelCard
from plexor.models.classification import Multiclass
from plexor.models.model import Model
from plexor.models.sources.function import function_model
from plexor.models.task import check_outputs
from plexor.models.truth import encode


class MaiteModel:
    """A model as ``maite.protocols.image_classification.Model``.

    Args:
        model: of exclusive classes and of images without features.

    Attributes:
        metadata: ``id``, the model's identity, and ``index2label``, the names of its classes.

    Raises:
        PlanError: another task, or a model that takes features.

    Example:
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> asked = MaiteModel(model)
        >>> [one.shape for one in asked([image.numpy() for image in batch.images])]
        [(2,), (2,)]
    """

    def __init__(self, model: Model) -> None:
        if not isinstance(model.task, Multiclass) or model.card.features:
            raise PlanError(
                "maite: its image classification has exclusive classes and images alone, and the "
                f"model is of the task {model.task.kind}"
                + (" with features" if model.card.features else "")
            )
        self._model = model
        names = dict(enumerate(model.task.classes))
        self.metadata: dict[str, Any] = {"id": model.identity(), "index2label": names}

    def __call__(self, batch: Sequence[Any], /) -> list[NDArray[np.float32]]:
        """Probabilities (n_classes,) of images (C, H, W) of stored numbers.

        Raises:
            ModelError: the model cannot answer for an image.
        """
        found = []
        for image in batch:  # one by one, since they may differ in shape
            given = torch.from_numpy(np.array(image, dtype=np.float32))[None]
            with torch.no_grad():
                outputs = self._model.outputs(given.to(self._model.device))
            check_outputs(self._model.task, outputs, 1, spatial_dims=given.ndim - 2)
            found.append(outputs.softmax(dim=1)[0].cpu().numpy())
        return found


class MaiteDataset:
    """A cohort as ``maite.protocols.image_classification.Dataset``; images are read when asked for.

    Args:
        cohort: of exclusive classes.

    Attributes:
        metadata: ``id``, the cohort's name, and ``index2label``, the names of its classes.

    Raises:
        PlanError: the cohort has no classes.
    """

    def __init__(self, cohort: Cohort) -> None:
        if not cohort.classes:
            raise PlanError("maite: its image classification has classes, and the cohort has none")
        self._cohort, self._task = cohort, Multiclass(classes=cohort.classes)
        names = dict(enumerate(cohort.classes))
        self.metadata: dict[str, Any] = {"id": cohort.name, "index2label": names}

    def __len__(self) -> int:
        return len(self._cohort)

    def __getitem__(
        self, index: int, /
    ) -> tuple[NDArray[Any], NDArray[np.float32], dict[str, Any]]:
        """Stored numbers (C, H, W), 1 for the class and 0 for the others, and id and group.

        Raises:
            DataError: the image cannot be read.
        """
        case = self._cohort.cases[index]
        truth = np.zeros(len(self._cohort.classes), dtype=np.float32)
        truth[int(encode(self._task, [case.truth])[0])] = 1
        return read_case(case).pixels, truth, {"id": case.id, "group": case.group}


def from_maite(model: Any, card: ModelCard, *, outputs: str = "probabilities") -> Model:
    """A model that follows ``maite.protocols.image_classification.Model``, by its answers.

    Args:
        model: called with a list of arrays (C, H, W), preprocessed as the card says.
        card: the task with its classes, the preprocessing, the channels.
        outputs: what it returns: "probabilities" or "logits".

    Raises:
        PlanError: the model's ``index2label`` has other classes than the card.

    Example:
        >>> from plexor.attacks.example import tiny_problem
        >>> from plexor.models import Preprocess
        >>> model, batch = tiny_problem()
        >>> card = ModelCard(task=model.task, preprocess=Preprocess(window=(0, 1)))
        >>> asked = from_maite(MaiteModel(model), card)
        >>> torch.equal(
        ...     asked.task.decide(asked.outputs(batch.images)),
        ...     model.task.decide(model.outputs(batch.images)),
        ... )
        True
    """
    about = dict(getattr(model, "metadata", {}))
    named = about.get("index2label")
    if named is not None and tuple(named[i] for i in sorted(named)) != card.task.classes:
        raise PlanError(
            f"maite: the model's classes are {', '.join(named[i] for i in sorted(named))}, and the "
            f"card's {', '.join(card.task.classes)}; write them in the model's order"
        )

    def predict(images: NDArray[np.float32]) -> NDArray[Any]:
        return np.stack([np.asarray(one) for one in model(list(images))])

    return function_model(
        predict, card, outputs=outputs, name="maite model", version=str(about.get("id", ""))
    )
