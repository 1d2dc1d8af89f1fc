"""What a check for doubts about an evaluation may look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary, ProbeSummary
from plexor.findings.summary.summary import CleanSummary, CohortSummary

Doubt = tuple[str | None, str]
"""The probe in doubt (None: the whole audit) and the sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a check may look at.

    Attributes:
        plan: as resolved.
        provenance: what the findings came from.
        findings: all rows.
        cohort: the cases audited.
        clean: the model on untouched images.
        probes: as in the summary.
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
        """The noise of an attack's size; None where it is not among the findings."""
        noises = (probe for probe in self.probes if isinstance(probe, NoiseSummary))
        return next((probe for probe in noises if probe.id == attack.control), None)
