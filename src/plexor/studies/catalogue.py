"""The catalogue of studies."""

from __future__ import annotations

from plexor.core.errors import PlanError, unknown
from plexor.studies.allyn2020 import ALLYN2020
from plexor.studies.li2020 import LI2020
from plexor.studies.study import Study
from plexor.studies.yi2022 import YI2022

STUDIES: dict[str, Study] = {study.name: study for study in (ALLYN2020, LI2020, YI2022)}


def find(name: str) -> Study:
    """The study of that name.

    Raises:
        PlanError: there is none.
    """
    if name not in STUDIES:
        raise PlanError(unknown("study", name, STUDIES))
    return STUDIES[name]
