"""The inputs of an audit, read before it claims a run directory: cohort, model, probes, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from plexor.audits.access import check_access
from plexor.audits.backward import check_layers, load_networks
from plexor.audits.provenance import images_sha256
from plexor.audits.sources import Sources
from plexor.audits.surrogates import load_surrogates
from plexor.cases import Case, Cohort, limit_cases, load_cohort, split_groups
from plexor.cases.check_numbers import check_years
from plexor.cases.rows import TruthKind
from plexor.core.errors import DataError, PlanError, unknown
from plexor.core.ids import digest
from plexor.models import Model, open_model
from plexor.models.features import check_features
from plexor.models.task import Task
from plexor.plans.plan import Plan
from plexor.probes import Materials, PlannedProbe, Ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of an audit.

    Attributes:
        probes: the plan's probes, see ``Plan.all_probes``.
        audited: the audited cohort, its cases in the order of their ids.
        sources: cases and files from which the probes are made.
        materials: the content of these, without fits.
        early: id → ready probe, for each probe that needs no fit.
        model_sha256: hash of everything that determines the model's outputs.
        images_sha256: case id → hash, of audited cases and of cases for fits.
    """

    probes: tuple[PlannedProbe, ...]
    audited: Cohort
    sources: Sources
    materials: Materials
    early: Mapping[str, Ready]
    model_sha256: str
    images_sha256: Mapping[str, str]

    @classmethod
    def of(
        cls,
        plan: Plan,
        probes: tuple[PlannedProbe, ...],
        model: Model,
        *,
        allow_code: bool = False,
    ) -> Inputs:
        """Reads and checks the inputs.

        Args:
            plan: the plan.
            probes: the plan's probes.
            model: the audited model.
            allow_code: whether the code of a network in ``backward`` may run.

        Raises:
            PlexorError: the manifest, a file or a surrogate cannot be read, or a probe or the
                cohort does not fit the model.
        """
        cohort = cohort_of(plan, model.task.kind)
        audited = cohort if plan.cohort.audit is None else cohort.with_split(plan.cohort.audit)
        # Sort by id: findings must not depend on the order of a manifest's rows.
        audited = replace(audited, cases=tuple(sorted(audited.cases, key=lambda case: case.id)))
        check_classes(cohort, model.task)
        check_features(model.card.features, plan.cohort.features, cohort=cohort.name)
        for probe in probes:
            probe.check(model.task)
            check_moved(probe, plan.cohort.features)
            check_access(probe, model)
        surrogates = load_surrogates(probes, model, path=plan.path)
        sources = Sources.of(probes, cohort, path=plan.path)
        networks = load_networks(probes, path=plan.path, allow_code=allow_code)
        for probe in probes:
            check_layers(probe, model, networks)
        materials = Materials(
            paths=sources.paths,
            sha256=sources.files,
            models=surrogates,
            fits={},
            audited=audited.cases,
            weights_sha256=model.card.weights_sha256,
            networks=networks,
        )
        return cls(
            probes=probes,
            audited=audited,
            sources=sources,
            materials=materials,
            early={one.id: one.ready(materials) for one in probes if not one.needs.fitting},
            model_sha256=model.identity(),
            images_sha256=images_sha256([*audited.cases, *sources.cases]),
        )

    @property
    def cases(self) -> Sequence[Case]:
        """The audited cases."""
        return self.audited.cases

    def fingerprint(self) -> dict[str, str]:
        """Hashes that identify a run directory, beside the plan."""
        hashes = [sha256 for _, sha256 in self.materials.networks.values()]
        return {
            "cohort": self.audited.digest,
            "images": digest(dict(self.images_sha256)),
            "model": self.model_sha256,
            **({"fits": self.sources.sha256} if self.sources.sha256 else {}),
            **({"stand-ins": digest(hashes)} if hashes else {}),
        }


def check_moved(probe: PlannedProbe, features: Sequence[str]) -> None:
    """Refuses a threat that moves a feature which the cases do not have.

    Raises:
        PlanError: it does.
    """
    for name in probe.threat.features if probe.threat else ():
        if name not in features:
            raise PlanError(
                f"threat: {unknown('feature', name, features)}; `threat.features` moves columns "
                "that `cohort.features` names"
            )


def cohort_of(plan: Plan, task: str = "multiclass") -> Cohort:
    """Reads the plan's whole cohort, split and limited if the plan says so.

    Args:
        plan: the plan that names it.
        task: kind of the task, which decides how labels are read.

    Raises:
        DataError: the manifest is invalid.
    """
    source = plan.cohort
    cohort = load_cohort(
        plan.path(source.manifest),
        root=None if source.root is None else plan.path(source.root),
        columns=source.columns,
        path_template=source.path_template,
        classes=source.classes,
        truth=truth_kind(task),
        no_finding=source.no_finding,
        masks=source.masks,
        include_padding=source.include_padding,
        features=source.features,
        codes=source.codes,
    )
    if source.split is not None:
        cohort = split_groups(cohort, source.split, seed=plan.seed)
    if source.limit is None:
        return cohort
    return limit_cases(cohort, source.limit, seed=plan.seed, by_split=source.audit is not None)


def truth_kind(task: str) -> TruthKind:
    """How labels of that kind of task are written in a manifest."""
    kinds: dict[str, TruthKind] = {
        "multilabel": "findings",
        "regression": "number",
        "segmentation": "mask",
    }
    return kinds.get(task, "class")


def model_of(plan: Plan, *, device: torch.device, allow_code: bool) -> Model:
    """Loads the plan's model.

    Raises:
        ModelError: a file is missing or damaged, or weights do not fit.
        PlanError: the model is code, and code is not allowed.
    """
    return open_model(plan.model_source(), device=device, allow_code=allow_code)


def check_classes(cohort: Cohort, task: Task) -> None:
    """Refuses a cohort with classes that the model does not have, or years that are none.

    Raises:
        DataError: it has, see also ``check_years``.
    """
    check_years(cohort, getattr(task, "unit", None))
    if cohort.classes != task.classes and task.kind == "segmentation":
        if cohort.classes:
            raise DataError(
                f"the masks of {cohort.name} number the classes {', '.join(cohort.classes)}, the "
                f"model {', '.join(task.classes)}; both must be the same in one order"
            )
        return
    if strange := sorted(set(cohort.classes) - set(task.classes)):
        raise DataError(
            f"{cohort.name} has cases of {', '.join(strange)}, which are no classes of the model; "
            f"it knows {', '.join(task.classes)}"
        )
