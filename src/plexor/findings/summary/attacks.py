"""What attacks did, and the noise of their size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from plexor.findings.planned import Planned, described, planned
from plexor.findings.schema import CLEAN
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.fit_summary import FitSummary
from plexor.findings.summary.parts import Parts, distances, holm_corrected, number
from plexor.findings.summary.probe_details import (
    AttackAbout,
    Coefficients,
    Cost,
    Draws,
    Positions,
)
from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary
from plexor.findings.summary.results import AttackResult
from plexor.findings.summary.visibility import probe_visibility
from plexor.findings.summary.visibility_summary import ProbeVisibility
from plexor.stats import clustered_mean
from plexor.threat_model import Threat


def attacks(
    plan: Mapping[str, Any], provenance: Mapping[str, Any], parts: Parts
) -> tuple[list[AttackSummary], list[NoiseSummary]]:
    """One entry for each attack, in the plan's order, and one for each size of noise.

    Args:
        plan: the resolved plan.
        provenance: what the findings came from; it describes attacks, fits and detectors.
        parts: the findings.
    """
    entries = [entry for entry in planned(plan) if parts.has(entry.id)]
    stored = holm_corrected(
        [_stored(entry, parts) for entry in entries],
        lambda result: result.main_test.p_value,
        lambda result, p: result.corrected(p),
    )
    searches = [
        _attack(entry, results, plan, provenance, parts)
        for entry, results in zip(entries, stored, strict=True)
    ]
    controls = {entry.control: entry.threat for entry in entries if parts.has(entry.control)}
    noises = [
        _noise(probe_id, threat, plan, provenance, parts) for probe_id, threat in controls.items()
    ]
    return searches, noises


def _stored(entry: Planned, parts: Parts) -> dict[str, AttackResult]:
    """Container → result, not yet corrected for the number of attacks."""
    return {
        container: parts.measures.attacked(
            parts.judged(entry.id, container), entry.goal, parts.judged(entry.control, container)
        )
        for container in parts.containers(entry.id)
    }


def _attack(
    entry: Planned,
    stored: Mapping[str, AttackResult],
    plan: Mapping[str, Any],
    provenance: Mapping[str, Any],
    parts: Parts,
) -> AttackSummary:
    account = provenance.get("fits", {}).get(entry.id)
    fit = None if account is None else FitSummary.of(account)
    tried = _tried(parts.part(entry.id))
    return AttackSummary(
        id=entry.id,
        name=entry.name,
        about=_about(entry, provenance, fit),
        settings=entry.settings if fit is None or fit.split else fit.settings,
        fit=fit,
        threat=entry.threat,
        goal=entry.goal,
        goal_unit=parts.task.unit,
        control=entry.control if parts.has(entry.control) else None,
        n_out_of_threat=_n_out_of_threat(parts.part(entry.id)),
        cost=_cost(tried),
        found_by=_stages(tried),
        positions=_positions(tried),
        coefficients=_coefficients(parts, entry.id),
        distance=distances(tried),
        visibility=_visibility(entry.id, plan, provenance, parts),
        stored=stored,
        draws=_draws(tried),
    )


def _about(entry: Planned, provenance: Mapping[str, Any], fit: FitSummary | None) -> AttackAbout:
    """What the catalogue says; one that was fitted on another model saw nothing of this one."""
    about = described(provenance, "attack", entry.name)
    elsewhere = fit is not None and fit.same_model is False
    return AttackAbout(
        title=about.get("title", entry.name.upper()),
        summary=about.get("summary", ""),
        access="none" if elsewhere else about.get("access", ""),
        reference=about.get("reference", ""),
    )


def _noise(
    probe_id: str,
    threat: Threat,
    plan: Mapping[str, Any],
    provenance: Mapping[str, Any],
    parts: Parts,
) -> NoiseSummary:
    tried = _tried(parts.part(probe_id))
    return NoiseSummary(
        id=probe_id,
        threat=threat,
        n_out_of_threat=_n_out_of_threat(parts.part(probe_id)),
        cost=_cost(tried),
        distance=distances(tried),
        visibility=_visibility(probe_id, plan, provenance, parts),
        stored=parts.compared(probe_id),
    )


def _visibility(
    probe_id: str, plan: Mapping[str, Any], provenance: Mapping[str, Any], parts: Parts
) -> ProbeVisibility | None:
    detector = provenance.get("detectors", {}).get(probe_id)
    return probe_visibility(parts.part(probe_id), parts.part(CLEAN), plan, detector=detector)


def _tried(rows: pd.DataFrame) -> pd.DataFrame:
    """The cases that were judged and attempted."""
    return rows[(rows["status"] == "ok") & rows["attempted"]]


def _n_out_of_threat(rows: pd.DataFrame) -> int:
    return int((~rows.loc[rows["status"] == "ok", "within_threat"]).sum())


def _cost(tried: pd.DataFrame) -> Cost:
    return Cost(
        gradients_per_case=number(tried["n_gradients"].mean()),
        forwards_per_case=number(tried["n_forwards"].mean()),
    )


def _stages(tried: pd.DataFrame) -> dict[str, int]:
    """Stage of an attack → cases it was the first to reach; empty for an attack without stages."""
    counts = tried.loc[tried["reached"], "found_by"].value_counts()
    return {str(name): int(n) for name, n in sorted(counts.items()) if name}


def _coefficients(parts: Parts, probe_id: str) -> Coefficients | None:
    """Coefficients of JPEG files that an attack changed; None for attacks that change pixels."""
    rows = [parts.part(probe_id, container) for container in parts.containers(probe_id)]
    moved = pd.concat([part.loc[part["attempted"], "coefficients"] for part in rows]).dropna()
    if moved.empty:
        return None
    return Coefficients(
        median=float(moved.median()),
        max=float(moved.max()),
        n=len(moved),
        n_unmoved=int((moved == 0).sum()),
    )


def _positions(tried: pd.DataFrame) -> Positions | None:
    """Of an attack that tries positions one by one; None for others, and without a case.

    The share is each case's own, averaged over cases, so that a large image counts as a small one.
    """
    counted = tried[tried["positions_tried"] > 0]
    if counted.empty:
        return None
    n_tried, n_reaching = counted["positions_tried"], counted["positions_reaching"]
    return Positions(
        tried_per_case=number(n_tried.mean()),
        reaching_per_case=number(n_reaching.mean()),
        share_reaching=_mean_share(n_reaching / n_tried, counted["group"]),
    )


def _draws(tried: pd.DataFrame) -> Draws | None:
    """Of a model whose outputs vary; None for others, and without a case."""
    counted = tried[tried["reached_share"].notna()]
    if counted.empty:
        return None
    share, groups = counted["reached_share"], counted["group"]
    return Draws(
        ever=_mean_share((share > 0).astype(float), groups),
        mostly=_mean_share(counted["reached"].astype(float), groups),
        mean=_mean_share(share, groups),
    )


def _mean_share(shares: pd.Series, groups: pd.Series) -> StoredEstimate:
    """Mean of a share of each case, clustered by group."""
    found = clustered_mean(shares, groups.tolist())
    # Student's limits know no bounds; a share does.
    found = replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))
    return StoredEstimate.of(found)
