"""Shortcuts as a plan writes them: one model for each, told apart by ``shortcut``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from typing import Annotated, Any, Literal, Self, Union, get_type_hints

from pydantic import Field, TypeAdapter, create_model, model_validator

from plexor.audits.probe import Probe
from plexor.audits.written import ProbePlan
from plexor.findings.planned import shuffled_id
from plexor.shortcuts import CATALOGUE


class ShortcutPlan(ProbePlan):
    """What every shortcut in a plan has beside its own options."""

    shortcut: str
    id: str | None = Field(None, description="the probe's id; the shortcut's name if not given")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        tuple(self.probes())
        return self

    def probes(self) -> Iterator[Probe]:
        """The shortcut, and its control: the same changes in tiles that are dealt out anew."""
        kind: Any = CATALOGUE[self.shortcut].shortcut
        shortcut = kind(**{option.name: getattr(self, option.name) for option in fields(kind)})
        name = self.id or self.shortcut
        yield Probe(id=name, kind="shortcut", name=self.shortcut, shortcut=shortcut)
        yield Probe(id=shuffled_id(name), kind="control", name=self.shortcut, shortcut=shortcut)


@cache
def shortcuts_adapter() -> TypeAdapter[ShortcutPlan]:
    """One shortcut, of a union with one model for each."""
    models = []
    for name, entry in CATALOGUE.items():
        kind: Any = entry.shortcut
        hints = get_type_hints(kind)
        options: dict[str, Any] = {"shortcut": (Literal[name], ...)}
        options |= {f.name: (hints[f.name], f.default) for f in fields(kind)}
        models.append(
            create_model(
                f"{kind.__name__}Probe",
                __base__=ShortcutPlan,
                **options,
            )
        )
    one: Any = Annotated[Union[tuple(models)], Field(discriminator="shortcut")]  # noqa: UP007
    return TypeAdapter(one)
