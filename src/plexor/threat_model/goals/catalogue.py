"""What goals there are, and which of them plain data or a plan's short form stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from plexor.core.errors import PlanError, unknown
from plexor.threat_model.goals.become import Become
from plexor.threat_model.goals.drift import Drift
from plexor.threat_model.goals.erase import Erase
from plexor.threat_model.goals.goal import Goal
from plexor.threat_model.goals.label import Flip
from plexor.threat_model.goals.lower_dice import LowerDice
from plexor.threat_model.goals.misclassify import Misclassify
from plexor.threat_model.goals.move import Move
from plexor.threat_model.goals.spread import Spread

GOALS: dict[str, type[Goal]] = {
    "Misclassify": Misclassify,
    "Become": Become,
    "Flip": Flip,
    "Move": Move,
    "LowerDice": LowerDice,
    "Erase": Erase,
    "Spread": Spread,
    "Drift": Drift,
}
"""Name of the class → the class, in the order in which docs and messages list them."""

_RENAMED = {"finding": "label"}
"""Field of an earlier version → its present name."""
G = TypeVar("G", bound=Goal)


def current_spelling(data: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data with the fields of earlier versions under their present names.

    Example:
        >>> current_spelling({"kind": "hide", "finding": "effusion"})
        {'kind': 'hide', 'label': 'effusion'}
    """
    return {_RENAMED.get(name, name): value for name, value in data.items()}


def goal_key(data: Mapping[str, Any]) -> str:
    """The key in the catalogue of the goal that plain data describes.

    Two goals have the kind "invent": the one about an outline names its class under ``of``.

    Raises:
        PlanError: no goal has that kind.
    """
    kind = str(data.get("kind"))
    found = [key for key, goal in GOALS.items() if kind in goal.kinds]
    if not found:
        raise PlanError(
            "goal: " + unknown("kind", kind, {k for g in GOALS.values() for k in g.kinds})
        )
    return found[-1] if "of" in data else found[0]


def goal_from(data: Mapping[str, Any]) -> Goal:
    """The goal that plain data describes: of a resolved plan, a summary, or a saved fit.

    Args:
        data: ``kind`` and the goal's fields, with the names of this or an earlier version. Other
            keys, such as ``unit``, are not read.

    Raises:
        PlanError: no goal is described so.

    Example:
        >>> goal_from({"kind": "become", "target": "naevus"}).name
        'to-naevus'
    """
    given = current_spelling(data)
    goal: Any = GOALS[goal_key(given)]
    known = {field.name for field in fields(goal)}
    found: Goal = goal(**{name: value for name, value in given.items() if name in known})
    return found


def read_goal(written: object, goals: Iterable[type[G]]) -> G:
    """The goal that a plan's short form stands for.

    Args:
        written: e.g. ``"misclassify"``, ``{"become": "naevus"}``, ``{"drift": "disc", "by": 4}``.
        goals: the kinds to choose from.

    Raises:
        PlanError: none of them is written so, or its number is out of range.

    Example:
        >>> read_goal({"raise": 5}, GOALS.values()).name
        'raise-5'
    """
    known = tuple(goals)
    values = written.values() if isinstance(written, Mapping) else ()
    if not any(isinstance(value, bool) for value in values):
        for goal in known:
            if (found := goal.read(written)) is not None:
                return found
    forms = [f"`{form}`" for goal in known for form in goal.forms]
    raise PlanError(f"goal: expected {', '.join(forms[:-1])} or {forms[-1]}, got {written!r}")
