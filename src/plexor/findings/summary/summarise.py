"""Every number a report prints, from what an audit found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import pandas as pd

from plexor.cases.case import split_labels
from plexor.core.errors import RunDirectoryError
from plexor.core.version import __version__
from plexor.findings.flags.catalogue import FLAG_KINDS
from plexor.findings.flags.evidence import Evidence
from plexor.findings.flags.flag_kind import raise_flags
from plexor.findings.schema import CLEAN
from plexor.findings.summary.attacks import attacks
from plexor.findings.summary.changes import changes
from plexor.findings.summary.parts import Parts, number
from plexor.findings.summary.probe_summary import ProbeSummary
from plexor.findings.summary.shortcuts import shortcuts
from plexor.findings.summary.summary import (
    CleanSummary,
    CohortSummary,
    ModelSummary,
    Summary,
    TaskSummary,
    TruthRange,
)
from plexor.findings.summary.visibility import visibility


def summarise(
    plan: Mapping[str, Any], provenance: Mapping[str, Any], findings: pd.DataFrame
) -> Summary:
    """The summary of an audit.

    Estimates are over the cases that could be judged; those that could not are counted in
    ``n_failed`` and are neither robust nor fooled. Undefined numbers are None, with a note.

    Args:
        plan: the resolved plan.
        provenance: what the findings came from; its model card names the classes.
        findings: rows of ``SCHEMA``, finished or not, in any order.

    Raises:
        RunDirectoryError: not one untouched image has been judged, or a class is named that the
            model does not have.
    """
    # Sums of floats depend on their order; the same findings must give the same summary.
    findings = findings.sort_values(["probe", "stored", "case_id"])
    model = ModelSummary.of(provenance["model"])
    _check_names(findings, model.task)
    parts = Parts.of(findings, model.task)
    cohort = _cohort(plan, provenance, parts)
    clean = _clean(parts)
    searches, noises = attacks(plan, provenance, parts)
    put, shuffled = shortcuts(plan, provenance, parts)
    further = changes(provenance, parts)
    probes: tuple[ProbeSummary, ...] = (*searches, *put, *further, *noises, *shuffled)
    evidence = Evidence(
        plan=plan,
        provenance=provenance,
        findings=findings,
        cohort=cohort,
        clean=clean,
        probes=probes,
    )
    outcome = raise_flags(evidence, FLAG_KINDS)
    return Summary(
        plexor=__version__,
        name=str(plan.get("name", "")),
        cohort=cohort,
        model=model,
        clean=clean,
        probes=probes,
        visibility=visibility(plan, clean, searches, noises),
        margin=plan.get("margin"),
        flags=outcome.raised,
        flags_passed=outcome.passed,
        flags_unchecked=outcome.unchecked,
    )


def _check_names(findings: pd.DataFrame, task: TaskSummary) -> None:
    """Refuses truths and decisions that a model of that task cannot have."""
    done = findings[findings["status"] == "ok"]
    texts = pd.unique(done[["truth", "decision_before", "decision_after"]].to_numpy().ravel())
    if task.kind == "regression":
        strange = [text for text in texts if not _is_number(text)]
    elif task.kind in ("multilabel", "segmentation"):
        strange = [text for text in texts if set(split_labels(text)) - {*task.classes}]
    else:
        strange = [text for text in texts if text not in task.classes]
    if strange:
        raise RunDirectoryError(
            f"findings say {strange[0]!r}, which a model of "
            f"{', '.join(task.classes) or 'a number'} cannot; a file of the run directory is "
            "damaged or of another run; run the audit again in a new directory"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_OF_ANY_COHORT = ("", ".", "..", "/", "images", "data")


def _named(source: Mapping[str, Any]) -> str:
    """The name of a list of images: its file's, or its folder's where it is just "manifest"."""
    manifest = PurePath(str(source["manifest"]))
    if manifest.stem != "manifest":
        return manifest.stem
    folders = (*manifest.parent.parts[::-1], *PurePath(str(source.get("root") or "")).parts[::-1])
    named = (folder for folder in folders if folder not in _OF_ANY_COHORT)
    return next(named, manifest.stem)


def _cohort(plan: Mapping[str, Any], provenance: Mapping[str, Any], parts: Parts) -> CohortSummary:
    cases = parts.part(CLEAN)
    source = plan["cohort"]
    return CohortSummary(
        name=_named(source),
        split=source["audit"],
        n_cases=len(cases),
        n_groups=int(cases["group"].nunique()),
        n_failed=int((cases["status"] != "ok").sum()),
        classes=parts.task.classes,
        cases_by_class=_cases_by_class(cases["truth"], parts.task),
        truth=_range(cases["truth"]) if parts.task.kind == "regression" else None,
        sha256=str(provenance["cohort_sha256"]),
    )


def _cases_by_class(truths: pd.Series[str], task: TaskSummary) -> dict[str, int]:
    """Cases of each class, with each label, or with each class outlined; empty for a number."""
    names = task.outlined if task.kind == "segmentation" else task.classes
    if task.kind in ("multilabel", "segmentation"):
        truths = truths.map(split_labels).explode()
    counts = truths.value_counts()
    return {name: int(counts.get(name, 0)) for name in names}


def _range(truths: pd.Series[str]) -> TruthRange:
    numbers = truths.astype(float)
    return TruthRange(min=number(numbers.min()), max=number(numbers.max()))


def _clean(parts: Parts) -> CleanSummary:
    """The model on untouched images: as stored losslessly first, then in every other container."""
    if not parts.has(CLEAN):
        raise RunDirectoryError(
            "no untouched image has been judged yet, so that there is nothing to compare with; run "
            "the same plexor audit command again, which goes on where it stopped"
        )
    return CleanSummary(
        stored={
            container: parts.measures.performance(parts.judged(CLEAN, container))
            for container in parts.containers(CLEAN)
        }
    )
