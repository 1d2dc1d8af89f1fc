"""A plan: all that an audit or a training needs to know, validated, every default in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from plexor.attacks.region import Masked
from plexor.core.complaint import refused
from plexor.core.errors import PlanError, unknown
from plexor.core.yaml_text import Document, read_written
from plexor.models.loading import ModelSource
from plexor.models.training.config import Training
from plexor.plans.attack_plan import FittedPlan
from plexor.plans.probe_plan import checked_probes, probes_schema
from plexor.plans.written import STRICT, ProbePlan
from plexor.probes import CleanProbe, PlannedProbe
from plexor.visibility import Visibility
from plexor.visibility.settings import FEWEST_PAIRS


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
            ``{lesion: lesion_mask}``, or a template that builds them from other columns, e.g.
            ``{lesion: "masks/{image_id}.png"}``; for regions.
        include_padding: treat DICOM's Pixel Padding as part of the image, which attacks change
            and figures count.
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
    include_padding: bool = False
    split: Mapping[str, float] | None = None
    audit: str | None = "test"


class Plan(BaseModel):
    """A whole plan. Relative paths are relative to the plan's file."""

    model_config = STRICT
    format: Literal["plexor-plan/1"] = "plexor-plan/1"
    name: str = "audit"
    seed: int = 0
    cohort: CohortSource
    model: ModelSource = ModelSource()
    train: Training | None = None
    probes: Annotated[tuple[ProbePlan, ...], BeforeValidator(checked_probes)] = ()
    unit_size: int = Field(64, ge=1, description="cases done, and kept, together")
    n_examples: int = Field(12, ge=0, description="cases whose images are kept for the report")
    margin: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="harm below it counts as small, stated before the audit: a fall of accuracy as "
        "a share (0.02 is 2 points) or of Dice, or a growth of the mean error in the model's unit",
    )
    visibility: Visibility = Visibility()
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self._check_regions()
        if self.visibility.detector and self.n_examples < 2 * FEWEST_PAIRS:
            raise PlanError(
                "visibility: `detector` learns from half of the images kept; `n_examples` must be "
                f"at least {2 * FEWEST_PAIRS}, better some hundreds, got {self.n_examples}"
            )
        return self

    def _check_regions(self) -> None:
        for probe in self.all_probes():
            region = probe.threat.region if probe.threat else None
            if isinstance(region, Masked) and region.mask not in self.cohort.masks:
                raise PlanError(
                    f"region: {unknown('mask', region.mask, self.cohort.masks)}; name the "
                    "manifest's columns of masks in `cohort.masks`"
                )

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

    def with_saved(self) -> Plan:
        """The plan with what it leaves to the files of saved attacks (``load``): threat and goal.

        Raises:
            DataError: such a file is missing, damaged, or holds something else.
            PlanError: it was saved by another attack, or for another threat than the plan's.
        """
        read = [
            probe.with_card(self.path(probe.load))
            if isinstance(probe, FittedPlan) and probe.load is not None
            else probe
            for probe in self.probes
        ]
        found = self.model_copy(update={"probes": tuple(read)})
        found._check_regions()
        return found

    def all_probes(self) -> tuple[PlannedProbe, ...]:
        """Resolves the plan: the clean probe, those it asks for in its order, then their controls.

        Controls that are equal, such as the noise of two attacks under one threat, are one probe.
        A saved attack whose threat the plan leaves out has no probe before ``with_saved``.

        Raises:
            PlanError: two probes have the same id.
        """
        asked = [probe for planned in self.probes for probe in planned.probes()]
        controls: list[PlannedProbe] = []
        by_id: dict[str, PlannedProbe] = {}
        for control in (probe.control for probe in asked if probe.control is not None):
            if control != by_id.get(control.id):
                by_id[control.id] = control
                controls.append(control)
        found = (CleanProbe(), *asked, *controls)
        times = Counter(probe.id for probe in found)
        if twice := sorted(name for name, n in times.items() if n > 1):
            raise PlanError(f"two probes are called {', '.join(twice)}; give one of them an `id`")
        return found

    def resolved(self) -> dict[str, object]:
        """Plain data with every default written out; ``Plan.model_validate`` takes it back."""
        plain: dict[str, object] = self.model_dump(mode="json", exclude={"probes"})
        plain["probes"] = [probe.written() for probe in self.probes]
        return plain


def load_plan(source: Path | str | Mapping[str, object]) -> Plan:
    """Reads and validates a plan from a YAML file, or from the same as a mapping.

    Args:
        source: the file's path, or the plan itself.

    Raises:
        PlanError: the file is missing or not YAML, or something in it is unknown or wrong; all
            complaints at once, each with line and column in the file.
    """
    folder, where = Path(), "plan"
    document: Document | None = None
    content: object = source
    if isinstance(source, Path | str):
        path = Path(source)
        folder, where = path.parent, str(path)
        document = read_written(path, "plan")
        content = document.root.value
    if not isinstance(content, Mapping):
        raise PlanError(f"{where}: expected a mapping with `cohort`, `model` and `probes`")
    try:
        plan = Plan.model_validate(dict(content))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise refused(where, problems, plan_schema(), document) from error
    if document and document.complaints:
        raise refused(where, (), {}, document)
    plan._folder = folder
    return plan


def plan_schema() -> dict[str, object]:
    """JSON schema of a plan, for editors."""
    schema = Plan.model_json_schema()
    probes = probes_schema()
    schema["$defs"] |= probes.pop("$defs")
    schema["properties"]["probes"] = probes
    return schema
