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
_TAKE_MORE = ("allyn2020",)
"""Studies that take ``Request.heldout`` and ``Request.seeds``."""


def steps_of(name: str, request: Request) -> list[Step]:
    """The steps of a study.

    Raises:
        PlanError: the study is unknown, or does not take what is asked for.
    """
    if name not in _RECIPES:
        raise PlanError(unknown("study", name, _RECIPES))
    if name not in _TAKE_MORE and (request.heldout is not None or request.seeds > 1):
        raise PlanError(
            f"{name} takes neither --heldout nor --seeds; {' and '.join(_TAKE_MORE)} does"
        )
    return _RECIPES[name](request)
