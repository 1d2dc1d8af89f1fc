"""Measurements on a trained network beside its audit: yardsticks, bias, gradient share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from plexor.cases import Case, Image, read_case
from plexor.cases.formats.nifti import decode_nifti
from plexor.cases.phantoms import AgeingConfig
from plexor.cases.phantoms.ageing import draw_person, scan
from plexor.cases.phantoms.encode import nifti
from plexor.core.files import write_atomic
from plexor.core.seeds import seed_for
from plexor.models import Features, TorchModel
from plexor.models.batch import Batch
from plexor.models.model import answer
from plexor.studies.li2020.layout import FEATURES
from plexor.studies.li2020.plans import SEED, Scale

_YOUNGEST, _OLDEST = 25.0, 85.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """A person, and the same person a year later, scanned in the same position with the same noise.

    Attributes:
        person: a name.
        shift: predicted age a year later minus predicted age, in years.
        linf: greatest change of any stored number.
        l2: Euclidean length of the change, in stored numbers.
    """

    person: str
    shift: float
    linf: float
    l2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of a case's gradient lies in each of the two inputs.

    Attributes:
        case_id: the case.
        group: the person.
        image: shift, in years, of a linear model with this gradient under the strongest change of
            the image, at the main radius under L∞.
        features: the same for the features within their measurement error; 0 for a model without
            features.
    """

    case_id: str
    group: str
    image: float
    features: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Measurements on one trained network.

    Attributes:
        slope: of predicted on true age over the validation split.
        intercept: in years.
        older: yardstick of one year.
        shares: of the test cases.
    """

    slope: float
    intercept: float
    older: tuple[Older, ...]
    shares: tuple[Share, ...]

    def corrected(self, predicted: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Predictions with the usual correction of the bias by age: (predicted - a) / b.

        Cole et al., Mol Psychiatry 2018;23:1385; a and b are fitted on other cases.
        NaN where the predictions do not rise with age, so that no correction exists.
        """
        if self.slope <= 0:
            return np.full_like(predicted, np.nan)
        return np.asarray((predicted - self.intercept) / self.slope)

    def save(self, path: Path) -> None:
        """As JSON."""
        write_atomic(path, json.dumps(asdict(self), indent=1).encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what ``save`` wrote."""
        plain = json.loads(path.read_bytes())
        return cls(
            slope=plain["slope"],
            intercept=plain["intercept"],
            older=tuple(Older(**one) for one in plain["older"]),
            shares=tuple(Share(**one) for one in plain["shares"]),
        )


def diagnose(
    model: TorchModel,
    scale: Scale,
    *,
    validation: Sequence[Case],
    test: Sequence[Case],
    moved: dict[str, float],
) -> Diagnosis:
    """Measures a network.

    Args:
        model: the network.
        scale: of the study.
        validation: cases that the bias by age is fitted on.
        test: cases whose gradients are measured.
        moved: measurement error of each feature, in ml.
    """
    ages = np.array([float(case.truth) for case in validation])
    answers = np.array([predicted(model, batch_of([case])) for case in validation])
    slope, intercept = np.polyfit(ages, answers, 1)
    return Diagnosis(
        slope=float(slope),
        intercept=float(intercept),
        older=tuple(_older(model, scale, number) for number in range(scale.n_people["test"])),
        shares=tuple(_share(model, case, scale.main_radius, moved) for case in test),
    )


def batch_of(cases: Sequence[Case], images: Sequence[Image] | None = None) -> Batch:
    """Cases as a batch on the CPU."""
    device = torch.device("cpu")
    read = [read_case(case) for case in cases] if images is None else images
    return Batch.of(
        [case.id for case in cases],
        read,
        torch.tensor([float(case.truth) for case in cases]),
        device,
        features=Features.of(cases, device),
    )


def predicted(model: TorchModel, batch: Batch) -> float:
    """The predicted age of a batch of one case, in years."""
    with torch.no_grad():
        return float(answer(model, batch, batch.images)[0, 0])


def _older(model: TorchModel, scale: Scale, number: int) -> Older:
    young, old = _a_year_apart(scale.spacing_mm, number)
    change = (old.images - young.images).double()
    return Older(
        person=young.ids[0],
        shift=predicted(model, old) - predicted(model, young),
        linf=float(change.abs().max()),
        l2=float(change.norm()),
    )


@lru_cache(maxsize=512)
def _a_year_apart(spacing_mm: int, number: int) -> tuple[Batch, Batch]:
    """A person drawn twice from the same random numbers; the same for every network."""
    name = f"older-{number}"
    config = AgeingConfig(spacing_mm=spacing_mm)
    ages = np.random.default_rng(seed_for(SEED, name, "age"))
    age = float(ages.uniform(_YOUNGEST, _OLDEST))
    found: list[Batch] = []
    for years in (age, age + 1):
        generator = np.random.default_rng(seed_for(SEED, name))
        phantom = scan(generator, draw_person(generator, years, config), config)
        features = {column: float(phantom.truth[column]) for column in FEATURES}
        case = Case(id=name, path=Path(name), truth=years, group=name, features=features)
        found.append(batch_of([case], [decode_nifti(nifti(phantom, name))]))
    return found[0], found[1]


def _share(model: TorchModel, case: Case, radius: float, moved: dict[str, float]) -> Share:
    batch = batch_of([case])
    images = batch.images.clone().requires_grad_()
    wanted: list[torch.Tensor] = [images]
    if model.card.features and batch.features is not None:
        values = batch.features.values.clone().requires_grad_()
        batch = replace(batch, features=replace(batch.features, values=values))
        wanted.append(values)
    slopes = torch.autograd.grad(answer(model, batch, images).sum(), wanted)
    of_features = 0.0
    if batch.features is not None and len(slopes) > 1:
        of_features = float((slopes[1][0].abs() * batch.features.radii(moved)).sum())
    return Share(
        case_id=case.id,
        group=case.group,
        image=radius * float(slopes[0].double().abs().sum()),
        features=of_features,
    )
