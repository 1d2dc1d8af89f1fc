"""Results of an arm's audit, with intervals clustered by lesion in every arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plexor.cases.image import LOSSLESS
from plexor.core.errors import RunDirectoryError
from plexor.findings import CLEAN, RunDirectory
from plexor.findings.study_file import Number
from plexor.findings.summary import Summary, summarise
from plexor.findings.summary.class_results import ClassAttackResult
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.results import of_kind
from plexor.stats import clustered_proportion
from plexor.studies.allyn2020.layout import NAEVUS
from plexor.threat_model.goals import Become

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """An arm's findings and summary.

    Attributes:
        summary: the output of ``summarise``, with lesions as groups.
        findings: the findings, with lesions as groups.
    """

    summary: Summary
    findings: pd.DataFrame

    @classmethod
    def read(cls, run: Path, lesion_of: Mapping[str, str]) -> Ours:
        """Reads a run directory, given image → lesion."""
        directory = RunDirectory(run)
        findings = directory.findings()
        findings["group"] = findings["case_id"].map(lesion_of)
        summary = summarise(directory.plan(), directory.provenance(), findings)
        return cls(summary=summary, findings=findings)

    def find(
        self, attack: str, radius: float, *, target: str | None = NAEVUS
    ) -> AttackSummary | None:
        """The summary of an attack at a radius, with a target class or, for None, untargeted."""
        for probe in self.summary.attacks:
            if probe.name == attack and probe.threat.radius == radius and aims_at(probe) == target:
                return probe
        return None

    def probe(self, attack: str, radius: float) -> AttackSummary:
        """The summary of an attack with the target naevus.

        Raises:
            RunDirectoryError: the attack was not run.
        """
        found = self.find(attack, radius)
        if found is None:
            raise RunDirectoryError(
                f"{attack} at {radius:g} levels is not among the findings; run the study again"
            )
        return found

    def rows(self, probe: str) -> pd.DataFrame:
        """Findings of every judged image under a probe, in the lossless container."""
        rows = self.findings
        there = (rows["probe"] == probe) & (rows["stored"] == LOSSLESS) & (rows["status"] == "ok")
        return rows[there]

    def called_naevus(self, probe: str, *, truth: str | None = None) -> Number:
        """The share of images called a naevus, of all or of one class."""
        rows = self.rows(probe)
        if truth is not None:
            rows = rows[rows["truth"] == truth]
        return share(rows["decision_after"] == NAEVUS, rows["group"])

    def accuracy(self, probe: str = CLEAN) -> Number:
        """Accuracy: the share of images classified correctly."""
        rows = self.rows(probe)
        return share(rows["decision_after"] == rows["truth"], rows["group"])

    def prevalence(self) -> Number:
        """The share of images that show a naevus."""
        rows = self.rows(CLEAN)
        return share(rows["truth"] == NAEVUS, rows["group"])

    def mcnemar(self, probe: AttackSummary) -> Number:
        """McNemar's test of accuracy, clustered by lesion, with the p of the unclustered test."""
        result = of_kind(probe.lossless, ClassAttackResult)
        tests = result.mcnemar
        return Number(
            kind="p",
            value=tests.test.p_value,
            n=result.n,
            n_groups=result.n_groups,
            method=tests.test.method,
            note=tests.note,
            remark=f"{tests.n_lost} became wrong, {tests.n_gained} right; images taken as "
            f"independent, as published, p {_p(tests.plain.p_value)}",
        )

    def identity(self, probe: str) -> str:
        """Checks that accuracy equals the share of naevi if every image is called a naevus.

        Raises:
            RuntimeError: it does not.
        """
        rows = self.rows(probe)
        n, n_other = len(rows), int((rows["decision_after"] != NAEVUS).sum())
        n_naevi = int((rows["truth"] == NAEVUS).sum())
        n_right = int((rows["decision_after"] == rows["truth"]).sum())
        if n_other:
            return f"not tested: {n_other} of {n} images are not called naevi"
        if n_right != n_naevi:
            raise RuntimeError(
                f"internal: every image was called a naevus, {n_naevi} of {n} are, and {n_right} "
                "were counted as right; please report this"
            )
        return f"holds: all {n} images are called naevi, {n_naevi} are, {n_right} count as right"


def share(events: pd.Series[bool], groups: pd.Series[str]) -> Number:
    """A share of images, its interval clustered by lesion."""
    found = clustered_proportion(events.to_numpy(bool), groups.to_numpy(str))
    return Number.of("share", found)


def aims_at(probe: AttackSummary) -> str | None:
    """The target class of an attack; None for another goal."""
    return probe.goal.target if isinstance(probe.goal, Become) else None


def _p(value: float | None) -> str:
    return "undefined" if value is None else "< .0001" if value < 0.0001 else f"= {value:.4f}"
