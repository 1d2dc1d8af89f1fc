"""Attacks that are fitted on some cases and then judged on others, which they never saw."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Attack
from plexor.attacks.threat import Threat
from plexor.core.errors import DataError, PlanError
from plexor.core.files import write_atomic
from plexor.core.ids import digest
from plexor.models.batch import Batch
from plexor.models.model import Model

_CARD = "plexor_fitted"


class Fitted(Attack, Protocol):
    """What a fit comes to: an attack for any case, which no longer looks at the model."""

    @property
    def card(self) -> FitCard:
        """How it was made."""
        ...

    def save(self, path: Path) -> None:
        """Writes it as one safetensors file with the card inside."""
        ...

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what ``save`` wrote.

        Raises:
            DataError: the file is missing, damaged, or holds something else.
        """
        ...


class FittedAttack(Protocol):
    """A search over many cases for one thing that serves them all. Its fields configure it."""

    def fit(
        self, model: Model, batches: Iterable[Batch], goal: Goal, threat: Threat, *, seed: int
    ) -> Fitted:
        """Fits on a stream of cases, holding one batch at a time.

        Args:
            model: what is attacked.
            batches: images of one shape, classes mixed. It is gone through several times, so it
                must start anew each time: a list, or an object whose ``__iter__`` reads the files
                again. Where batches say what the model said ``before``, it is not asked again.
            goal: what is wanted, for every case.
            threat: within what, for every case.
            seed: of whatever is drawn.

        Raises:
            DataError: there is no case, or the images are not of one shape.
            PlanError: the batches can be gone through once only, or the threat's norm is not one
                that is searched.
        """
        ...

    def n_batches(self, per_pass: int) -> int:
        """How many batches a fit takes at most, where going through all once takes ``per_pass``.

        Only how much is left to do is told by it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FitCard:
    """How something was fitted, as kept beside it.

    Attributes:
        method: the attack's name.
        options: its fields.
        threat: what it was allowed.
        goal: what it wanted, as plain data.
        seed: of its draws.
        shape: of one image, (C, *spatial).
        model_sha256: of the model's weights; "" for a model handed over in memory.
        seen: short hashes of the ids of the cases it was fitted on.
        n_gradients: forward-and-backward passes spent, over all cases.
        n_forwards: further forward passes.
        groups: short hashes of the names of their groups; empty where these were not known.
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
        """Whether it was fitted on this case."""
        return _short_hash(case_id) in self.seen

    def saw_group(self, group: str) -> bool:
        """Whether it was fitted on a case of this group, as far as groups were known."""
        return _short_hash(group) in self.groups

    def check(self, batch: Batch, threat: Threat) -> None:
        """Refuses cases it cannot be applied to, and a threat it was not made for.

        Raises:
            DataError: images of another shape.
            PlanError: another threat.
        """
        found = tuple(batch.images.shape[1:])
        if found != self.shape:
            raise DataError(
                f"{self.method}: it was fitted on images of shape {self.shape}, got {found}; fit "
                "one on images of that shape"
            )
        if threat != self.threat:
            raise PlanError(
                f"{self.method}: it was fitted within {self.threat.name}, asked for within "
                f"{threat.name}; fit one within that"
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
        """A card from plain data, as a file holds it."""
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
    """Batches to be gone through more than once, and a note of what was seen and spent.

    Attributes:
        method: who asks, for messages.
        batches: what was handed to ``fit``.
        shape: of one image, (C, *spatial); known once a batch was seen.
        seen: short hashes of the ids of the cases that went by.
        groups: those of their groups.
        n_gradients: forward-and-backward passes spent so far.
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
                f"{self.method}: the batches are gone through several times, and this "
                f"{type(self.batches).__name__} gives them once; hand over a list, or an object "
                "whose __iter__ starts anew"
            )

    def __iter__(self) -> Iterator[Batch]:
        """Every batch once.

        Raises:
            DataError: there is none, or its images are of another shape than those before.
        """
        n_cases = 0
        for batch in self.batches:
            found = tuple(batch.images.shape[1:])
            self.shape = self.shape or found
            if found != self.shape:
                raise DataError(
                    f"{self.method}: one perturbation needs images of one shape, got {self.shape} "
                    f"and {found}; fit each shape by itself"
                )
            self.seen.update(map(_short_hash, batch.ids))
            self.groups.update(map(_short_hash, batch.groups))
            n_cases += len(batch)
            yield batch
        if n_cases == 0:
            raise DataError(f"{self.method}: there is no case to fit on")

    def first(self) -> Batch:
        """The first batch."""
        return next(iter(self))

    def endlessly(self) -> Iterator[Batch]:
        """Every batch, again and again."""
        while True:
            yield from self

    def spent(self, objective: Objective) -> None:
        """Adds what an objective has asked of the model; stays on its device."""
        self.n_gradients = self.n_gradients + objective.n_gradients.sum()
        self.n_forwards = self.n_forwards + objective.n_forwards.sum()

    def card(
        self, attack: object, model: Model, goal: Goal, threat: Threat, *, seed: int
    ) -> FitCard:
        """The card of what was fitted on the stream; ``attack`` and ``goal`` are dataclasses."""
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
    """Tensors and card of a file that ``save_fitted`` wrote. Runs nothing.

    Raises:
        DataError: the file is missing, damaged, or something else.
    """
    card = read_card(path)
    return safetensors.torch.load_file(path), card


def read_card(path: Path) -> FitCard:
    """The card of such a file, without its tensors.

    Raises:
        DataError: see ``read_fitted``.
    """
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
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"the card in {path} is not one that this version of Plexor writes: {error}"
        ) from error


def _short_hash(name: str) -> str:
    """Enough to notice a case, or a group, that was fitted on, without naming it."""
    return digest(name)[:12]
