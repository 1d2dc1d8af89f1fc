"""What an adversary may want."""

from plexor.attacks.goals.decision import Become, Misclassify
from plexor.attacks.goals.finding import Flip
from plexor.attacks.goals.goal import Goal, LossKind
from plexor.attacks.goals.number import Move

__all__ = ["Become", "Flip", "Goal", "LossKind", "Misclassify", "Move"]
