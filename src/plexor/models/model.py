"""What is audited: anything that answers for stored images.

``Model`` is the protocol that audits and attacks are written against. ``TorchModel``, a network
with its preprocessing, is one implementation; a program that is called, or a defence around another
model, are others.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from plexor.core.errors import PlanError
from plexor.models.batch import Batch, Scaling
from plexor.models.card import ModelCard
from plexor.models.features import Features
from plexor.models.task import Task

ModelAccess = Literal["gradients", "scores", "decisions"]
"""How much a model shows, from most to least; whoever sees gradients sees scores as well."""


class Model(Protocol):
    """A model that can be audited.

    A class with these members is a model; it need not inherit from this one. ``plexor.audit`` deep
    copies and pickles models that are sent to workers, so keep open connections out of attributes.

    Example:
        A program that returns one score per class, used through a NumPy function:

        >>> import hashlib
        >>> import numpy as np
        >>> import torch
        >>> from plexor.models import ModelCard, Multiclass
        >>> def predict(images):
        ...     dark = images.mean(axis=(1, 2, 3)) < 100
        ...     return np.stack([dark, ~dark], axis=1).astype("float32")
        >>> class Program:
        ...     task = Multiclass(classes=("dark", "bright"))
        ...     card = ModelCard(task=task, architecture="program 1.2", channels=1)
        ...     access = "scores"
        ...     device = torch.device("cpu")
        ...
        ...     def outputs(self, images, scaling=None, features=None):
        ...         values = images if scaling is None else scaling.values(images)
        ...         return torch.from_numpy(predict(values.detach().cpu().numpy()))
        ...
        ...     def identity(self):
        ...         return hashlib.sha256(b"program 1.2").hexdigest()
        ...
        ...     def to(self, device):
        ...         return self
        >>> model = Program()
        >>> model.task.decide(model.outputs(torch.full((1, 1, 8, 8), 200.0)))
        tensor([1])
    """

    @property
    def card(self) -> ModelCard:
        """What a report says of the model."""
        ...

    @property
    def task(self) -> Task:
        """Meaning of the outputs; the same as ``card.task``."""
        ...

    @property
    def access(self) -> ModelAccess:
        """How much the model shows to an attack.

        "gradients": ``outputs`` is differentiable in the images. "scores": the outputs are
        continuous, and not differentiable. "decisions": only what ``task.decide`` makes of the
        outputs has a meaning, e.g. 1 for the class that is decided and 0 for all others.
        """
        ...

    @property
    def device(self) -> torch.device:
        """Where images are expected and outputs are returned."""
        ...

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """Outputs (N, n_outputs), float32; of a segmentation (N, n_outputs, *spatial).

        The outputs of one image do not depend on the other images of the batch.

        Args:
            images: stored numbers, float32 (N, C, *spatial), on ``device``.
            scaling: from stored numbers to values; None where they are the same.
            features: numbers beside the images, those that ``card.features`` names among them. Not
                given to a model whose card names none, which may leave the argument out.

        Raises:
            ModelError: the model cannot answer for these images. Audits record such cases as
                failed; any other error ends the audit. An error that says that memory ran out is
                not wrapped: audits then try a smaller batch.
        """
        ...

    def identity(self) -> str:
        """SHA-256, 64 hexadecimal digits, of everything that decides the outputs.

        Two models with one identity give the same outputs: of a network hash its weights and its
        preprocessing, of a program that is called its address and version. It is printed in the
        report, and a run directory is not resumed with a model of another identity.
        """
        ...

    def to(self, device: torch.device) -> Self:
        """Moves the model in place and returns it; a model that cannot move stays where it is."""
        ...


@runtime_checkable
class HasNetwork(Protocol):
    """A further capability of models that run a torch network in this process.

    Needed by attacks that look at hidden layers, by the check for layers left in training mode, and
    to compute gradients in less memory. Models without it are audited without these.
    """

    @property
    def network(self) -> nn.Module:
        """The network, on the model's device."""
        ...

    @property
    def was_training(self) -> bool:
        """Whether the network was in training mode when it was passed in."""
        ...


@runtime_checkable
class Remembers(Protocol):
    """A further capability of models that keep their answers, and give them again.

    Needed by checks that look whether a model answers the same image twice in the same way.
    """

    @property
    def n_paid(self) -> int:
        """Images for which this process asked, without those answered from memory."""
        ...

    def asked_anew(self) -> AbstractContextManager[None]:
        """Context in which no answer is taken from memory."""
        ...


@runtime_checkable
class Waits(Protocol):
    """A further capability of models that another program computes.

    Cases of such a model are worked on in several threads: while one waits, another computes.
    """

    @property
    def waits(self) -> bool:
        """Whether an answer is waited for, and may be asked for in several threads."""
        ...


@runtime_checkable
class Limited(Protocol):
    """A further capability of models that may be asked so many times a second, and no more."""

    @property
    def per_second(self) -> float | None:
        """Requests in a second, at most, of this process alone; None sets no limit."""
        ...


def asked_anew(model: Model) -> AbstractContextManager[None]:
    """Context in which the model gives no answer from memory."""
    return model.asked_anew() if isinstance(model, Remembers) else nullcontext()


def answer(model: Model, batch: Batch, images: Tensor) -> Tensor:
    """The model's outputs for images that take the place of a batch's, with its other inputs.

    Args:
        model: any model; one that takes no features is not given any.
        batch: scaling and features of the cases.
        images: stored numbers, (N, C, *spatial).
    """
    return outputs_of(model, images, batch.scaling, batch.features)


def outputs_of(
    model: Model, images: Tensor, scaling: Scaling | None, features: Features | None
) -> Tensor:
    """The model's outputs; a model that takes no features is not given any."""
    if not model.card.features:
        return model.outputs(images, scaling)
    return model.outputs(images, scaling, features)


def network_of(model: Model, *, method: str) -> nn.Module:
    """The network of a model.

    Args:
        model: any model.
        method: what needs the network, for the message.

    Raises:
        PlanError: the model has none.
    """
    if not isinstance(model, HasNetwork):
        raise PlanError(
            f"{method} looks at hidden layers, and {type(model).__name__} has no torch network; "
            "take an attack that uses the model's outputs only"
        )
    return model.network
