"""A plan: all that an audit or a training needs to know, validated, every default in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union, get_type_hints

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)

from plexor.attacks.catalogue import CATALOGUE
from plexor.attacks.goals import Goal, Misclassify
from plexor.attacks.proposal import Attack
from plexor.attacks.region import Masked
from plexor.attacks.threat import Threat
from plexor.audits.complaint import complaint
from plexor.audits.written import ACCESS, STRICT, AnyGoal, ThreatPlan, WrittenGoal, named_goal
from plexor.core.errors import PlanError, unknown
from plexor.findings import CLEAN
from plexor.findings.planned import control_id, probe_id
from plexor.models.loading import ModelSource
from plexor.models.training.config import Training


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortSource:
    """Where the cases come from.

    Attributes:
        manifest: CSV or Parquet, or a folder with one sub-folder a class.
        root: folder that image paths are relative to; None takes the manifest's.
        columns: our name → the manifest's, e.g. ``{label: dx, group: lesion_id}``.
        path_template: an image's path from other columns, e.g. ``images/{image_id}.jpg``.
        classes: class names in the order of a model's outputs; sorted labels if not given.
        no_finding: of a multilabel model's truths, the label that stands for none, e.g.
            "No Finding"; an empty cell if not given.
        masks: name → the manifest's column with the paths of its masks, e.g.
            ``{lesion: lesion_mask}``, for regions.
        split: name → share, to split by group where the manifest has no split column.
        audit: the split that is audited; None takes every case.
    """

    manifest: Path
    root: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    path_template: str | None = None
    classes: tuple[str, ...] | None = None
    no_finding: str = ""
    masks: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, float] | None = None
    audit: str | None = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One thing done to every case: nothing (clean), an attack, or its control.

    Attributes:
        id: unique in a plan, e.g. "pgd-linf-2".
        kind: "clean", "attack" or "control".
        name: the attack's name in the catalogue; "clean" or "noise".
        attack: None for clean and for a control.
        goal: likewise.
        threat: None for clean.
    """

    id: str
    kind: Literal["clean", "attack", "control"]
    name: str
    attack: Attack | None = None
    goal: Goal | None = None
    threat: Threat | None = None


class ProbePlan(BaseModel):
    """What every attack in a plan has beside its own options."""

    model_config = STRICT
    attack: str
    id: str | None = Field(
        None, description="start of the probes' ids; the attack's name if not given"
    )
    goal: Annotated[
        Annotated[AnyGoal, Field(discriminator="kind")],
        BeforeValidator(named_goal, json_schema_input_type=WrittenGoal),
    ] = Misclassify()
    threat: ThreatPlan

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        entry, allowed = CATALOGUE[self.attack], self.threat.access
        if ACCESS.index(entry.access) > ACCESS.index(allowed):
            raise PlanError(
                f"{self.attack} needs to see the model's {entry.access}, and the threat allows "
                f"`access: {allowed}`; take an attack that needs less, or allow more"
            )
        if self.threat.norm not in entry.norms:
            raise PlanError(
                f"{self.attack} does not search under {self.threat.norm}; it knows "
                f"{', '.join(entry.norms)}"
            )
        tuple(self.probes())
        return self

    def probes(self) -> Iterator[Probe]:
        """One probe for each radius."""
        entry = CATALOGUE[self.attack]
        attack = entry.attack(**{f.name: getattr(self, f.name) for f in _options(entry.attack)})
        for threat in self.threat.threats():
            yield Probe(
                id=probe_id(self.id or self.attack, asdict(self.goal), asdict(threat)),
                kind="attack",
                name=self.attack,
                attack=attack,
                goal=self.goal,
                threat=threat,
            )


@cache
def _probes_adapter() -> TypeAdapter[Any]:
    """Probes as a union with one model for each attack, told apart by ``attack``."""
    models = []
    for name, entry in CATALOGUE.items():
        hints = get_type_hints(entry.attack)
        options = {f.name: (hints[f.name], f.default) for f in _options(entry.attack)}
        models.append(
            create_model(
                f"{entry.attack.__name__}Probe",
                __base__=ProbePlan,
                attack=(Literal[name], ...),
                **options,  # type: ignore[call-overload]
            )
        )
    one: Any = Annotated[Union[tuple(models)], Field(discriminator="attack")]  # noqa: UP007
    return TypeAdapter(tuple[one, ...])


def _checked_probes(value: object) -> tuple[ProbePlan, ...]:
    checked: tuple[ProbePlan, ...] = _probes_adapter().validate_python(value)
    return checked


class Plan(BaseModel):
    """A whole plan. Relative paths are relative to the plan's file."""

    model_config = STRICT
    format: Literal["plexor-plan/1"] = "plexor-plan/1"
    name: str = "audit"
    seed: int = 0
    cohort: CohortSource
    model: ModelSource = ModelSource()
    train: Training | None = None
    probes: Annotated[tuple[ProbePlan, ...], BeforeValidator(_checked_probes)] = ()
    unit_size: int = Field(64, ge=1, description="cases done, and kept, together")
    n_examples: int = Field(12, ge=0, description="cases whose images are kept for the report")
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for probe in self.all_probes():
            region = probe.threat.region if probe.threat else None
            if isinstance(region, Masked) and region.mask not in self.cohort.masks:
                raise PlanError(
                    f"region: {unknown('mask', region.mask, self.cohort.masks)}; name the "
                    "manifest's columns of masks in `cohort.masks`"
                )
        return self

    def path(self, written: Path) -> Path:
        """A path of the plan as seen from here."""
        return self._folder / written

    def model_source(self) -> ModelSource:
        """The model, its weights as seen from here."""
        if self.model.weights is None:
            return self.model
        return replace(self.model, weights=self.path(self.model.weights))

    def training(self) -> Training:
        """What training is told, its starting weights as seen from here.

        Raises:
            PlanError: the plan has no ``train``.
        """
        if self.train is None:
            raise PlanError("the plan has no `train`; add it to train a model")
        if self.train.start is None:
            return self.train
        return replace(self.train, start=self.path(self.train.start))

    def all_probes(self) -> tuple[Probe, ...]:
        """Clean, then every attack, then one control for each distinct threat.

        Raises:
            PlanError: two probes would have one id.
        """
        attacks = [probe for planned in self.probes for probe in planned.probes()]
        threats = dict.fromkeys(probe.threat for probe in attacks if probe.threat)
        controls = [
            Probe(id=control_id(asdict(threat)), kind="control", name="noise", threat=threat)
            for threat in threats
        ]
        found = (Probe(id=CLEAN, kind="clean", name=CLEAN), *attacks, *controls)
        ids = [probe.id for probe in found]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise PlanError(f"two probes are called {', '.join(twice)}; give one of them an `id`")
        return found

    def resolved(self) -> dict[str, object]:
        """Plain data with every default written out; ``Plan.model_validate`` takes it back."""
        plain: dict[str, object] = self.model_dump(mode="json", exclude={"probes"})
        plain["probes"] = [probe.model_dump(mode="json") for probe in self.probes]
        return plain


def load_plan(source: Path | Mapping[str, object]) -> Plan:
    """Reads and validates a plan from a YAML file, or from the same as a mapping.

    Raises:
        PlanError: the file is missing or not YAML, or something in it is unknown or wrong; all
            complaints at once.
    """
    folder, where = Path(), "plan"
    if isinstance(source, Path):
        folder, where = source.parent, str(source)
        try:
            content = yaml.safe_load(source.read_text(encoding="utf-8"))
        except OSError as error:
            raise PlanError(f"cannot read the plan {source}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise PlanError(f"{source} is not valid YAML: {error}") from error
    else:
        content = dict(source)
    if not isinstance(content, dict):
        raise PlanError(f"{where}: expected a mapping with `cohort`, `model` and `probes`")
    try:
        plan = Plan.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        complaints = [complaint(problem, plan_schema()) for problem in problems]
        raise PlanError(f"{where}: " + "; ".join(complaints)) from error
    plan._folder = folder
    return plan


def plan_schema() -> dict[str, object]:
    """JSON schema of a plan, for editors."""
    schema = Plan.model_json_schema()
    probes = _probes_adapter().json_schema(ref_template="#/$defs/{model}")
    schema["$defs"] |= probes.pop("$defs")
    schema["properties"]["probes"] = probes
    return schema


def _options(attack: type[Attack]) -> tuple[Any, ...]:
    return fields(attack) if is_dataclass(attack) else ()
