"""What attacks there are: name → the class whose fields are its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from plexor.attacks.gradient import FGSM, PGD
from plexor.attacks.lattice import Lattice
from plexor.attacks.proposal import Attack
from plexor.core.errors import PlanError, unknown

Access = Literal["gradients", "scores", "decisions", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An attack as ``plexor attacks`` lists it.

    Attributes:
        attack: the class.
        access: what it needs to see of the model.
        norms: the threats it searches.
        tasks: the tasks it works for.
        reference: where it comes from.
        summary: one line.
    """

    attack: type[Attack]
    access: Access
    norms: tuple[str, ...]
    tasks: tuple[str, ...]
    reference: str
    summary: str


EVERY_NORM = ("linf", "l2", "l1", "l0")
EVERY_TASK = ("multiclass", "binary", "multilabel", "regression")

CATALOGUE: dict[str, Entry] = {
    "fgsm": Entry(
        attack=FGSM,
        access="gradients",
        norms=EVERY_NORM,
        tasks=EVERY_TASK,
        reference="Goodfellow et al., ICLR 2015, arXiv:1412.6572",
        summary="one step of the whole radius",
    ),
    "pgd": Entry(
        attack=PGD,
        access="gradients",
        norms=EVERY_NORM,
        tasks=EVERY_TASK,
        reference="Madry et al., ICLR 2018, arXiv:1706.06083",
        summary="projected gradient ascent with restarts, on storable images",
    ),
    "lattice": Entry(
        attack=Lattice,
        access="gradients",
        norms=("linf", "l2"),
        tasks=EVERY_TASK,
        reference="this project; the question is that of Bonnet et al., IEEE TIFS 2021",
        summary="gradient search in whole quanta, for budgets of one or two levels",
    ),
}


def find(name: str) -> Entry:
    """The entry of that name.

    Raises:
        PlanError: there is none.
    """
    if name not in CATALOGUE:
        raise PlanError(unknown("attack", name, CATALOGUE))
    return CATALOGUE[name]
