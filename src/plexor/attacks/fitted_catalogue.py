"""What fitted attacks there are: name → the class whose fields are its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plexor.attacks.catalogue import CATALOGUE, EVERY_NORM, EVERY_TASK, Entry
from plexor.attacks.fitted import Fitted, FittedAttack, read_card
from plexor.attacks.generative import FittedGenerator, Generator, UniversalGenerator
from plexor.attacks.surrogate_catalogue import ON_SURROGATES, SurrogateEntry
from plexor.attacks.universal import (
    UniversalDeepFool,
    UniversalPerturbation,
    UniversalSGD,
    UniversalSingular,
)
from plexor.core.errors import DataError, PlanError, unknown
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedEntry:
    """A fitted attack as ``plexor attacks`` lists it.

    Attributes:
        attack: the class that fits.
        fitted: the class of what a fit comes to; its ``load`` reads a saved one.
        access: what fitting needs to see of the model.
        applied: what it needs to see once it is fitted, on any model.
        norms: the threats it searches.
        tasks: the tasks it works for.
        reference: where it comes from.
        summary: one line.
        layers: whether fitting looks at hidden layers, so that the model must have a network.
    """

    attack: type[FittedAttack]
    fitted: type[Fitted]
    access: Access
    applied: Access
    norms: tuple[str, ...]
    tasks: tuple[str, ...]
    reference: str
    summary: str
    layers: bool = False


FITTED: dict[str, FittedEntry] = {
    "universal-sgd": FittedEntry(
        attack=UniversalSGD,
        fitted=UniversalPerturbation,
        access="gradients",
        applied="none",
        norms=EVERY_NORM,
        tasks=EVERY_TASK,
        reference="Shafahi et al., AAAI 2020, arXiv:1811.11304",
        summary="one perturbation for all images, by steps along the mean gradient of many",
    ),
    "universal-deepfool": FittedEntry(
        attack=UniversalDeepFool,
        fitted=UniversalPerturbation,
        access="gradients",
        applied="none",
        norms=("linf", "l2", "l1"),
        tasks=("multiclass", "binary", "multilabel", "regression"),
        reference="Moosavi-Dezfooli et al., CVPR 2017, arXiv:1610.08401",
        summary="one perturbation for all images, added up from the least change of each",
    ),
    "universal-singular": FittedEntry(
        attack=UniversalSingular,
        fitted=UniversalPerturbation,
        access="gradients",
        applied="none",
        norms=("linf", "l2", "l1"),
        tasks=EVERY_TASK,
        reference="Khrulkov & Oseledets, CVPR 2018, arXiv:1709.03582",
        summary="one perturbation for all images, that moves a hidden layer the most",
        layers=True,
    ),
    "generator": FittedEntry(
        attack=Generator,
        fitted=FittedGenerator,
        access="gradients",
        applied="none",
        norms=EVERY_NORM,
        tasks=EVERY_TASK,
        reference="Poursaeed et al., CVPR 2018, arXiv:1712.02328; "
        "with a discriminator Xiao et al., IJCAI 2018, arXiv:1801.02610",
        summary="a network trained to draw a perturbation for each image in one pass",
    ),
    "universal-generator": FittedEntry(
        attack=UniversalGenerator,
        fitted=UniversalPerturbation,
        access="gradients",
        applied="none",
        norms=EVERY_NORM,
        tasks=EVERY_TASK,
        reference="Poursaeed et al., CVPR 2018, arXiv:1712.02328",
        summary="one perturbation for all images, drawn by a network trained for it",
    ),
}

LISTED: dict[str, Entry | FittedEntry | SurrogateEntry] = {**CATALOGUE, **FITTED, **ON_SURROGATES}
"""Every attack a plan may name."""


def find_fitted(name: str) -> FittedEntry:
    """The entry of that name.

    Raises:
        PlanError: there is none.
    """
    if name not in FITTED:
        raise PlanError(unknown("fitted attack", name, FITTED))
    return FITTED[name]


def load_fitted(path: Path) -> Fitted:
    """Reads what any fitted attack of the catalogue saved; its card says which one did.

    Raises:
        DataError: the file is missing, damaged, or holds something else.
    """
    method = read_card(path).method
    if method not in FITTED:
        raise DataError(f"{path}: {unknown('fitted attack', method, FITTED)}")
    return FITTED[method].fitted.load(path)
