"""Attacks in a plan: one pydantic model for each, distinguished by ``attack``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union, get_type_hints

from pydantic import (
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)

from plexor.attacks.catalogue import CATALOGUE, FITTED, ON_SURROGATES, SEARCHES, find_fitted
from plexor.attacks.fitted import read_card
from plexor.attacks.goals import Misclassify
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.findings.planned import probe_id
from plexor.plans.backward_plan import StandInPlan, planned
from plexor.plans.written import GoalPlan, ProbePlan, ThreatPlan
from plexor.probes import Fitting, PlannedAttack, Saved, Search, Surrogates, ToFit
from plexor.probes.attack import Source
from plexor.threat_model import ACCESS, Access

FIT_SPLIT = "train"
"""The split on which an attack is fitted if the plan names none."""


class AttackPlan(ProbePlan):
    """Keys common to all attacks in a plan, beside an attack's own options."""

    kind: Literal["attack"] = "attack"
    attack: str
    id: str | None = Field(
        None, description="start of the probes' ids; the attack's name if not given"
    )
    goal: GoalPlan = Misclassify()

    def _options(self) -> dict[str, Any]:
        """The attack's own options."""
        return {f.name: getattr(self, f.name) for f in _fields(CATALOGUE[self.attack])}

    def _probe(self, threat: Threat, source: Source) -> PlannedAttack:
        return PlannedAttack(
            id=probe_id(self.id or self.attack, self.goal, threat),
            name=self.attack,
            goal=self.goal,
            threat=threat,
            source=source,
        )

    def _check_threat(self, threat: ThreatPlan, access: Access) -> None:
        """Refuses a norm that the attack does not know, and an access below what it needs."""
        if ACCESS.index(access) > ACCESS.index(threat.access):
            raise PlanError(
                f"{self.attack} needs access to the model's {access}, and the threat allows "
                f"`access: {threat.access}`; take an attack that needs less, or allow more"
            )
        if threat.channels == "tied" and self.attack == "jpeg":
            raise PlanError(
                "jpeg changes the coefficients of each colour component, which `channels: tied` "
                "does not allow; leave `channels` out, or take another attack"
            )
        norms = CATALOGUE[self.attack].norms
        if threat.norm not in norms:
            raise PlanError(
                f"{self.attack} does not support the norm {threat.norm}; it "
                f"supports {', '.join(norms)}"
            )


class SearchPlan(AttackPlan):
    """An attack that searches separately for each case."""

    threat: ThreatPlan

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self._check_threat(self.threat, SEARCHES[self.attack].access)
        tuple(self.probes())
        return self

    def probes(self) -> Iterator[PlannedAttack]:
        """See ``ProbePlan``."""
        source = self._source()
        for threat in self.threat.threats():
            yield self._probe(threat, source)

    def _source(self) -> Search:
        return Search(search=SEARCHES[self.attack](**self._options()))


class GradientPlan(SearchPlan):
    """A search that sees gradients."""

    backward: Mapping[str, StandInPlan] = Field(
        {},
        description="name of a layer of the network → what stands for it in the backward pass, "
        "for layers that round, compare or leave torch (BPDA): `identity`, `resize`, "
        "`{blur: SIGMA}`, `{sigmoid: {at: X, width: W}}` or `{python: MODULE:NAME}`",
    )

    def _source(self) -> Search:
        search = SEARCHES[self.attack](**self._options())
        stand_ins = {name: planned(one) for name, one in self.backward.items()}
        return Search(search=search, backward=stand_ins)


class SurrogatePlan(AttackPlan):
    """An attack that searches on other models, and is then tried on the audited model."""

    threat: ThreatPlan
    surrogates: tuple[Path, ...] = Field(
        description="weights files written by `plexor train`, of models for the same task"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.surrogates:
            raise PlanError(
                f"{self.attack}: `surrogates` is empty; name at least one weights file of a model "
                "of the same task"
            )
        self._check_threat(self.threat, ON_SURROGATES[self.attack].access)
        tuple(self.probes())
        return self

    def probes(self) -> Iterator[PlannedAttack]:
        """See ``ProbePlan``."""
        search = ON_SURROGATES[self.attack](**self._options())
        source = Surrogates(search=search, files=self.surrogates)
        for threat in self.threat.threats():
            yield self._probe(threat, source)


class FittedPlan(AttackPlan):
    """An attack that is fitted on a split first, or read from a file of an earlier fit."""

    threat: ThreatPlan | None = Field(
        None, description="the threat; with `load`, by default that of the file"
    )
    fit: str | None = Field(
        None,
        description=f"the split on which it is fitted; `{FIT_SPLIT}` if neither this nor "
        f"`load` is given",
    )
    load: Path | None = Field(
        None,
        description="instead of `fit`: the file of an earlier fit, on this model or another; "
        "threat and goal default to those of the file",
    )
    fit_batch: int = Field(32, ge=1, description="batch size of the fit; the result depends on it")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        fitted = find_fitted(self.attack)
        if self.load is not None:
            self._check_loaded()
        elif self.threat is None:
            raise PlanError(
                f"{self.attack}: `threat` is missing; it may be left out only with `load`, which "
                f"reads it from the file"
            )
        if self.threat is not None:
            access = fitted.access if self.load is None else fitted.applied
            self._check_threat(self.threat, access)
        tuple(self.probes())
        return self

    def _check_loaded(self) -> None:
        if self.fit is not None:
            raise PlanError(
                f"{self.attack}: `fit` and `load` exclude each other; give the split to fit it on, "
                "or the file to load it from"
            )
        given = self.model_fields_set - {
            "kind",
            "attack",
            "id",
            "goal",
            "threat",
            "load",
            "fit",
        }
        if given:
            raise PlanError(
                f"{self.attack}: with `load` the fitted attack is used unchanged, so "
                f"{', '.join(f'`{name}`' for name in sorted(given))} would have no effect; leave "
                "them out, or use `fit`"
            )

    def probes(self) -> Iterator[PlannedAttack]:
        """See ``ProbePlan``; none if the threat comes from a file that was not read yet."""
        for threat in self.threat.threats() if self.threat else ():
            yield self._probe(threat, self._source(threat))

    def _source(self, threat: Threat) -> Source:
        if self.load is not None:
            return Saved(file=self.load, applied=find_fitted(self.attack).applied)
        fitting = Fitting(
            attack=find_fitted(self.attack)(**self._options()),
            goal=self.goal,
            threat=threat,
            split=self.fit or FIT_SPLIT,
            batch_size=self.fit_batch,
        )
        return ToFit(fitting=fitting)

    def with_card(self, path: Path) -> Self:
        """A copy with threat and goal filled in from the file's card where the plan gives none.

        Raises:
            DataError: the file is missing, damaged, or not a fitted attack.
            PlanError: the file is of another attack, or of another threat than the plan's.
        """
        card = read_card(path)
        if card.method != self.attack:
            raise PlanError(
                f"{path} is a fit of {card.method}, but the plan has `attack: {self.attack}`; "
                f"write `attack: {card.method}`"
            )
        if self.threat is not None and [*self.threat.threats()] != [card.threat]:
            asked = ", ".join(threat.name for threat in self.threat.threats())
            raise PlanError(
                f"{path} was fitted within {card.threat.name}, but the plan asks for {asked}; "
                "leave `threat` out, or fit within the plan's threat"
            )
        written = self.model_dump(mode="json", exclude_unset=True)
        threat = asdict(card.threat)
        left = {"goal": dict(card.goal), "threat": threat}
        try:
            return type(self).model_validate(left | written)
        except ValidationError as error:
            raise PlanError(f"{path}: {error.errors()[0]['msg']}") from error

    def written(self) -> dict[str, object]:
        """See ``ProbePlan``; without the options that have no effect on a saved attack."""
        plain = self.model_dump(mode="json")
        if self.load is None:
            return plain | {"fit": self.fit or FIT_SPLIT}
        return {name: plain[name] for name in ("kind", "attack", "id", "goal", "threat", "load")}


class UnknownAttackPlan(AttackPlan):
    """An entry with a name that no attack has: its other keys are checked all the same.

    Options of attacks are not known without the attack, and pass.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    attack: Literal[tuple(CATALOGUE)]  # type: ignore[valid-type]
    threat: ThreatPlan | None = None


@cache
def attacks_adapter() -> TypeAdapter[Any]:
    """Validator of one attack: a union with one pydantic model for each name."""
    models = []
    for name, attack in CATALOGUE.items():
        hints = get_type_hints(attack)
        options = {f.name: (hints[f.name], f.default) for f in _fields(attack)}
        models.append(
            create_model(
                f"{attack.__name__}Probe",
                __base__=_plan_of(name),
                attack=(Literal[name], ...),
                **options,  # type: ignore[call-overload]
            )
        )
    one: Any = Annotated[Union[tuple(models)], Field(discriminator="attack")]  # noqa: UP007
    return TypeAdapter(one)


def _plan_of(name: str) -> type[AttackPlan]:
    if name in FITTED:
        return FittedPlan
    if name in ON_SURROGATES:
        return SurrogatePlan
    return GradientPlan if SEARCHES[name].access == "gradients" else SearchPlan


def _fields(attack: Any) -> tuple[Any, ...]:
    return fields(attack) if is_dataclass(attack) else ()
