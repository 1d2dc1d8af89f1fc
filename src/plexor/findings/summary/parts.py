"""The findings of an audit by probe and container, and what is common to the figures of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from plexor.cases.image import LOSSLESS
from plexor.findings.schema import CLEAN
from plexor.findings.summary.classification import Classification
from plexor.findings.summary.judged import Judged, Measures
from plexor.findings.summary.multilabel import Multilabel
from plexor.findings.summary.probe_details import Distance, Length
from plexor.findings.summary.regression import Regression
from plexor.findings.summary.results import Comparison
from plexor.findings.summary.segmentation import Segmentation
from plexor.findings.summary.summary import TaskSummary
from plexor.stats import holm

T = TypeVar("T")
_ORDER = (
    LOSSLESS, "recompressed-own", "recompressed-q90", "recompressed-q75", "int16", "resampled-1mm",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The findings, cut by probe and container."""

    task: TaskSummary
    measures: Measures
    rows: dict[tuple[str, str], pd.DataFrame]
    nothing: pd.DataFrame

    @classmethod
    def of(cls, findings: pd.DataFrame, task: TaskSummary) -> Parts:
        """Cuts the findings of a model with that task, as a summary describes it."""
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

    def compared(self, probe: str) -> dict[str, Comparison]:
        """Container → what a probe did in it."""
        return {
            container: self.measures.compared(self.judged(probe, container))
            for container in self.containers(probe)
        }


def _measures(task: TaskSummary, findings: pd.DataFrame) -> Measures:
    match task.kind:
        case "multilabel":
            return Multilabel(labels=task.classes)
        case "segmentation":
            return Segmentation.of(task.outlined, findings)
        case "regression":
            clean = findings[(findings["probe"] == CLEAN) & (findings["status"] == "ok")]
            return Regression.over([float(truth) for truth in clean["truth"]])
        case "multiclass" | "binary" as kind:
            return Classification(task=kind, classes=task.classes)


def distances(rows: pd.DataFrame) -> Distance:
    """Median and greatest length of the changes in each norm; None without any."""

    def length(norm: str) -> Length:
        return Length(median=number(rows[norm].median()), max=number(rows[norm].max()))

    return Distance(linf=length("linf"), l2=length("l2"), l1=length("l1"), l0=length("l0"))


def distances_of(probe: str, parts: Parts) -> Distance:
    """Lengths of a probe's changes, losslessly stored, over the cases that could be judged."""
    rows = parts.part(probe)
    return distances(rows[rows["status"] == "ok"])


def number(value: float) -> float | None:
    """The value; None for NaN."""
    return None if pd.isna(value) else float(value)


def holm_corrected(
    probes: Sequence[Mapping[str, T]],
    p_value: Callable[[T], float | None],
    corrected: Callable[[T, float], T],
) -> list[dict[str, T]]:
    """Results with Holm's correction over the probes judged in the same container.

    Args:
        probes: of each, container → result.
        p_value: takes the uncorrected p from a result; an undefined one stays uncorrected.
        corrected: puts the corrected p into a result.
    """
    found = [dict(stored) for stored in probes]
    for container in {name for stored in probes for name in stored}:
        known = [
            (stored, p)
            for stored in found
            if container in stored and (p := p_value(stored[container])) is not None
        ]
        for (stored, _), p in zip(known, holm([p for _, p in known]), strict=True):
            stored[container] = corrected(stored[container], float(p))
    return found
