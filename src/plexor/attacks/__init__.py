"""Attacks: threat × goal × attack, and the judge that decides."""

from plexor.attacks.catalogue import CATALOGUE
from plexor.attacks.control import matched_noise
from plexor.attacks.goal import Become, Goal, Misclassify
from plexor.attacks.gradient import FGSM, PGD
from plexor.attacks.judge import Distances, Verdict, judge
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.threat import Threat

__all__ = [
    "CATALOGUE",
    "FGSM",
    "PGD",
    "Attack",
    "Become",
    "Distances",
    "Goal",
    "Misclassify",
    "Proposal",
    "Threat",
    "Verdict",
    "judge",
    "matched_noise",
]
