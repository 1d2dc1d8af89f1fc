"""The steps of each study; imported only when a study is run, since they need torch."""

from __future__ import annotations

from collections.abc import Callable

from plexor.core.errors import PlanError, unknown
from plexor.studies.allyn2020 import recipe as allyn2020
from plexor.studies.li2020 import recipe as li2020
from plexor.studies.step import Request, Step
from plexor.studies.yi2022 import recipe as yi2022

_RECIPES: dict[str, Callable[[Request], list[Step]]] = {
    "allyn2020": allyn2020.steps,
    "li2020": li2020.steps,
    "yi2022": yi2022.steps,
}


def recipe(name: str) -> Callable[[Request], list[Step]]:
    """The function that turns a request into the steps of that study.

    Raises:
        PlanError: the study is unknown.
    """
    if name not in _RECIPES:
        raise PlanError(unknown("study", name, _RECIPES))
    return _RECIPES[name]
