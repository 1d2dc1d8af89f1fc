"""The comparison of two runs, probe by probe, on the cases that both judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from plexor.cases.image import LOSSLESS
from plexor.core.errors import PlanError, RunDirectoryError
from plexor.core.version import __version__
from plexor.findings.comparison.differences import differences
from plexor.findings.comparison.pairing import Pairing, pair_cases
from plexor.findings.comparison.probe import compare_probe
from plexor.findings.comparison.results import ProbeDifference, RunComparison, Verdict
from plexor.findings.planned import planned, planned_shortcuts
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN
from plexor.findings.summary.estimate import finite
from plexor.findings.summary.summarise import summarise
from plexor.findings.summary.summary import ModelSummary, Summary, TaskSummary
from plexor.stats import holm

SIGNIFICANT = 0.05


def compare_runs(a: RunDirectory, b: RunDirectory, *, margin: float | None = None) -> RunComparison:
    """Compares two runs on the cases whose images are the same, by their hashes.

    Differences are paired and clustered by the first run's groups, and tests are corrected for the
    number of probes (Holm). A probe's estimates are over the pairs that both runs judged; failed
    cases are counted beside them.

    Args:
        a: the first run, e.g. of the model in use.
        b: the second, e.g. of its update.
        margin: greatest loss that counts as small, stated beforehand: of accuracy as a share, of
            Dice, or of the mean error in the model's unit.

    Raises:
        RunDirectoryError: a directory is no run, or the runs have no case or no probe in common, or
            their models' tasks differ.
        PlanError: a margin that is not above 0.
    """
    if margin is not None and not margin > 0:
        raise PlanError(f"margin: expected the greatest harmless loss, above 0, got {margin}")
    plans, sources = (a.plan(), b.plan()), (a.provenance(), b.provenance())
    findings = a.findings(), b.findings()
    tasks = [ModelSummary.of(_model(source)).task for source in sources]
    if tasks[0] != tasks[1]:
        raise RunDirectoryError(
            f"{a.path} and {b.path} cannot be compared: the models' tasks differ, "
            f"{_task_words(tasks[0])} and {_task_words(tasks[1])}"
        )
    pairing = pair_cases(*findings, *(_images(source) for source in sources))
    if not pairing.counts.n:
        raise RunDirectoryError(
            f"{a.path} and {b.path} have no image with the same truth in common, by the hashes of "
            "the images; compare runs on the same cases"
        )
    ids = [[*dict.fromkeys(part["probe"])] for part in findings]
    settings = [_settings(plan) for plan in plans]
    probes = _compared(findings, pairing, tasks[0].kind, settings)
    return RunComparison(
        plexor=__version__,
        name_a=str(plans[0]["name"]),
        name_b=str(plans[1]["name"]),
        run_a=str(a.path),
        run_b=str(b.path),
        task=tasks[0],
        same_model=_same_model(sources),
        margin=margin,
        differences=differences(*plans, *sources),
        paired=pairing.counts,
        probes=tuple(replace(one, verdict=verdict_of(one, margin)) for one in probes),
        only_a=tuple(one for one in ids[0] if one not in ids[1]),
        only_b=tuple(one for one in ids[1] if one not in ids[0]),
        flags_a=_flags(summarise(plans[0], sources[0], findings[0])),
        flags_b=_flags(summarise(plans[1], sources[1], findings[1])),
    )


def _compared(
    findings: tuple[pd.DataFrame, pd.DataFrame],
    pairing: Pairing,
    task: str,
    settings: Sequence[Mapping[str, object]],
) -> list[ProbeDifference]:
    """Every probe of both runs, tests corrected over those that change images on purpose.

    The untouched images and the controls are questions of their own and keep their p-values.
    """
    other = set(findings[1]["probe"])
    common = [str(one) for one in findings[0]["probe"].unique() if one in other]
    found = [
        compare_probe(
            one,
            *(part[(part["probe"] == one) & (part["stored"] == LOSSLESS)] for part in findings),
            pairing=pairing,
            task=task,
            same_settings=settings[0].get(one) == settings[1].get(one),
            kind=_kind(one, settings[0]),
        )
        for one in common
    ]
    tested = [n for n, one in enumerate(found) if one.kind not in ("clean", "control")]
    p_values = [float("nan") if (p := found[n].test.p_value) is None else p for n in tested]
    for n, p_holm in zip(tested, holm(p_values), strict=True):
        corrected = replace(found[n].test, p_holm=finite(float(p_holm)))
        found[n] = replace(found[n], test=corrected)
    return sorted(found, key=lambda one: (one.kind == "control", one.kind != "clean"))


def verdict_of(probe: ProbeDifference, margin: float | None) -> Verdict:
    """What the difference of a probe shows; see ``ProbeDifference``.

    Args:
        probe: its difference and test.
        margin: loss that counts as small; None where none was stated.
    """
    change = probe.difference
    if change.value is None:
        return "undefined"
    sign = -1 if probe.figure == "mean error" else 1
    gain = sign * change.value
    p = probe.test.p_value if probe.p_holm is None else probe.p_holm
    shown = p is not None and p < SIGNIFICANT and gain != 0
    worst = change.low if sign > 0 else change.high
    if margin is not None and worst is not None and sign * worst > -margin:
        return "better" if shown and gain > 0 else "within margin"
    if shown:
        return "better" if gain > 0 else "worse"
    equal = not (probe.broken or probe.mended)
    return "equal" if equal and margin is None else "undecided"


def _settings(plan: Mapping[str, Any]) -> dict[str, object]:
    """Probe's id → its whole configuration; controls follow their threats and are not in it."""
    found: dict[str, object] = {
        one.id: (one.name, one.settings, one.threat, one.goal) for one in planned(plan)
    }
    return found | {one.id: (one.name, one.settings) for one in planned_shortcuts(plan)}


def _kind(probe: str, settings: Mapping[str, object]) -> str:
    if probe == CLEAN:
        return "clean"
    if probe not in settings:
        return "control"
    return "attack" if len(settings[probe]) > 2 else "shortcut"  # type: ignore[arg-type]


def _model(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(provenance["model"])


def _images(provenance: Mapping[str, Any]) -> Mapping[str, str]:
    return dict(provenance.get("images", {}))


def _same_model(provenances: Sequence[Mapping[str, Any]]) -> bool:
    known = [one.get("model_sha256") for one in provenances]
    return known[0] is not None and known[0] == known[1]


def _task_words(task: TaskSummary) -> str:
    named = ", ".join(task.classes) or task.unit
    return f"{task.kind} of {named}" if named else task.kind


def _flags(summary: Summary) -> tuple[str, ...]:
    """Ids of errors and warnings."""
    return tuple(sorted({flag.id for flag in summary.flags if flag.severity != "note"}))
