"""The findings of an audit, cut by probe and container, and what is told of any such part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plexor.cases.image import LOSSLESS
from plexor.findings.schema import CLEAN
from plexor.findings.summary.classification import Classification
from plexor.findings.summary.judged import Judged, Measures, Plain
from plexor.findings.summary.multilabel import Multilabel
from plexor.findings.summary.regression import Regression
from plexor.findings.summary.segmentation import Segmentation
from plexor.stats import holm

_ORDER = (LOSSLESS, "recompressed-own", "recompressed-q90", "recompressed-q75")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The findings, cut by probe and container."""

    task: Mapping[str, Any]
    measures: Measures
    rows: dict[tuple[str, str], pd.DataFrame]
    nothing: pd.DataFrame

    @classmethod
    def of(cls, findings: pd.DataFrame, task: Mapping[str, Any]) -> Parts:
        """Cuts the findings of a model with that task, as its card has it."""
        cut = findings.groupby(["probe", "stored"], sort=False)
        rows = {(str(probe), str(stored)): part for (probe, stored), part in cut}
        return cls(
            task=task, measures=_measures(task, findings), rows=rows, nothing=findings.iloc[:0]
        )

    def part(self, probe: str, container: str = LOSSLESS) -> pd.DataFrame:
        """One probe's rows in one container; may be none."""
        return self.rows.get((probe, container), self.nothing)

    def has(self, probe: str) -> bool:
        """Whether anything is known of a probe."""
        return (probe, LOSSLESS) in self.rows

    def containers(self, probe: str) -> list[str]:
        """The containers a probe was judged in, as an audit orders them."""
        names = {container for name, container in self.rows if name == probe}
        return [name for name in _ORDER if name in names] + sorted(names - set(_ORDER))

    def judged(self, probe: str, container: str) -> Judged:
        """Its verdicts there, beside those on the untouched images in the same container."""
        clean = self.part(CLEAN, container)
        return Judged.of(self.part(probe, container), clean)


def _measures(task: Mapping[str, Any], findings: pd.DataFrame) -> Measures:
    names = tuple(str(name) for name in task["classes"])
    if task["kind"] == "multilabel":
        return Multilabel(findings=names)
    if task["kind"] == "segmentation":
        return Segmentation.of(task, findings)
    if task["kind"] == "regression":
        clean = findings[(findings["probe"] == CLEAN) & (findings["status"] == "ok")]
        return Regression.over([float(truth) for truth in clean["truth"]])
    return Classification(classes=names)


def distances(rows: pd.DataFrame) -> Plain:
    """Median and greatest length of the changes, by norm; None without any."""
    return {
        norm: {"median": number(rows[norm].median()), "max": number(rows[norm].max())}
        for norm in ("linf", "l2", "l1", "l0")
    }


def number(value: float) -> float | None:
    """The value; None for NaN."""
    return None if pd.isna(value) else float(value)


def correct(probes: Sequence[Plain], pick: Callable[[Plain], Plain]) -> None:
    """Adds Holm's correction over some probes judged in the same container, in place.

    Args:
        probes: entries of a summary.
        pick: takes the test from what a probe came to in a container.
    """
    for container in {name for probe in probes for name in probe["stored"]}:
        tests = [
            pick(probe["stored"][container]) for probe in probes if container in probe["stored"]
        ]
        tests = [test for test in tests if test["p_value"] is not None]
        for test, corrected in zip(tests, holm([t["p_value"] for t in tests]), strict=True):
            test["p_holm"] = float(corrected)
