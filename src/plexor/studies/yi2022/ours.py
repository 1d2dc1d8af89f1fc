"""What the study's audits found: scores of each test film by each network, and their areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plexor.cases import LOSSLESS, Case
from plexor.findings import RunDirectory
from plexor.findings.study_file import Number
from plexor.stats import Estimate, TestResult, delong_test, reader_study_auc
from plexor.stats.mrmc import Inference, ReaderStudy

Floats = NDArray[np.float64]
Asked = tuple[Path, str]
"""A run directory, and a probe of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """Scores of the test films, or of their studies.

    Attributes:
        truth: whether positive, (n,).
        patients: by whom intervals are clustered, (n,).
        studies: what each is of, (n,).
        of: name of what was scored, an arm or a way of covering → (seeds, n), probabilities.
        failed: films that some network could not be shown, left out everywhere.
    """

    truth: NDArray[np.bool_]
    patients: NDArray[np.str_]
    studies: NDArray[np.str_]
    of: Mapping[str, Floats]
    failed: int = 0

    @property
    def n_seeds(self) -> int:
        """Seeds of training."""
        return len(next(iter(self.of.values())))

    def mean(self, name: str, inference: Inference = "fixed readers") -> Estimate:
        """Mean over seeds of the area, clustered by patient.

        With "fixed readers" for these networks on other patients, with "random" for other seeds
        too.
        """
        return self._study(name).mean(0, inference=inference, interval="wald")

    def each(self, name: str) -> list[float]:
        """The area of each seed."""
        return [float(area) for area in self._study(name).values[0]]  # noqa: PD011 (no pandas)

    def difference(self, one: str, other: str, inference: Inference = "fixed readers") -> Estimate:
        """Mean over seeds of the first's area minus the second's, paired by film and by seed."""
        return self._study(one, other).difference(0, 1, inference=inference)

    def test(self, one: str, other: str) -> TestResult:
        """Of equal mean areas of these networks, clustered by patient."""
        return self._study(one, other).test(inference="fixed readers")

    def test_of_seed(self, one: str, other: str, seed: int, *, clustered: bool) -> TestResult:
        """DeLong's paired test of one pair of networks, as a publication of one pair has it."""
        groups = list(self.patients) if clustered else None
        return delong_test(self.truth, self.of[one][seed], self.of[other][seed], groups)

    def _study(self, *names: str) -> ReaderStudy:
        """What was scored as treatments, and seeds as readers, see ``plexor.stats.mrmc``."""
        ratings = np.stack([self.of[name] for name in names])
        return reader_study_auc(self.truth, ratings, list(self.patients))


def read_scores(
    cases: Sequence[Case], positive: str, runs: Mapping[str, Sequence[Asked]]
) -> Scores:
    """Scores of test films from run directories.

    Args:
        cases: the test films.
        positive: their positive class.
        runs: name → for each seed the run directory and the probe whose outputs are meant; those of
            "clean" are of the images as they are.
    """
    ids = [case.id for case in cases]
    logits = {name: np.stack([_logits(*one, ids) for one in seeds]) for name, seeds in runs.items()}
    known = ~np.any([np.isnan(found).any(axis=0) for found in logits.values()], axis=0)
    truth = np.array([case.truth == positive for case in cases])
    patients = np.array([case.group for case in cases])
    return Scores(
        truth=truth[known],
        patients=patients[known],
        studies=np.array([str(case.metadata["study"]) for case in cases])[known],
        of={name: 1 / (1 + np.exp(-found[:, known])) for name, found in logits.items()},
        failed=int((~known).sum()),
    )


def by_study(scores: Scores) -> Scores:
    """Scores of studies: the mean probability of a study's films, as MURA's authors take it."""
    table = pd.DataFrame({"study": scores.studies, "truth": scores.truth, "group": scores.patients})
    grouped = table.groupby("study", sort=True)
    first = grouped.agg(truth=("truth", "first"), group=("group", "first"))
    means = {
        name: np.stack(
            [pd.Series(row).groupby(table["study"], sort=True).mean().to_numpy() for row in found]
        )
        for name, found in scores.of.items()
    }
    return Scores(
        truth=first["truth"].to_numpy(bool),
        patients=first["group"].to_numpy(str),
        studies=first.index.to_numpy(str),
        of=means,
        failed=scores.failed,
    )


def area(estimate: Estimate) -> Number:
    """An area with its interval, cut to 0 to 1."""
    within = replace(estimate, low=max(estimate.low, 0.0), high=min(estimate.high, 1.0))
    return Number.of("area", within)


def _logits(run: Path, probe: str, ids: Sequence[str]) -> Floats:
    """The one output for each film; NaN where it failed."""
    rows = RunDirectory(run).findings()
    rows = rows[(rows["stored"] == LOSSLESS) & (rows["status"] == "ok") & (rows["probe"] == probe)]
    found = {
        case: float(outputs[0])
        for case, outputs in zip(rows["case_id"], rows["outputs_after"], strict=True)
    }
    return np.array([found.get(case, np.nan) for case in ids])
