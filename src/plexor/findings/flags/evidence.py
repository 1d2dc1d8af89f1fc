"""The evidence for flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary, ProbeSummary
from plexor.findings.summary.summary import CleanSummary, CohortSummary

Doubt = tuple[str | None, str]
"""The probe in doubt (None: the whole audit) and a sentence with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that a flag's check may use.

    Attributes:
        plan: the resolved plan.
        provenance: the run's provenance.
        findings: all findings.
        cohort: summary of the audited cases.
        clean: results on untouched images.
        probes: the probes' summaries.
    """

    plan: Mapping[str, Any]
    provenance: Mapping[str, Any]
    findings: pd.DataFrame
    cohort: CohortSummary
    clean: CleanSummary
    probes: Sequence[ProbeSummary]

    @property
    def attacks(self) -> list[AttackSummary]:
        """The probes that search, without their controls."""
        return [probe for probe in self.probes if isinstance(probe, AttackSummary)]

    def noise(self, attack: AttackSummary) -> NoiseSummary | None:
        """The noise control of an attack; None if it is not among the findings."""
        noises = (probe for probe in self.probes if isinstance(probe, NoiseSummary))
        return next((probe for probe in noises if probe.id == attack.control), None)
