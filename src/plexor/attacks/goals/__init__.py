"""What an adversary may want."""

from plexor.attacks.goals.contour import Drift, Erase, LowerDice, Spread
from plexor.attacks.goals.decision import Become, Misclassify
from plexor.attacks.goals.finding import Flip
from plexor.attacks.goals.goal import Goal, LossKind
from plexor.attacks.goals.number import Move

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
    "Spread",
]
