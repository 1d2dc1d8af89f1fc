"""Shortcuts as a plan writes them: one model for each, told apart by ``shortcut``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union, get_type_hints

from pydantic import Field, TypeAdapter, create_model, model_validator

from plexor.core.errors import PlanError
from plexor.findings.planned import shuffled_id
from plexor.plans.written import ProbePlan
from plexor.probes.probe import Piece, Probe
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
        probe = self._probe(self.id or self.shortcut)
        yield probe
        yield replace(probe, id=shuffled_id(probe.id), kind="control")

    def _probe(self, probe_id: str) -> Probe:
        kind: Any = CATALOGUE[self.shortcut].shortcut
        shortcut = kind(**{option.name: getattr(self, option.name) for option in fields(kind)})
        return Probe(id=probe_id, kind="shortcut", name=self.shortcut, shortcut=shortcut)


class TransplantPlan(ShortcutPlan):
    """A piece of a photograph, laid over every image at a place drawn for each."""

    shortcut: Literal["transplant"]
    pair: tuple[Path, Path] | None = Field(
        None,
        description="image files: a piece of a photograph with the artefact, and the same piece "
        "with it removed; what is laid over an image is their difference",
    )
    stamp: Path | None = Field(
        None, description="instead of `pair`, the artefact alone on white, which absorbs light"
    )
    source_width: int = Field(
        600,
        ge=1,
        description="width in pixels of that photograph; an image of half that width takes the "
        "piece at half its size",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.pair is None) == (self.stamp is None):
            raise PlanError("transplant: name either a `pair` of image files or a `stamp`")
        return self

    def _probe(self, probe_id: str) -> Probe:
        piece = Piece(pair=self.pair, stamp=self.stamp, source_width=self.source_width)
        return Probe(id=probe_id, kind="shortcut", name=self.shortcut, source=piece)


@cache
def shortcuts_adapter() -> TypeAdapter[ShortcutPlan]:
    """One shortcut, of a union with one model for each."""
    models: list[type[ShortcutPlan]] = [TransplantPlan]
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
