"""The goals of ``plexor.threat_model``, with losses for searches and margins for the judge."""

from plexor.attacks.goals.contour import Drift, Erase, LowerDice, Spread
from plexor.attacks.goals.decision import Become, Misclassify
from plexor.attacks.goals.goal import Goal, LossKind
from plexor.attacks.goals.label import Flip
from plexor.attacks.goals.number import Move
from plexor.attacks.goals.one_way import OneWay, directions

AnyGoal = Misclassify | Become | Flip | Move | LowerDice | Erase | Spread | Drift
GOALS: dict[str, type[AnyGoal]] = {
    "Misclassify": Misclassify,
    "Become": Become,
    "Flip": Flip,
    "Move": Move,
    "LowerDice": LowerDice,
    "Erase": Erase,
    "Spread": Spread,
    "Drift": Drift,
}
"""The keys of ``plexor.threat_model.GOALS``, in its order."""

__all__ = [
    "GOALS",
    "AnyGoal",
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
    "directions",
]
