"""Probes given as a name and options: one pydantic model for each name of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field as Option
from dataclasses import fields
from functools import cache
from typing import Any, Literal, Self, get_type_hints

from pydantic import Field, GetCoreSchemaHandler, TypeAdapter, create_model, model_validator
from pydantic_core import core_schema

from plexor.plans.written import ProbePlan
from plexor.probes import CATALOGUE, PlannedProbe


class KindPlan(ProbePlan):
    """Keys common to all such probes, beside a probe's own options.

    A further key is the kind itself, e.g. ``shortcut: ruler``.
    """

    id: str | None = Field(None, description="the probe's id; default: its name")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        tuple(self.probes())
        return self

    def probes(self) -> Iterator[PlannedProbe]:
        """See ``ProbePlan``."""
        kind, name = CATALOGUE[self.kind], getattr(self, self.kind)
        chosen = kind.options[name]
        options = {option.name: getattr(self, option.name) for option in fields(chosen)}
        yield kind.probe(id=self.id or name, name=name, options=chosen(**options))


@cache
def kind_adapter(kind: str) -> TypeAdapter[KindPlan]:
    """Validator of one probe of a kind: a union with one pydantic model for each name."""
    models = {name: _model(kind, name) for name in CATALOGUE[kind].options}

    class OneOf:
        """The union. Pydantic refuses a discriminator for a ``Union`` of one member."""

        @classmethod
        def __get_pydantic_core_schema__(
            cls, _: object, handler: GetCoreSchemaHandler
        ) -> core_schema.CoreSchema:
            choices = {name: handler.generate_schema(model) for name, model in models.items()}
            return core_schema.tagged_union_schema(choices, discriminator=kind)

    one: Any = OneOf
    return TypeAdapter(one)


def _model(kind: str, name: str) -> type[KindPlan]:
    chosen = CATALOGUE[kind].options[name]
    hints = get_type_hints(chosen)
    keys: dict[str, Any] = {"kind": (Literal[kind], kind), kind: (Literal[name], ...)}
    keys |= {option.name: (hints[option.name], _default(option)) for option in fields(chosen)}
    return create_model(f"{chosen.__name__}Probe", __base__=KindPlan, **keys)


def _default(option: Option[Any]) -> Any:
    """The option's default, and its description if it has one."""
    return Field(option.default, description=option.metadata.get("description"))
