"""Attacks: threat × goal × attack, and the judge that decides."""

from plexor.core.errors import require

require("torch")

from plexor.attacks.cascade import Cascade
from plexor.attacks.catalogue import CATALOGUE, FITTED, ON_SURROGATES, SEARCHES, load_fitted
from plexor.attacks.control import matched_noise
from plexor.attacks.fitted import FitCard, Fitted, FittedAttack
from plexor.attacks.generative import FittedGenerator, Generator, UniversalGenerator
from plexor.attacks.goals import (
    Become,
    Drift,
    Erase,
    Flip,
    Goal,
    LowerDice,
    Misclassify,
    Move,
    Spread,
)
from plexor.attacks.gradient import APGD, APGDT, FGSM, MIFGSM, PGD, Transfer
from plexor.attacks.jpeg import JPEGCoefficients
from plexor.attacks.judge import Distances, Verdict, judge
from plexor.attacks.lattice import Lattice
from plexor.attacks.minimum_norm import DDN, FAB, FMN, CarliniWagner, DeepFool, SigmaZero
from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.query import NES, HopSkipJump, RayS, SimBA, Square
from plexor.attacks.region import Border, Masked
from plexor.attacks.sparse import ExhaustivePixel, GreedyPixel, OnePixel, SparseRS
from plexor.attacks.threat import Threat
from plexor.attacks.universal import (
    UniversalDeepFool,
    UniversalPerturbation,
    UniversalSGD,
    UniversalSingular,
)

__all__ = [
    "APGD",
    "APGDT",
    "CATALOGUE",
    "DDN",
    "FAB",
    "FGSM",
    "FITTED",
    "FMN",
    "MIFGSM",
    "NES",
    "ON_SURROGATES",
    "PGD",
    "SEARCHES",
    "Attack",
    "Become",
    "Border",
    "CarliniWagner",
    "Cascade",
    "DeepFool",
    "Distances",
    "Drift",
    "Erase",
    "ExhaustivePixel",
    "FitCard",
    "Fitted",
    "FittedAttack",
    "FittedGenerator",
    "Flip",
    "Generator",
    "Goal",
    "GreedyPixel",
    "HopSkipJump",
    "JPEGCoefficients",
    "Lattice",
    "LowerDice",
    "Masked",
    "Misclassify",
    "Move",
    "Objective",
    "OnePixel",
    "Proposal",
    "RayS",
    "SigmaZero",
    "SimBA",
    "SparseRS",
    "Spread",
    "Square",
    "Threat",
    "Transfer",
    "UniversalDeepFool",
    "UniversalGenerator",
    "UniversalPerturbation",
    "UniversalSGD",
    "UniversalSingular",
    "Verdict",
    "judge",
    "load_fitted",
    "matched_noise",
]
