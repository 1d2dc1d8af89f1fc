"""Attacks: threat × goal × attack, and the judge that decides."""

from plexor.attacks.catalogue import CATALOGUE
from plexor.attacks.control import matched_noise
from plexor.attacks.goals import Become, Flip, Goal, Misclassify, Move
from plexor.attacks.gradient import FGSM, PGD
from plexor.attacks.judge import Distances, Verdict, judge
from plexor.attacks.lattice import Lattice
from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.region import Border, Masked
from plexor.attacks.threat import Threat

__all__ = [
    "CATALOGUE",
    "FGSM",
    "PGD",
    "Attack",
    "Become",
    "Border",
    "Distances",
    "Flip",
    "Goal",
    "Lattice",
    "Masked",
    "Misclassify",
    "Move",
    "Objective",
    "Proposal",
    "Threat",
    "Verdict",
    "judge",
    "matched_noise",
]
