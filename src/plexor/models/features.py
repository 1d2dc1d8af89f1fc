"""Features: numbers that a model takes beside the image, such as age or regional volumes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from plexor.cases import Case
from plexor.core.errors import ModelError, PlanError, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number that a model takes, and how it is standardised: (number - mean) / std.

    Attributes:
        name: the column of the manifest.
        mean: subtracted, in the unit of the column.
        std: divisor, in the unit of the column; positive.

    Raises:
        PlanError: the name is empty, or the numbers cannot standardise anything.
    """

    name: str
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        if not self.name:
            raise PlanError("features: a feature needs a name, that of its column in the manifest")
        if not (math.isfinite(self.mean) and 0 < self.std < math.inf):
            raise PlanError(
                f"features: {self.name} needs a finite `mean` and a positive finite `std`, got "
                f"{self.mean} and {self.std}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Features of the cases of a batch, as the manifest gives them.

    Attributes:
        names: of the columns.
        values: (N, len(names)) float32, in the columns' units, not standardised.

    Example:
        >>> import torch
        >>> features = Features(names=("age", "icv"), values=torch.tensor([[63.0, 1450.0]]))
        >>> features.standardised((Feature(name="icv", mean=1400, std=100),))
        tensor([[0.5000]])
    """

    names: tuple[str, ...]
    values: Tensor

    def select(self, index: Tensor) -> Features:
        """The features of the cases in ``index``."""
        return Features(names=self.names, values=self.values[index])

    def standardised(self, wanted: Sequence[Feature]) -> Tensor:
        """The columns wanted in their order, standardised, (N, len(wanted)); differentiable.

        Raises:
            ModelError: a column is not there.
        """
        for feature in wanted:
            if feature.name not in self.names:
                raise ModelError(
                    f"the model takes the feature {feature.name!r}, which the cases do not have: "
                    f"{unknown('feature', feature.name, self.names)}"
                )
        columns = self.values[:, [self.names.index(feature.name) for feature in wanted]]
        mean, std = (
            torch.tensor(
                [getattr(feature, name) for feature in wanted],
                dtype=self.values.dtype,
                device=self.values.device,
            )
            for name in ("mean", "std")
        )
        return (columns - mean) / std

    def radii(self, radius: Mapping[str, float]) -> Tensor:
        """How far each feature may move, (len(names),); 0 for those that ``radius`` omits.

        Raises:
            PlanError: a radius is given for a feature that is not there.
        """
        for name in radius:
            if name not in self.names:
                raise PlanError(f"threat: {unknown('feature', name, self.names)}")
        return torch.tensor(
            [radius.get(name, 0.0) for name in self.names],
            dtype=self.values.dtype,
            device=self.values.device,
        )

    @classmethod
    def of(cls, cases: Iterable[Case], device: torch.device) -> Self | None:
        """The features of cases of one cohort; None where they have none."""
        rows = [case.features for case in cases]
        if not rows or not rows[0]:
            return None
        values = [list(row.values()) for row in rows]
        return cls(
            names=tuple(rows[0]), values=torch.tensor(values, dtype=torch.float32, device=device)
        )


def fitted_features(cases: Sequence[Case]) -> tuple[Feature, ...]:
    """The features of training cases, standardised by their mean and standard deviation.

    A feature that is the same in every case is divided by 1.
    """
    found = []
    for name in cases[0].features:
        column = torch.tensor([case.features[name] for case in cases], dtype=torch.float64)
        std = float(column.std(correction=0))
        found.append(Feature(name=name, mean=float(column.mean()), std=std if std > 0 else 1.0))
    return tuple(found)


def check_features(wanted: Sequence[Feature], given: Sequence[str], *, cohort: str) -> None:
    """Checks that a cohort gives the features that a model takes.

    Args:
        wanted: those of the model's card.
        given: columns that the plan names in ``cohort.features``.
        cohort: its name, for the message.

    Raises:
        PlanError: the model takes features and the cohort gives none or others, or the model takes
            none and the cohort gives some.
    """
    names = [feature.name for feature in wanted]
    if set(names) == set(given):
        return
    listed = f"[{', '.join(names)}]"
    if not names:
        raise PlanError(
            f"cohort: `features` names {', '.join(given)}, and the model takes the image only; if "
            f"it takes them, write `model.features: [{', '.join(given)}]` in the order in which it "
            "takes them, else leave `cohort.features` out"
        )
    found = ", ".join(given) if given else "none"
    raise PlanError(
        f"cohort: the model takes the features {', '.join(names)} beside the image, and {cohort} "
        f"gives {found}; write `cohort.features: {listed}`"
    )
