"""The attacks a plan may name: name → class, whose fields are its options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from plexor.attacks.cascade import Cascade
from plexor.attacks.description import Described
from plexor.attacks.fitted import DescribedFit, Fitted, read_card
from plexor.attacks.generative import Generator, UniversalGenerator
from plexor.attacks.gradient import APGD, APGDT, FGSM, MIFGSM, PGD, Transfer
from plexor.attacks.jpeg import JPEGCoefficients
from plexor.attacks.lattice import Lattice
from plexor.attacks.minimum_norm import DDN, FAB, FMN, CarliniWagner, DeepFool, SigmaZero
from plexor.attacks.proposal import Attack
from plexor.attacks.query import NES, HopSkipJump, RayS, SimBA, Square
from plexor.attacks.sparse import ExhaustivePixel, GreedyPixel, OnePixel, SparseRS
from plexor.attacks.universal import UniversalDeepFool, UniversalSGD, UniversalSingular
from plexor.core.errors import DataError, PlanError, unknown

T = TypeVar("T")


class Search(Attack, Described, Protocol):
    """An attack that searches anew for every case."""


SEARCHES: dict[str, type[Search]] = {
    "cascade": Cascade,
    "fgsm": FGSM,
    "pgd": PGD,
    "apgd": APGD,
    "apgd-t": APGDT,
    "mi-fgsm": MIFGSM,
    "lattice": Lattice,
    "jpeg": JPEGCoefficients,
    "square": Square,
    "nes": NES,
    "simba": SimBA,
    "hop-skip-jump": HopSkipJump,
    "rays": RayS,
    "one-pixel": OnePixel,
    "exhaustive-pixel": ExhaustivePixel,
    "greedy-pixel": GreedyPixel,
    "sparse-rs": SparseRS,
    "fmn": FMN,
    "sigma-zero": SigmaZero,
    "ddn": DDN,
    "fab": FAB,
    "deepfool": DeepFool,
    "carlini-wagner": CarliniWagner,
}
"""Attacks that search anew for every case, on the audited model."""

FITTED: dict[str, type[DescribedFit]] = {
    "universal-sgd": UniversalSGD,
    "universal-deepfool": UniversalDeepFool,
    "universal-singular": UniversalSingular,
    "generator": Generator,
    "universal-generator": UniversalGenerator,
}
"""Attacks that are fitted on some cases and applied to others."""

ON_SURROGATES: dict[str, type[Transfer]] = {"transfer": Transfer}
"""Attacks that search on other models."""

CATALOGUE: dict[str, type[Described]] = {**SEARCHES, **FITTED, **ON_SURROGATES}
"""Every attack."""


def find(name: str) -> type[Search]:
    """The search of that name.

    Raises:
        PlanError: there is none.

    Example:
        >>> find("pgd").norms
        ('linf', 'l2', 'l1', 'l0')
    """
    return _found("attack", name, SEARCHES)


def find_fitted(name: str) -> type[DescribedFit]:
    """The fitted attack of that name.

    Raises:
        PlanError: there is none.
    """
    return _found("fitted attack", name, FITTED)


def load_fitted(path: Path) -> Fitted:
    """Reads a fitted attack that ``save`` wrote; the card in the file names the attack.

    Raises:
        DataError: the file is missing or damaged, or is no saved attack of the catalogue.
    """
    method = read_card(path).method
    if method not in FITTED:
        raise DataError(f"{path}: {unknown('fitted attack', method, FITTED)}")
    return FITTED[method].fitted.load(path)


def _found(kind: str, name: str, attacks: Mapping[str, T]) -> T:
    if name not in attacks:
        raise PlanError(unknown(kind, name, attacks))
    return attacks[name]
