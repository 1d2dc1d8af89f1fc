"""Attacks that are fitted on some cases and applied to others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import safetensors.torch
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from torch import Tensor

from plexor.attacks.description import Described
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Attack
from plexor.attacks.threat import Threat
from plexor.core.errors import DataError, PlanError, brief
from plexor.core.files import write_atomic
from plexor.core.ids import digest
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_CARD = "plexor_fitted"


class _Form(BaseModel):
    """A card as plain data."""

    method: str
    options: Mapping[str, object]
    threat: Mapping[str, object]
    goal: Mapping[str, object]
    seed: int
    shape: Sequence[int]
    model_sha256: str
    seen: Sequence[str]
    n_gradients: int
    n_forwards: int
    groups: Sequence[str] = ()


class Fitted(Attack, Protocol):
    """The result of a fit: an attack on any case that does not query the model."""

    @property
    def card(self) -> FitCard:
        """Settings, data and cost of the fit."""
        ...

    def save(self, path: Path) -> None:
        """Writes tensors and card to one safetensors file."""
        ...

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what ``save`` wrote.

        Raises:
            DataError: the file is missing or damaged, or is no fitted attack.
        """
        ...


class FittedAttack(Protocol):
    """A search over many cases for one attack on all; its fields are its whole configuration."""

    def fit(
        self, model: Model, batches: Iterable[Batch], goal: Goal, threat: Threat, *, seed: int
    ) -> Fitted:
        """Fits on a stream of cases, with one batch in memory at a time.

        Args:
            model: the attacked model.
            batches: images of one shape, with classes mixed. Iterated several times: a list, or an
                object whose ``__iter__`` starts again from the first batch. Outputs ``before`` are
                used where batches have them.
            goal: the goal for every case.
            threat: the threat for every case.
            seed: of the random draws.

        Raises:
            DataError: there is no case, or the images have several shapes.
            PlanError: the batches can be iterated only once, or the threat's norm is not searched.
        """
        ...

    def n_batches(self, per_pass: int) -> int:
        """Greatest number of batches a fit reads, for progress reports.

        Args:
            per_pass: batches in one pass over the cases.
        """
        ...


class DescribedFit(FittedAttack, Described, Protocol):
    """A fitted attack of the catalogue; ``access`` is what fitting sees of the model.

    Attributes:
        applied: what the result of a fit sees of any model it is applied to.
        fitted: class of the result of a fit; its ``load`` reads a saved one.
        layers: whether fitting uses hidden layers, so that the model must have a network.
    """

    applied: ClassVar[Access]
    layers: ClassVar[bool]
    fitted: ClassVar[type[Fitted]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitCard:
    """Settings, data and cost of a fit, saved with it.

    Attributes:
        method: name of the attack.
        options: its fields.
        threat: of the fit.
        goal: of the fit, as plain data.
        seed: of the random draws.
        shape: of one image, (C, *spatial).
        model_sha256: hash of the model's weights; "" for a model passed in memory.
        seen: short hashes of the ids of the cases it was fitted on.
        n_gradients: forward-and-backward passes, over all cases.
        n_forwards: further forward passes.
        groups: short hashes of the names of their groups; empty where these are unknown.
    """

    method: str
    options: Mapping[str, object]
    threat: Threat
    goal: Mapping[str, object]
    seed: int
    shape: tuple[int, ...]
    model_sha256: str
    seen: frozenset[str]
    n_gradients: int
    n_forwards: int
    groups: frozenset[str] = frozenset()

    def saw(self, case_id: str) -> bool:
        """Whether the case was fitted on."""
        return _short_hash(case_id) in self.seen

    def saw_group(self, group: str) -> bool:
        """Whether a case of this group was fitted on; False where groups are unknown."""
        return _short_hash(group) in self.groups

    def check(self, batch: Batch, threat: Threat) -> None:
        """Checks that the fit applies to these cases and this threat.

        Raises:
            DataError: the images have another shape.
            PlanError: the threat is another one.
        """
        found = tuple(batch.images.shape[1:])
        if found != self.shape:
            raise DataError(
                f"{self.method}: it was fitted on images of shape {self.shape}, got {found}; fit "
                "again on images of that shape"
            )
        if threat != self.threat:
            raise PlanError(
                f"{self.method}: it was fitted within {self.threat.name}, got a threat of "
                f"{threat.name}; fit again within that threat"
            )

    def to_dict(self) -> dict[str, object]:
        """Plain data; ``from_dict`` gives the card back."""
        return asdict(self) | {
            "shape": list(self.shape),
            "seen": sorted(self.seen),
            "groups": sorted(self.groups),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FitCard:
        """A card from the plain data of ``to_dict``.

        Raises:
            ValueError: it is no card.
        """
        _Form.model_validate(data, strict=True)
        rest = dict(data)
        return cls(
            threat=Threat.of(rest.pop("threat")),
            shape=tuple(rest.pop("shape")),
            seen=frozenset(rest.pop("seen")),
            groups=frozenset(rest.pop("groups", ())),
            **rest,
        )


@dataclass(slots=True)
class Stream:
    """Batches that are iterated several times, with a record of cases and cost.

    Attributes:
        method: name of the attack, for messages.
        batches: as passed to ``fit``.
        shape: of one image, (C, *spatial); empty before the first batch.
        seen: short hashes of the ids of the cases iterated so far.
        groups: short hashes of their groups.
        n_gradients: forward-and-backward passes so far.
        n_forwards: further forward passes.
    """

    method: str
    batches: Iterable[Batch]
    shape: tuple[int, ...] = ()
    seen: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    n_gradients: int | Tensor = 0
    n_forwards: int | Tensor = 0

    def __post_init__(self) -> None:
        if iter(self.batches) is self.batches:
            raise PlanError(
                f"{self.method}: the batches are iterated several times, and this "
                f"{type(self.batches).__name__} can be iterated only once; pass a list, or an "
                "object whose __iter__ starts again"
            )

    def __iter__(self) -> Iterator[Batch]:
        """Every batch once.

        Raises:
            DataError: there is none, or a batch has images of another shape.
        """
        n_cases = 0
        for batch in self.batches:
            found = tuple(batch.images.shape[1:])
            self.shape = self.shape or found
            if found != self.shape:
                raise DataError(
                    f"{self.method}: one perturbation needs images of one shape, got {self.shape} "
                    f"and {found}; fit each shape separately"
                )
            self.seen.update(map(_short_hash, batch.ids))
            self.groups.update(map(_short_hash, batch.groups))
            n_cases += len(batch)
            yield batch
        if n_cases == 0:
            raise DataError(f"{self.method}: there is no case to fit on; pass at least one batch")

    def first(self) -> Batch:
        """The first batch."""
        return next(iter(self))

    def endlessly(self) -> Iterator[Batch]:
        """Every batch, repeated without end."""
        while True:
            yield from self

    def spent(self, objective: Objective) -> None:
        """Adds the cost of an objective, without a transfer from its device."""
        self.n_gradients = self.n_gradients + objective.n_gradients.sum()
        self.n_forwards = self.n_forwards + objective.n_forwards.sum()

    def card(
        self, attack: object, model: Model, goal: Goal, threat: Threat, *, seed: int
    ) -> FitCard:
        """The card of a fit on the stream; ``attack`` and ``goal`` are dataclasses."""
        options: Any = attack
        wanted: Any = goal
        return FitCard(
            method=self.method,
            options=asdict(options),
            threat=threat,
            goal=asdict(wanted),
            seed=seed,
            shape=self.shape,
            model_sha256=model.card.weights_sha256,
            seen=frozenset(self.seen),
            n_gradients=int(self.n_gradients),
            n_forwards=int(self.n_forwards),
            groups=frozenset(self.groups),
        )


def save_fitted(path: Path, tensors: Mapping[str, Tensor], card: FitCard) -> None:
    """Writes tensors and card to one safetensors file, atomically."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    about = json.dumps(card.to_dict(), sort_keys=True)
    write_atomic(path, safetensors.torch.save(plain, metadata={_CARD: about}))


def read_fitted(path: Path) -> tuple[dict[str, Tensor], FitCard]:
    """Tensors and card of a file that ``save_fitted`` wrote; runs no code of the file.

    Raises:
        DataError: the file is missing or damaged, or is no fitted attack.
    """
    card = read_card(path)
    return safetensors.torch.load_file(path), card


def read_card(path: Path) -> FitCard:
    """The card of such a file, without its tensors.

    Raises:
        DataError: see ``read_fitted``.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; name the file of a fitted attack in it")
    if not path.exists():
        raise DataError(f"no fitted attack at {path}; fit one and save it there")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is not a whole safetensors file: {error}") from error
    if _CARD not in header:
        raise DataError(f"{path} holds no fitted attack; expected a file that `save` wrote")
    try:
        return FitCard.from_dict(json.loads(header[_CARD]))
    except Exception as error:  # a card may hold anything
        raise DataError(
            f"the card in {path} was not written by this version of Plexor: {brief(error)}; fit "
            "again"
        ) from error


def _short_hash(name: str) -> str:
    """A hash long enough to recognise a case or group, without its name."""
    return digest(name)[:12]
