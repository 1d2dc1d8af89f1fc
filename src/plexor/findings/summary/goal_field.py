"""A goal as a field of a summary."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, Union

from pydantic import GetCoreSchemaHandler, GetPydanticSchema
from pydantic_core import CoreSchema

from plexor.threat_model import GOALS, Goal


def _any_goal(_source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Whichever of the catalogue's goals has these fields and this ``kind``."""
    return handler.generate_schema(Union[tuple(GOALS.values())])  # noqa: UP007 (made at run time)


GoalField: TypeAlias = Annotated[Goal, GetPydanticSchema(_any_goal)]
"""Any goal of the catalogue; ``kind`` and the fields tell which."""
