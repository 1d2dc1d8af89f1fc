"""What attacks there are: name → the class whose fields are its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from plexor.attacks.cascade import Cascade
from plexor.attacks.gradient import APGD, APGDT, FGSM, MIFGSM, PGD
from plexor.attacks.jpeg import JPEGCoefficients
from plexor.attacks.lattice import Lattice
from plexor.attacks.minimum_norm import DDN, FAB, FMN, CarliniWagner, DeepFool
from plexor.attacks.proposal import Attack
from plexor.attacks.query import NES, HopSkipJump, SimBA, Square
from plexor.attacks.sparse import ExhaustivePixel, GreedyPixel, OnePixel, SparseRS
from plexor.core.errors import PlanError, unknown
from plexor.threat_model import Access


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
        files: the images it can change: "any", or those of JPEG files.
    """

    attack: type[Attack]
    access: Access
    norms: tuple[str, ...]
    tasks: tuple[str, ...]
    reference: str
    summary: str
    files: Literal["any", "JPEG"] = "any"


EVERY_NORM = ("linf", "l2", "l1", "l0")
EVERY_TASK = ("multiclass", "binary", "multilabel", "regression", "segmentation")

CATALOGUE: dict[str, Entry] = {
    "cascade": Entry(
        attack=Cascade,
        access="gradients",
        norms=EVERY_NORM,
        tasks=EVERY_TASK,
        reference="In the spirit of AutoAttack: Croce & Hein, ICML 2020, arXiv:2003.01690",
        summary="six attacks in turn, each on the cases that withstood; no parameter",
    ),
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
    "apgd": Entry(
        attack=APGD,
        access="gradients",
        norms=("linf", "l2", "l1"),
        tasks=EVERY_TASK,
        reference="Croce & Hein, ICML 2020, arXiv:2003.01690; "
        "for L1 Croce & Hein, ICML 2021, arXiv:2103.01208",
        summary="projected gradient ascent that finds its own step size",
    ),
    "apgd-t": Entry(
        attack=APGDT,
        access="gradients",
        norms=("linf", "l2", "l1"),
        tasks=EVERY_TASK,
        reference="Croce & Hein, ICML 2020, arXiv:2003.01690",
        summary="Auto-PGD at each other class, finding or direction in turn, the nearest first",
    ),
    "mi-fgsm": Entry(
        attack=MIFGSM,
        access="gradients",
        norms=("linf", "l2"),
        tasks=EVERY_TASK,
        reference="Dong et al., CVPR 2018, arXiv:1710.06081; "
        "Nesterov's: Lin et al., ICLR 2020, arXiv:1908.06281",
        summary="steps along a decaying sum of gradients, for surrogates of an unknown model",
    ),
    "lattice": Entry(
        attack=Lattice,
        access="gradients",
        norms=("linf", "l2"),
        tasks=EVERY_TASK,
        reference="Plexor's own; the question is that of Bonnet et al., IEEE TIFS 2021",
        summary="gradient search in whole quanta, for budgets of one or two levels",
    ),
    "jpeg": Entry(
        attack=JPEGCoefficients,
        access="gradients",
        norms=("linf", "l2"),
        tasks=EVERY_TASK,
        reference="Plexor's own; the decoder is libjpeg-turbo's, to the bit",
        summary="moves the file's own quantised coefficients, so that it stays a JPEG as found",
        files="JPEG",
    ),
    "square": Entry(
        attack=Square,
        access="scores",
        norms=("linf", "l2", "l1"),
        tasks=EVERY_TASK,
        reference="Andriushchenko et al., ECCV 2020, arXiv:1912.00049; "
        "for L1 Croce & Hein, ICML 2021, arXiv:2103.01208",
        summary="random search by squares, or cubes, that use the whole radius",
    ),
    "nes": Entry(
        attack=NES,
        access="scores",
        norms=("linf", "l2"),
        tasks=EVERY_TASK,
        reference="Ilyas et al., ICML 2018, arXiv:1804.08598",
        summary="gradient ascent along gradients estimated from pairs of scores",
    ),
    "simba": Entry(
        attack=SimBA,
        access="scores",
        norms=("linf", "l2"),
        tasks=EVERY_TASK,
        reference="Guo et al., ICML 2019, arXiv:1905.07121",
        summary="one pixel or cosine wave after another, kept where the score rises",
    ),
    "hop-skip-jump": Entry(
        attack=HopSkipJump,
        access="decisions",
        norms=("linf", "l2"),
        tasks=EVERY_TASK,
        reference="Chen et al., IEEE S&P 2020, arXiv:1904.02144",
        summary="walks along the decision boundary towards the image, from yes and no alone",
    ),
    "one-pixel": Entry(
        attack=OnePixel,
        access="scores",
        norms=("l0",),
        tasks=EVERY_TASK,
        reference="Su et al., IEEE Trans. Evol. Comput. 2019, arXiv:1710.08864",
        summary="differential evolution of the places and colours of one or a few pixels",
    ),
    "exhaustive-pixel": Entry(
        attack=ExhaustivePixel,
        access="scores",
        norms=("l0",),
        tasks=EVERY_TASK,
        reference="Plexor's own; its set is that of CornerSearch's first step: "
        "Croce & Hein, ICCV 2019, arXiv:1909.05040",
        summary="every pixel in every extreme colour, with a map of those that break the case",
    ),
    "greedy-pixel": Entry(
        attack=GreedyPixel,
        access="scores",
        norms=("l0",),
        tasks=EVERY_TASK,
        reference="In the spirit of CornerSearch: Croce & Hein, ICCV 2019, arXiv:1909.05040",
        summary="one pixel after another, each in the extreme colour that does most",
    ),
    "sparse-rs": Entry(
        attack=SparseRS,
        access="scores",
        norms=("l0",),
        tasks=EVERY_TASK,
        reference="Croce et al., AAAI 2022, arXiv:2006.12834",
        summary="random search over sets of pixels and extreme colours",
    ),
    "fmn": Entry(
        attack=FMN,
        access="gradients",
        norms=EVERY_NORM,
        tasks=EVERY_TASK,
        reference="Pintor et al., NeurIPS 2021, arXiv:2102.12827",
        summary="shortest perturbation, by a ball that shrinks and grows",
    ),
    "ddn": Entry(
        attack=DDN,
        access="gradients",
        norms=("l2",),
        tasks=EVERY_TASK,
        reference="Rony et al., CVPR 2019, arXiv:1811.09600",
        summary="shortest L2 perturbation, direction and length apart",
    ),
    "fab": Entry(
        attack=FAB,
        access="gradients",
        norms=("linf", "l2", "l1"),
        tasks=EVERY_TASK,
        reference="Croce & Hein, ICML 2020, arXiv:1907.02044",
        summary="shortest perturbation, along the boundary of the goal",
    ),
    "deepfool": Entry(
        attack=DeepFool,
        access="gradients",
        norms=("linf", "l2", "l1"),
        tasks=EVERY_TASK,
        reference="Moosavi-Dezfooli et al., CVPR 2016, arXiv:1511.04599",
        summary="a short perturbation, in a few steps to the nearest boundary",
    ),
    "carlini-wagner": Entry(
        attack=CarliniWagner,
        access="gradients",
        norms=("l2",),
        tasks=EVERY_TASK,
        reference="Carlini & Wagner, IEEE S&P 2017, arXiv:1608.04644",
        summary="shortest L2 perturbation, its length weighed against the margin",
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
