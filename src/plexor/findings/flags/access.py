"""The rules of the flags ``queries-beat-gradients`` and ``stages-skipped``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from plexor.cases import LOSSLESS
from plexor.findings.flags.evidence import Doubt, Evidence
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.stats import clustered_mcnemar, mcnemar_test

SIGNIFICANT = 0.05
FEW_FALLS = 6
"""If this many cases fall to only one of two searches, all to the same one, p is below 5 %."""
SHARE_OF_FALLS = 0.1
QUERY_STAGES = ("square", "sparse-rs", "rays", "hop-skip-jump")
"""The stages of a cascade that use no gradients."""


def queries_beat_gradients(evidence: Evidence) -> list[Doubt] | None:
    """Attacks on scores or decisions reach more cases than attacks on gradients."""
    families: dict[str, list[AttackSummary]] = defaultdict(list)
    for probe in evidence.attacks:
        families[repr((probe.threat, probe.goal))].append(probe)
    rivals = [
        (probe, [other for other in family if _sees_gradients(other)])
        for family in families.values()
        for probe in family
        if probe.about.access in ("scores", "decisions")
    ]
    rivals = [(probe, others) for probe, others in rivals if others]
    cascades = [probe for probe in evidence.attacks if probe.name == "cascade"]
    if not rivals and not cascades:
        return None
    doubts = [_beats_all(evidence.findings, probe, others) for probe, others in rivals]
    doubts += [_falls_to_queries(evidence.findings, probe) for probe in cascades]
    return [doubt for doubt in doubts if doubt is not None]


def stages_skipped(evidence: Evidence) -> list[Doubt] | None:
    """Cascades that attacked cases without a single gradient."""
    cascades = [probe for probe in evidence.attacks if probe.name == "cascade"]
    if not cascades:
        return None
    return [
        (
            probe.id,
            f"{without} of {n} cases were searched without a gradient: only the stages that ask "
            "for none, " + ", ".join(f"`{stage}`" for stage in QUERY_STAGES) + ", could run.",
        )
        for probe in cascades
        for n, without in [_without_gradient(evidence.findings, probe)]
        if without
    ]


def _without_gradient(findings: pd.DataFrame, probe: AttackSummary) -> tuple[int, int]:
    """Number of cases attempted, and number of those that used no gradient."""
    rows = findings[(findings["probe"] == probe.id) & (findings["stored"] == LOSSLESS)]
    tried = rows[(rows["status"] == "ok") & rows["attempted"]]
    return len(tried), int((tried["n_gradients"] == 0).sum())


def _sees_gradients(probe: AttackSummary) -> bool:
    """Whether it uses gradients per case; a fit for all cases is weaker than a search for each."""
    return probe.about.access == "gradients" and probe.fit is None


def _beats_all(
    findings: pd.DataFrame, probe: AttackSummary, others: Sequence[AttackSummary]
) -> Doubt | None:
    """The doubt if the probe reaches significantly more cases than each of the others."""
    best = 0.0
    mine = 0.0
    for other in others:
        pairs = _pairs(findings, probe.id, other.id)
        if not _significantly_more(pairs):
            return None
        if pairs["other"].mean() >= best:
            best, mine = pairs["other"].mean(), pairs["reached"].mean()
    return (
        probe.id,
        (
            f"Without gradients it reached the goal in {mine:.1%} of the cases, the best attack "
            f"that sees them in {best:.1%} of the same."
        ),
    )


def _pairs(findings: pd.DataFrame, probe: str, other: str) -> pd.DataFrame:
    """Cases that both attempted: index case_id, columns reached, group, other."""
    tried = findings[
        (findings["stored"] == LOSSLESS) & (findings["status"] == "ok") & findings["attempted"]
    ].set_index("case_id")
    mine = tried.loc[tried["probe"] == probe, ["reached", "group"]]
    theirs = tried.loc[tried["probe"] == other, "reached"].rename("other")
    return mine.join(theirs, how="inner")


def _significantly_more(pairs: pd.DataFrame) -> bool:
    more = int((pairs["reached"] & ~pairs["other"]).sum())
    less = int((pairs["other"] & ~pairs["reached"]).sum())
    if more <= less or mcnemar_test(more, less).p_value >= SIGNIFICANT:
        return False
    if pairs["group"].is_unique:
        return True
    test = clustered_mcnemar(pairs["other"], pairs["reached"], list(pairs["group"]))
    return test.p_value < SIGNIFICANT


def _falls_to_queries(findings: pd.DataFrame, probe: AttackSummary) -> Doubt | None:
    """The doubt if stages without gradients reached cases that stages with gradients did not."""
    rows = findings[(findings["probe"] == probe.id) & (findings["stored"] == LOSSLESS)]
    fallen = rows[(rows["status"] == "ok") & rows["reached"]]
    late = int(fallen["found_by"].isin(QUERY_STAGES).sum())
    if late < FEW_FALLS or late < SHARE_OF_FALLS * len(fallen):
        return None
    return (
        probe.id,
        (
            f"Of {len(fallen)} cases that fell, {late} withstood every stage that sees gradients "
            "and fell to queries alone."
        ),
    )
