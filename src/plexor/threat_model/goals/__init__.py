"""What an adversary may want, as values: one file a goal, and the catalogue of them."""

from plexor.threat_model.goals.become import Become
from plexor.threat_model.goals.catalogue import (
    GOALS,
    current_spelling,
    goal_from,
    goal_key,
    read_goal,
)
from plexor.threat_model.goals.drift import Drift
from plexor.threat_model.goals.erase import Erase
from plexor.threat_model.goals.goal import Figure, Goal, Outcomes, Outlines
from plexor.threat_model.goals.label import Flip
from plexor.threat_model.goals.lower_dice import LowerDice
from plexor.threat_model.goals.misclassify import Misclassify
from plexor.threat_model.goals.move import Move
from plexor.threat_model.goals.spread import Spread

__all__ = [
    "GOALS",
    "Become",
    "Drift",
    "Erase",
    "Figure",
    "Flip",
    "Goal",
    "LowerDice",
    "Misclassify",
    "Move",
    "Outcomes",
    "Outlines",
    "Spread",
    "current_spelling",
    "goal_from",
    "goal_key",
    "read_goal",
]
