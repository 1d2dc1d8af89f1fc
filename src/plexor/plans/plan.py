"""A plan: the complete configuration of an audit or a training, validated, with all defaults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from plexor.attacks.region import Masked
from plexor.core.complaint import refused
from plexor.core.errors import PlanError, unknown
from plexor.core.written import Written
from plexor.core.yaml_text import Document, read_written
from plexor.models.model_source import ModelSource
from plexor.models.training.config import Training
from plexor.plans.attack_plan import FittedPlan
from plexor.plans.changes import with_changes
from plexor.plans.probe_plan import checked_probes, probes_schema
from plexor.plans.written import ProbePlan
from plexor.probes import CleanProbe, PlannedProbe
from plexor.visibility import Visibility
from plexor.visibility.settings import FEWEST_PAIRS

FORMAT: Literal["plexor-plan/1"] = "plexor-plan/1"
"""Format of the plans that this version reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortSource:
    """Where the cases come from.

    Attributes:
        manifest: CSV or Parquet file, or a folder with one sub-folder per class.
        root: folder to which image paths are relative; None takes the manifest's.
        columns: Plexor's name → the manifest's, e.g. ``{label: dx, group: lesion_id}``.
        path_template: an image's path from other columns, e.g. ``images/{image_id}.jpg``.
        classes: class names in the order of the model's outputs; default: the sorted labels.
        no_finding: for a multilabel model, the manifest's value for no label, e.g.
            "No Finding"; default: an empty cell.
        masks: for regions: name → the manifest's column with the paths of the masks, e.g.
            ``{lesion: lesion_mask}``, or a path template, e.g.
            ``{lesion: "masks/{image_id}.png"}``.
        features: columns of numbers that the model takes beside the image, e.g.
            ``[age, intracranial_ml]``; a cell without a number is an error.
        codes: of features that are written as text, what each text stands for, e.g.
            ``{sex: {F: 0, M: 1}}``.
        include_padding: treat DICOM's Pixel Padding as part of the image: attacks may change it,
            and distances count it.
        split: name → share, to split by group if the manifest has no split column.
        audit: the split to audit; None takes every case.
        limit: largest number of cases to take of each split (of all where ``audit`` is None), for a
            first try: whole groups, in the proportions of the classes; None takes all.
    """

    manifest: Path
    root: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    path_template: str | None = None
    classes: tuple[str, ...] | None = None
    no_finding: str = ""
    masks: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    codes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    include_padding: bool = False
    split: Mapping[str, float] | None = None
    audit: str | None = "test"
    limit: int | None = None


def _checked_format(value: object) -> object:
    if isinstance(value, str) and value != FORMAT:
        raise PlanError(
            f"`format` is {value}, and this version of Plexor reads {FORMAT}; use the version that "
            f"the plan was written for, or write `format: {FORMAT}` and mend what is then refused"
        )
    return value


class Plan(Written):
    """A whole plan. Relative paths are relative to the plan's file."""

    format: Annotated[Literal["plexor-plan/1"], BeforeValidator(_checked_format)] = FORMAT
    name: str = "audit"
    seed: int = Field(0, ge=0, le=2**63 - 1)
    cohort: CohortSource
    model: ModelSource = ModelSource()
    train: Training | None = None
    probes: Annotated[tuple[ProbePlan, ...], BeforeValidator(checked_probes)] = ()
    unit_size: int = Field(
        64, ge=1, description="cases per unit, which is computed and stored as a whole"
    )
    n_examples: int = Field(12, ge=0, description="cases whose images are kept for the report")
    margin: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="largest harm that counts as small, fixed before the audit: loss of accuracy "
        "as a share (0.02 is 2 points) or of Dice, or increase of the mean error in the model's "
        "unit",
    )
    visibility: Visibility = Visibility()
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self._check_regions()
        if self.visibility.detector and self.n_examples < 2 * FEWEST_PAIRS:
            raise PlanError(
                "visibility: `detector` is trained on half of the kept images; `n_examples` must "
                f"be at least {2 * FEWEST_PAIRS} (some hundreds are better), got {self.n_examples}"
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

    def __repr__(self) -> str:
        """The name and the probes' ids; the whole plan is ``resolved()``."""
        probes = ", ".join(probe.id for probe in self.all_probes())
        return f"Plan({self.name}: cohort {self.cohort.manifest}; probes {probes})"

    def __str__(self) -> str:
        """The resolved plan as YAML."""
        return yaml.safe_dump(self.resolved(), sort_keys=False, allow_unicode=True)

    def _repr_html_(self) -> str:
        """The plan for a notebook."""
        return f"<p>{escape(repr(self))}</p><pre>{escape(str(self))}</pre>"

    def path(self, written: Path) -> Path:
        """Resolves a path of the plan relative to the plan's file."""
        return self._folder / written

    def model_source(self) -> ModelSource:
        """The model, with the paths of its files resolved."""
        return self.model.moved(self.path)

    def training(self) -> Training:
        """The training's configuration, with the path of its starting weights resolved.

        Raises:
            PlanError: the plan has no ``train``.
        """
        if self.train is None:
            raise PlanError("the plan has no key `train`; add it to train a model")
        if self.train.start is None:
            return self.train
        return replace(self.train, start=self.path(self.train.start))

    def with_saved(self) -> Plan:
        """A copy with threats and goals filled in from the files of saved attacks (``load``).

        Raises:
            DataError: a file is missing, damaged, or not a fitted attack.
            PlanError: a file is of another attack, or of another threat than the plan's.
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
        """Lists all probes: the clean probe, the plan's in their order, then their controls.

        Controls that are equal, such as the noise of two attacks under one threat, are one probe.
        A saved attack whose threat the plan leaves out is listed only after ``with_saved``.

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
            raise PlanError(
                f"several probes have the id {', '.join(twice)}; give one of them another `id`"
            )
        return found

    def resolved(self) -> dict[str, object]:
        """Plain data with all defaults, accepted by ``Plan.model_validate``."""
        plain: dict[str, object] = self.model_dump(mode="json", exclude={"probes"})
        plain["probes"] = [probe.written() for probe in self.probes]
        return plain


def load_plan(source: Path | str | Mapping[str, object], changes: Sequence[str] = ()) -> Plan:
    """Reads and validates a plan from a YAML file or a mapping.

    Args:
        source: the file's path, or the plan itself.
        changes: values to set after that, e.g. ``["train.epochs=3"]``, see ``with_changes``.

    Returns:
        The plan with every default; relative paths in it start from the file's folder.

    Raises:
        PlanError: the file is missing or not YAML, or a key or value is invalid; all errors are
            listed at once, each with its line and column in the file.

    Example:
        >>> attack = {"attack": "pgd", "threat": {"norm": "linf", "radius": [1, 2]}}
        >>> plan = load_plan({"cohort": {"manifest": "manifest.csv"}, "probes": [attack]})
        >>> [probe.id for probe in plan.all_probes()]
        ['clean', 'pgd-linf-1', 'pgd-linf-2', 'noise-linf-1', 'noise-linf-2']
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
    if changes:
        plan = _changed(content, changes, where)
    plan._folder = folder
    return plan


def _changed(content: Mapping[str, object], changes: Sequence[str], where: str) -> Plan:
    """The plan with some of its values set."""
    try:
        return Plan.model_validate(with_changes(content, changes))
    except ValidationError as error:
        options = " ".join(f"--set {change}" for change in changes)
        problems = error.errors(include_url=False)
        raise refused(f"{where} with {options}", problems, plan_schema()) from error


def plan_schema() -> dict[str, object]:
    """JSON schema of a plan, for editors."""
    schema = Plan.model_json_schema()
    probes = probes_schema()
    schema["$defs"] |= probes.pop("$defs")
    schema["properties"]["probes"] = probes
    return schema
