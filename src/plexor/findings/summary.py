"""Every number a report prints, from what an audit found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import pandas as pd

from plexor.core.version import __version__
from plexor.findings.flag_catalogue import FLAG_KINDS
from plexor.findings.flags import Evidence, raise_flags
from plexor.findings.judged import Judged, Plain
from plexor.findings.planned import Planned, planned
from plexor.findings.schema import CLEAN
from plexor.stats import holm

SUMMARY_SCHEMA = "plexor-summary/1"
LOSSLESS = "lossless"


def summarise(
    plan: Mapping[str, Any], provenance: Mapping[str, Any], findings: pd.DataFrame
) -> Plain:
    """The summary of an audit, plain data for ``summary.json`` (``summary.schema.json`` in docs).

    Estimates are over the cases that could be judged; those that could not are counted in
    ``n_failed`` and are neither robust nor fooled. Undefined numbers are None, with a note.

    Args:
        plan: the resolved plan.
        provenance: what the findings came from; its model card names the classes.
        findings: rows of ``SCHEMA``, finished or not, in any order.
    """
    # Sums of floats depend on their order; the same findings must give the same summary.
    findings = findings.sort_values(["probe", "stored", "case_id"])
    card = dict(provenance["model"])
    classes = [str(name) for name in card["task"]["classes"]]
    cohort = _cohort(plan, provenance, findings, classes)
    clean = _clean(findings, classes)
    probes = _probes(plan, findings, classes)
    evidence = Evidence(
        plan=plan,
        provenance=provenance,
        findings=findings,
        cohort=cohort,
        clean=clean,
        probes=probes,
    )
    return {
        "schema": SUMMARY_SCHEMA,
        "plexor": __version__,
        "name": str(plan.get("name", "")),
        "cohort": cohort,
        "model": card,
        "clean": clean,
        "probes": probes,
        **raise_flags(evidence, FLAG_KINDS),
    }


def _cohort(
    plan: Mapping[str, Any],
    provenance: Mapping[str, Any],
    findings: pd.DataFrame,
    classes: Sequence[str],
) -> Plain:
    cases = _rows(findings, CLEAN, LOSSLESS)
    counts = cases["truth"].value_counts()
    source = plan["cohort"]
    return {
        "name": str(source.get("name") or PurePath(str(source.get("manifest", ""))).stem),
        "split": source.get("audit"),
        "n_cases": len(cases),
        "n_groups": int(cases["group"].nunique()),
        "n_failed": int((cases["status"] != "ok").sum()),
        "classes": list(classes),
        "cases_by_class": {name: int(counts.get(name, 0)) for name in classes},
        "sha256": str(provenance.get("cohort_sha256", "")),
    }


def _clean(findings: pd.DataFrame, classes: Sequence[str]) -> Plain:
    """How the model does on untouched images: as stored first, then in every other container."""
    stored = {
        container: Judged.of(_rows(findings, CLEAN, container), classes).performance()
        for container in _containers(findings, CLEAN)
    }
    return {**stored[LOSSLESS], "stored": stored}


def _probes(plan: Mapping[str, Any], findings: pd.DataFrame, classes: Sequence[str]) -> list[Plain]:
    """One entry a probe: the attacks in the plan's order, then their controls."""
    found = set(findings["probe"])
    attacks = [entry for entry in planned(plan) if entry.id in found]
    controls = {entry.control: entry.threat for entry in attacks if entry.control in found}
    probes = [_attack(entry, findings, classes, controls) for entry in attacks]
    probes += [
        _control(probe_id, threat, findings, classes) for probe_id, threat in controls.items()
    ]
    _correct(probes)
    return probes


def _attack(
    entry: Planned,
    findings: pd.DataFrame,
    classes: Sequence[str],
    controls: Mapping[str, object],
) -> Plain:
    stored = {
        container: _judged(findings, entry.id, container, classes).attacked(
            entry.goal, _rows(findings, entry.control, container)
        )
        for container in _containers(findings, entry.id)
    }
    return {
        "id": entry.id,
        "kind": "attack",
        "name": entry.name,
        "settings": entry.settings,
        "threat": entry.threat,
        "goal": entry.goal,
        "control": entry.control if entry.control in controls else None,
        **_effort(_rows(findings, entry.id, LOSSLESS)),
        **stored[LOSSLESS],
        "stored": stored,
    }


def _control(
    probe_id: str, threat: Mapping[str, Any], findings: pd.DataFrame, classes: Sequence[str]
) -> Plain:
    stored = {
        container: _judged(findings, probe_id, container, classes).compared()
        for container in _containers(findings, probe_id)
    }
    return {
        "id": probe_id,
        "kind": "control",
        "name": "noise",
        "settings": {},
        "threat": dict(threat),
        "goal": None,
        "control": None,
        **_effort(_rows(findings, probe_id, LOSSLESS)),
        **stored[LOSSLESS],
        "stored": stored,
    }


def _judged(findings: pd.DataFrame, probe: str, container: str, classes: Sequence[str]) -> Judged:
    return Judged.of(
        _rows(findings, probe, container), classes, clean=_rows(findings, CLEAN, container)
    )


def _effort(rows: pd.DataFrame) -> Plain:
    """What a probe cost and how far it went, over the cases it attempted; None without any."""
    done = rows[rows["status"] == "ok"]
    tried = done[done["attempted"]]
    return {
        "n_out_of_threat": int((~done["within_threat"]).sum()),
        "cost": {
            "gradients_per_case": _number(tried["n_gradients"].mean()),
            "forwards_per_case": _number(tried["n_forwards"].mean()),
        },
        "distance": {
            norm: {"median": _number(tried[norm].median()), "max": _number(tried[norm].max())}
            for norm in ("linf", "l2")
        },
    }


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _correct(probes: list[Plain]) -> None:
    """Adds Holm's correction over all attacks judged in the same container."""
    attacks = [probe for probe in probes if probe["kind"] == "attack"]
    containers = {container for probe in attacks for container in probe["stored"]}
    for container in containers:
        tests = [
            probe["stored"][container]["mcnemar"]
            for probe in attacks
            if container in probe["stored"]
        ]
        tests = [test for test in tests if test["p_value"] is not None]
        for test, corrected in zip(tests, holm([t["p_value"] for t in tests]), strict=True):
            test["p_holm"] = float(corrected)


def _rows(findings: pd.DataFrame, probe: str, container: str) -> pd.DataFrame:
    return findings[(findings["probe"] == probe) & (findings["stored"] == container)]


def _containers(findings: pd.DataFrame, probe: str) -> list[str]:
    """The containers a probe was judged in, lossless first, then as an audit orders them."""
    names = findings.loc[findings["probe"] == probe, "stored"].unique()
    order = [LOSSLESS, "recompressed-own", "recompressed-q90", "recompressed-q75"]
    rest = sorted(set(names) - set(order))
    return [LOSSLESS, *(name for name in order[1:] + rest if name in names)]
