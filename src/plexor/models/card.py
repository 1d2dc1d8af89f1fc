"""The card of a model: what a user and a report must know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from plexor.core.errors import ModelError
from plexor.models.features import Feature
from plexor.models.preprocess import Preprocess
from plexor.models.task import Task, task_from

MOST_CHANNELS = 1000
"""Channels of an image, at most."""


class _TaskForm(BaseModel):
    """A task in a card, as plain data."""

    kind: str
    classes: Sequence[str] = ()
    threshold: float | Sequence[float] | None = None
    unit: str | None = None


class _PreprocessForm(BaseModel):
    """Preprocessing in a card, as plain data."""

    size: Sequence[int] | None = None
    orientation: str | None = None
    clip: Sequence[float] | None = None
    clip_percentiles: Sequence[float] | None = None
    window: Sequence[float] | None = None
    mean: Sequence[float] = ()
    std: Sequence[float] = ()


class _Form(BaseModel):
    """A card as plain data."""

    task: _TaskForm
    preprocess: _PreprocessForm | None = None
    architecture: str = ""
    channels: Annotated[int, Field(ge=1, le=MOST_CHANNELS)] | None = None
    spatial_dims: Literal[2, 3] | None = None
    weights_sha256: str = ""
    training: Mapping[str, object] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What is needed to use a model, and to say in a report which one it was.

    Attributes:
        task: meaning of the outputs, with the class names.
        preprocess: what happens to an image before the network; None where it is not known, e.g.
            because it happens inside a program that is called.
        architecture: name of a built-in network, import path of the user's own, or any other short
            name of the model.
        channels: image channels that the model takes; None where any number is accepted.
        spatial_dims: 2 or 3; None where both are accepted.
        weights_sha256: hash of the weights file; "" for a model handed over in memory.
        features: numbers that the model takes beside the image, in its order; empty for a model of
            images alone.
        training: how the model was trained, plain data; empty where Plexor did not train it.
        source: of a model of another program, what it was opened from, what it shows, and why;
            plain data, empty for Plexor's own.

    Example:
        >>> from plexor.models import Binary
        >>> card = ModelCard(task=Binary(classes=("normal", "opacity")), channels=1)
        >>> ModelCard.from_dict(card.to_dict()) == card
        True
    """

    task: Task
    preprocess: Preprocess | None = None
    architecture: str = ""
    channels: int | None = None
    spatial_dims: int | None = None
    weights_sha256: str = ""
    features: tuple[Feature, ...] = ()
    training: Mapping[str, object] = field(default_factory=dict)
    source: Mapping[str, object] = field(default_factory=dict)

    def check_image(self, n_channels: int) -> None:
        """Refuses images with another number of channels than the model takes.

        Args:
            n_channels: channels of the stored image.

        Raises:
            ModelError: they are other than ``channels``.
        """
        if self.channels not in (None, n_channels):
            raise ModelError(
                f"the model takes images with {self.channels} channels, got {n_channels}; if it "
                f"takes {n_channels}, write `model.channels: {n_channels}`"
            )

    def to_dict(self) -> dict[str, object]:
        """Plain data; ``from_dict`` restores the card."""
        plain = asdict(self)
        if self.preprocess is not None:
            plain["preprocess"] = self.preprocess.known()
        for name in ("features", "source"):
            if not plain[name]:
                del plain[name]
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelCard:
        """A card from plain data, as stored in a weights file or in ``provenance.json``.

        Raises:
            ValueError: it is no card.
        """
        _Form.model_validate(data, strict=True)
        rest = dict(data)
        task = dict(rest.pop("task"))
        preprocess = rest.pop("preprocess", None)
        if preprocess is not None:
            options: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in preprocess.items()
            }
            preprocess = Preprocess(**options)
        features = tuple(Feature(**feature) for feature in rest.pop("features", ()))
        return cls(task=task_from(**task), preprocess=preprocess, features=features, **rest)
