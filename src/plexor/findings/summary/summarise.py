"""Every number a report prints, from what an audit found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import pandas as pd

from plexor.cases.case import split_labels
from plexor.cases.image import LOSSLESS
from plexor.core.version import __version__
from plexor.findings.flags.catalogue import FLAG_KINDS
from plexor.findings.flags.flag import Evidence, raise_flags
from plexor.findings.planned import Planned, described, planned
from plexor.findings.schema import CLEAN
from plexor.findings.summary.judged import Plain
from plexor.findings.summary.parts import Parts, correct, distances, number
from plexor.findings.summary.shortcuts import shortcuts
from plexor.findings.summary.visible import crossings, visible
from plexor.stats import clustered_mean

SUMMARY_SCHEMA = "plexor-summary/2"


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
    parts = Parts.of(findings, card["task"])
    cohort = _cohort(plan, provenance, parts)
    clean = _clean(parts)
    probes = _probes(plan, provenance, parts)
    tried = shortcuts(plan, provenance, parts)
    evidence = Evidence(
        plan=plan,
        provenance=provenance,
        findings=findings,
        cohort=cohort,
        clean=clean,
        probes=probes,
        shortcuts=tried,
    )
    return {
        "schema": SUMMARY_SCHEMA,
        "plexor": __version__,
        "name": str(plan.get("name", "")),
        "cohort": cohort,
        "model": card,
        "clean": clean,
        "probes": probes,
        "shortcuts": tried,
        "visibility": _visibility(plan, clean, probes),
        **raise_flags(evidence, FLAG_KINDS),
    }


def _named(manifest: PurePath) -> str:
    """What images are called: as their list, or as its folder where it is just "manifest"."""
    folder = manifest.parent.name
    return manifest.stem if manifest.stem != "manifest" or folder in ("", "..") else folder


def _cohort(plan: Mapping[str, Any], provenance: Mapping[str, Any], parts: Parts) -> Plain:
    cases = parts.part(CLEAN)
    source = plan["cohort"]
    manifest = PurePath(str(source["manifest"]))
    return {
        "name": _named(manifest),
        "split": source["audit"],
        "n_cases": len(cases),
        "n_groups": int(cases["group"].nunique()),
        "n_failed": int((cases["status"] != "ok").sum()),
        "classes": list(parts.task["classes"]),
        "cases_by_class": _cases_by_class(cases["truth"], parts.task),
        "truth": _range(cases["truth"]) if parts.task["kind"] == "regression" else None,
        "sha256": str(provenance["cohort_sha256"]),
    }


def _cases_by_class(truths: pd.Series[str], task: Mapping[str, Any]) -> dict[str, int]:
    """Cases of each class, with each finding, or with each class outlined; empty for a number."""
    names = list(task["classes"])
    if task["kind"] == "segmentation":
        names = names[1:] or names
    if task["kind"] in ("multilabel", "segmentation"):
        truths = truths.map(split_labels).explode()
    counts = truths.value_counts()
    return {str(name): int(counts.get(name, 0)) for name in names}


def _range(truths: pd.Series[str]) -> Plain:
    numbers = truths.astype(float)
    return {"min": number(numbers.min()), "max": number(numbers.max())}


def _clean(parts: Parts) -> Plain:
    """How the model does on untouched images: as stored first, then in every other container."""
    stored = {
        container: parts.measures.performance(parts.judged(CLEAN, container))
        for container in parts.containers(CLEAN)
    }
    return {**stored[LOSSLESS], "stored": stored}


def _probes(plan: Mapping[str, Any], provenance: Mapping[str, Any], parts: Parts) -> list[Plain]:
    """One entry a probe: the attacks in the plan's order, then their controls."""
    attacks = [entry for entry in planned(plan) if parts.has(entry.id)]
    controls = {entry.control: entry.threat for entry in attacks if parts.has(entry.control)}
    fits = provenance.get("fits", {})
    probes = [
        _attack(entry, described(provenance, "attack", entry.name), fits.get(entry.id), parts)
        for entry in attacks
    ]
    probes += [_control(probe_id, threat, parts) for probe_id, threat in controls.items()]
    correct([probe for probe in probes if probe["kind"] == "attack"], main_test)
    for probe in probes:
        rows = parts.part(probe["id"])
        seen = provenance.get("detectors", {}).get(probe["id"])
        probe["visibility"] = visible(rows, parts.part(CLEAN), plan, detector=seen)
    return probes


def _visibility(plan: Mapping[str, Any], clean: Plain, probes: Sequence[Plain]) -> Plain | None:
    """What was measured of it, and where it begins; None where nothing was."""
    if all(probe["visibility"] is None for probe in probes):
        return None
    return {"settings": dict(plan["visibility"]), "crossings": crossings(clean, probes)}


def _attack(entry: Planned, about: Mapping[str, str], fit: Plain | None, parts: Parts) -> Plain:
    stored = {
        container: parts.measures.attacked(
            parts.judged(entry.id, container),
            entry.goal,
            parts.judged(entry.control, container),
        )
        for container in parts.containers(entry.id)
    }
    return {
        "id": entry.id,
        "kind": "attack",
        "name": entry.name,
        "about": {
            "title": about.get("title", entry.name.upper()),
            "summary": about.get("summary", ""),
            "access": _access(about, fit),
            "reference": about.get("reference", ""),
        },
        "settings": entry.settings if fit is None or fit["split"] else fit["settings"],
        "fit": fit,
        "threat": entry.threat,
        "goal": entry.goal | ({"unit": parts.task["unit"]} if "unit" in parts.task else {}),
        "control": entry.control if parts.has(entry.control) else None,
        **_effort(parts.part(entry.id)),
        "coefficients": _coefficients(parts, entry.id),
        **stored[LOSSLESS],
        "stored": stored,
    }


def _access(about: Mapping[str, str], fit: Plain | None) -> str:
    """What the attack saw of the model; one that was fitted on another model, nothing."""
    if fit is not None and fit["same_model"] is False:
        return "none"
    return about.get("access", "")


def _control(probe_id: str, threat: Mapping[str, Any], parts: Parts) -> Plain:
    stored = {
        container: parts.measures.compared(parts.judged(probe_id, container))
        for container in parts.containers(probe_id)
    }
    return {
        "id": probe_id,
        "kind": "control",
        "name": "noise",
        "about": None,
        "settings": {},
        "fit": None,
        "threat": dict(threat),
        "goal": None,
        "control": None,
        **_effort(parts.part(probe_id)),
        **stored[LOSSLESS],
        "stored": stored,
    }


def _effort(rows: pd.DataFrame) -> Plain:
    """What a probe cost and how far it went, over the cases it attempted; None without any."""
    done = rows[rows["status"] == "ok"]
    tried = done[done["attempted"]]
    return {
        "n_out_of_threat": int((~done["within_threat"]).sum()),
        "cost": {
            "gradients_per_case": number(tried["n_gradients"].mean()),
            "forwards_per_case": number(tried["n_forwards"].mean()),
        },
        "found_by": _stages(tried),
        "positions": _positions(tried),
        "distance": distances(tried),
    }


def _stages(tried: pd.DataFrame) -> dict[str, int]:
    """Stage of an attack → cases it was the first to reach; empty for an attack without stages."""
    counts = tried.loc[tried["reached"], "found_by"].value_counts()
    return {str(name): int(n) for name, n in sorted(counts.items()) if name}


def _coefficients(parts: Parts, probe_id: str) -> Plain | None:
    """How many coefficients of a JPEG an attack moved, and how often none; None for others."""
    rows = [parts.part(probe_id, container) for container in parts.containers(probe_id)]
    moved = pd.concat([part.loc[part["attempted"], "coefficients"] for part in rows]).dropna()
    if moved.empty:
        return None
    return {
        "median": float(moved.median()),
        "max": float(moved.max()),
        "n": len(moved),
        "n_unmoved": int((moved == 0).sum()),
    }


def _positions(tried: pd.DataFrame) -> Plain | None:
    """Of an attack that tries positions one by one; None for others, and without a case.

    The share is each case's own, averaged over cases, so that a large image counts as a small one.
    """
    counted = tried[tried["positions_tried"] > 0]
    if counted.empty:
        return None
    n_tried, n_reaching = counted["positions_tried"], counted["positions_reaching"]
    share = clustered_mean(n_reaching / n_tried, counted["group"].tolist())
    # Student's limits know no bounds; a share does.
    share = replace(share, low=max(share.low, 0.0), high=min(share.high, 1.0))
    return {
        "tried_per_case": number(n_tried.mean()),
        "reaching_per_case": number(n_reaching.mean()),
        "share_reaching": share.to_dict(),
    }


def main_test(compared: Mapping[str, Any]) -> Plain:
    """The test of whether a probe changed what counts: accuracy, a number's errors, or Dice."""
    names = ("error_test", "dice_test", "mcnemar")
    test: Plain = next(compared[name] for name in names if name in compared)
    return test
