"""Every number that a report prints, as ``summary.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from plexor.findings.flags.flag import Flag
from plexor.findings.summary.counts import Count
from plexor.findings.summary.probe_summary import (
    AttackSummary,
    ByContainer,
    ChangeSummary,
    NoiseSummary,
    ProbeSummary,
    ShortcutSummary,
    ShuffledSummary,
)
from plexor.findings.summary.results import Performance
from plexor.findings.summary.visibility_summary import VisibilitySummary

TaskKind = Literal["multiclass", "binary", "multilabel", "regression", "segmentation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthRange:
    """Smallest and greatest true value of a regression's cases; None without a case."""

    min: float | None
    max: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortSummary:
    """The cases audited.

    Attributes:
        name: of the manifest.
        split: the split audited; None for all cases.
        n_cases: cases.
        n_groups: groups.
        n_failed: cases that could not be judged, not even untouched.
        classes: names of classes or labels in the order of the outputs, of a segmentation with the
            background if it has a name; empty for a regression.
        cases_by_class: cases of each class, or with each label present, or whose truth outlines
            each class; empty for a regression.
        truth: of a regression, the range of the true values; else None.
        sha256: of the cases, their truths and groups.
    """

    name: str
    split: str | None
    n_cases: Count
    n_groups: Count
    n_failed: Count
    classes: tuple[str, ...]
    cases_by_class: Mapping[str, Count]
    truth: TruthRange | None
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSummary:
    """What the model's outputs mean.

    Attributes:
        kind: of the task.
        classes: names of the classes or labels, in the order of the outputs; empty for a
            regression.
        unit: of a regression's numbers; "" for other tasks.
    """

    kind: TaskKind
    classes: tuple[str, ...]
    unit: str

    @property
    def outlined(self) -> tuple[str, ...]:
        """Of a segmentation, the classes beside the background."""
        return self.classes[1:] or self.classes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """The model audited.

    Attributes:
        task: what its outputs mean.
        architecture: a built-in's name, or the import path of another; "" where not known.
        card: the model's card, whole.
    """

    task: TaskSummary
    architecture: str
    card: Mapping[str, Any]

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> ModelSummary:
        """From a model's card as the provenance has it."""
        task = card["task"]
        return cls(
            task=TaskSummary(
                kind=task["kind"],
                classes=tuple(map(str, task["classes"])),
                unit=str(task.get("unit", "")),
            ),
            architecture=str(card.get("architecture") or ""),
            card=card,
        )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the numbers that the model takes beside the image."""
        return tuple(str(feature["name"]) for feature in self.card.get("features", ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanSummary(ByContainer[Performance]):
    """How the model does on untouched images.

    Attributes:
        stored: container → the figures of the images stored in it; "lossless" is always there.
    """

    stored: Mapping[str, Performance]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Every number of an audit's report.

    Estimates are over the cases that could be judged. Undefined numbers are None; the note of the
    estimate says why.

    Attributes:
        schema: version of the form.
        plexor: version that made the summary.
        name: the plan's.
        cohort: the cases audited.
        model: the model audited.
        clean: the model on untouched images.
        probes: attacks and then shortcuts in the plan's order, then their controls.
        visibility: how visible changes are; None where nothing of it was measured.
        margin: harm that the plan states beforehand as small: a share for tasks that decide, a
            Dice, or a number in the model's unit; None where it states none.
        flags: doubts about the evaluation that were found.
        flags_passed: ids of doubts looked for and not found.
        flags_unchecked: ids of doubts that this audit does not allow to check.
    """

    schema: Literal["plexor-summary/3"] = "plexor-summary/3"
    plexor: str
    name: str
    cohort: CohortSummary
    model: ModelSummary
    clean: CleanSummary
    probes: tuple[ProbeSummary, ...]
    visibility: VisibilitySummary | None
    margin: float | None = None
    flags: tuple[Flag, ...]
    flags_passed: tuple[str, ...]
    flags_unchecked: tuple[str, ...]

    @property
    def attacks(self) -> list[AttackSummary]:
        """The probes that search."""
        return [probe for probe in self.probes if isinstance(probe, AttackSummary)]

    @property
    def noises(self) -> list[NoiseSummary]:
        """The controls of the attacks."""
        return [probe for probe in self.probes if isinstance(probe, NoiseSummary)]

    @property
    def attacks_and_noises(self) -> list[AttackSummary | NoiseSummary]:
        """The attacks, then their controls: the probes that have a threat."""
        return [*self.attacks, *self.noises]

    @property
    def shortcuts(self) -> list[ShortcutSummary]:
        """The shortcuts, without their controls."""
        return [probe for probe in self.probes if isinstance(probe, ShortcutSummary)]

    @property
    def changes(self) -> list[ChangeSummary]:
        """The probes of further kinds, such as corruptions."""
        return [probe for probe in self.probes if isinstance(probe, ChangeSummary)]

    def noise(self, attack: AttackSummary) -> NoiseSummary | None:
        """The noise of an attack's size; None where it was not tried."""
        return next((probe for probe in self.noises if probe.id == attack.control), None)

    def shuffled(self, shortcut: ShortcutSummary) -> ShuffledSummary | None:
        """A shortcut's control; None where it was not tried."""
        found = (probe for probe in self.probes if isinstance(probe, ShuffledSummary))
        return next((probe for probe in found if probe.id == shortcut.control), None)
