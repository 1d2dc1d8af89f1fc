"""What an adversary may want."""

from plexor.attacks.goals.contour import Drift, Erase, LowerDice, Spread
from plexor.attacks.goals.decision import Become, Misclassify
from plexor.attacks.goals.finding import Flip
from plexor.attacks.goals.goal import Goal, LossKind
from plexor.attacks.goals.number import Move
from plexor.attacks.goals.one_way import OneWay

__all__ = [
    "Become",
    "Drift",
    "Erase",
    "Flip",
    "Goal",
    "LossKind",
    "LowerDice",
    "Misclassify",
    "Move",
    "OneWay",
    "Spread",
]
