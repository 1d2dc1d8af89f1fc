"""What the study's audits found: shifts of each scan, as the mean over training seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plexor.cases.image import LOSSLESS
from plexor.findings import CLEAN, RunDirectory
from plexor.findings.study_file import Number
from plexor.stats import (
    Estimate,
    clustered_mean,
    holm,
    mean_absolute_error,
    root_mean_square_error,
    sign_flip_test,
)
from plexor.stats.mover import mover_limits
from plexor.studies.li2020.diagnosis import Diagnosis
from plexor.studies.li2020.plans import GAP, SEED

Values = NDArray[np.float64]
BANDS = ((20, 40), (40, 60), (60, 90))
"""Age bands in years; each includes its lower end, and the last also its upper end."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """All seeds of one network: its findings and diagnoses.

    Attributes:
        name: see ``plans.NETWORKS``.
        findings: (seed, probe, case) → ``group``, ``truth``, ``before``, ``after`` in years.
        diagnoses: one a seed.
        errors: cases that failed.
    """

    name: str
    findings: pd.DataFrame
    diagnoses: tuple[Diagnosis, ...] = ()
    errors: int = 0
    _shifts: dict[str, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str, runs: Sequence[Path], diagnoses: Sequence[Diagnosis] = ()) -> Network:
        """From one run directory for each seed."""
        parts, errors = [], 0
        for seed, run in enumerate(runs):
            rows = RunDirectory(run).findings()
            errors += int((rows["status"] != "ok").sum())
            rows = rows[(rows["stored"] == LOSSLESS) & (rows["status"] == "ok")]
            parts.append(
                pd.DataFrame(
                    {
                        "seed": seed,
                        "probe": rows["probe"].to_numpy(),
                        "case_id": rows["case_id"].to_numpy(),
                        "group": rows["group"].to_numpy(),
                        "truth": rows["truth"].astype(float).to_numpy(),
                        "before": [_first(one) for one in rows["outputs_before"]],
                        "after": [_first(one) for one in rows["outputs_after"]],
                    }
                )
            )
        return cls(
            name=name,
            findings=pd.concat(parts, ignore_index=True),
            diagnoses=tuple(diagnoses),
            errors=errors,
        )

    def find(self, start: str) -> str:
        """The id of the probe with this prefix; "" if there is none."""
        return next(
            (name for name in self.findings["probe"].unique() if name.startswith(start)), ""
        )

    def has(self, probe: str) -> bool:
        """Whether a probe was run on the network."""
        return bool((self.findings["probe"] == probe).any())

    def shifts(self, probe: str) -> pd.DataFrame:
        """By case: ``group``, ``truth``, and means over seeds.

        ``signed`` is the mean shift and ``size`` the mean absolute shift, both in years;
        ``crossed`` is the share of seeds whose absolute shift is at least the gap.
        """
        if probe not in self._shifts:
            rows = self.findings[self.findings["probe"] == probe]
            signed = rows["after"] - rows["before"]
            wide = rows.assign(
                signed=signed, size=signed.abs(), crossed=(signed.abs() >= GAP).astype(float)
            )
            self._shifts[probe] = wide.groupby("case_id").agg(
                group=("group", "first"),
                truth=("truth", "first"),
                signed=("signed", "mean"),
                size=("size", "mean"),
                crossed=("crossed", "mean"),
            )
        return self._shifts[probe]

    def mean(
        self, probe: str, column: str, *, band: tuple[int, int] | None = None
    ) -> Number | None:
        """The mean over cases, clustered by person; None if the probe was not run."""
        if not self.has(probe):
            return None
        rows = self.shifts(probe)
        if band is not None:
            low, high = band
            last = band == BANDS[-1]
            rows = rows[(rows["truth"] >= low) & ((rows["truth"] < high) | last)]
        found = clustered_mean(rows[column].to_numpy(float), rows["group"].to_numpy(str))
        if column == "crossed":
            return Number.of("share", _as_share(found))
        return Number.of("years", found)

    def clean(self) -> pd.DataFrame:
        """By seed and case: truth and prediction of the untouched images."""
        return self.findings[self.findings["probe"] == CLEAN]

    def mae(self) -> Number:
        """Mean absolute error over scans; the mean over seeds is taken first for each scan."""
        rows = self.clean()
        wide = rows.assign(error=(rows["after"] - rows["truth"]).abs()).groupby("case_id")
        errors = wide.agg(group=("group", "first"), error=("error", "mean"))
        found = clustered_mean(errors["error"].to_numpy(float), errors["group"].to_numpy(str))
        return Number.of("years", found)

    def mae_by_seed(self) -> list[Number]:
        """Mean absolute error of each training seed."""
        return [
            Number.of(
                "years",
                mean_absolute_error(part["truth"], part["after"], part["group"].to_numpy(str)),
            )
            for _, part in self.clean().groupby("seed")
        ]

    def rmse(self) -> Number:
        """Root mean squared error over scans and seeds, clustered by person."""
        rows = self.clean()
        groups = rows["group"].to_numpy(str)
        return Number.of("years", root_mean_square_error(rows["truth"], rows["after"], groups))

    def corrected_mae(self) -> Number:
        """Mean absolute error after the correction of the bias by age, see ``Diagnosis``."""
        parts = []
        for seed, part in self.clean().groupby("seed"):
            after = self.diagnoses[int(str(seed))].corrected(part["after"].to_numpy(float))
            parts.append(part.assign(error=np.abs(after - part["truth"])))
        rows = pd.concat(parts)
        if rows["error"].isna().any():
            note = "predictions do not rise with age in the validation split: no correction exists"
            return Number(kind="years", value=None, note=note)
        wide = rows.groupby("case_id").agg(group=("group", "first"), error=("error", "mean"))
        return Number.of(
            "years", clustered_mean(wide["error"].to_numpy(), wide["group"].to_numpy())
        )

    def rescans(self) -> Number:
        """Mean absolute difference of the predictions for two scans of a person, over seeds."""
        rows = self.clean().sort_values("case_id")
        pairs = rows.groupby(["seed", "group"])["after"].agg(["first", "last"])
        each = (pairs["first"] - pairs["last"]).abs().groupby("group").mean()
        return Number.of("years", clustered_mean(each.to_numpy(float)))

    def older(self) -> Number:
        """Mean shift of the prediction of a person who is a year older, over seeds."""
        by_person: dict[str, list[float]] = {}
        for one in itertools.chain.from_iterable(found.older for found in self.diagnoses):
            by_person.setdefault(one.person, []).append(one.shift)
        return Number.of("years", clustered_mean([np.mean(s) for s in by_person.values()]))

    def image_share(self) -> Number:
        """Share of the linear shift that comes from the image, mean over scans and seeds."""
        by_case: dict[tuple[str, str], list[float]] = {}
        for share in itertools.chain.from_iterable(found.shares for found in self.diagnoses):
            whole = share.image + share.features
            if whole > 0:
                by_case.setdefault((share.case_id, share.group), []).append(share.image / whole)
        if not by_case:
            return Number(kind="share", value=None, note="both slopes are zero")
        values, groups = [np.mean(s) for s in by_case.values()], [g for _, g in by_case]
        return Number.of("share", clustered_mean(values, groups))


def old_minus_young(shifts: pd.DataFrame) -> Number:
    """Mean size of the shift in the oldest band minus that in the youngest.

    The two means are of different people; their clustered intervals are squared and added (MOVER:
    Zou & Donner, Stat Med 2008;27:1693).

    Args:
        shifts: as ``Network.shifts`` gives them, or their difference between two networks.
    """
    (low, high), (start, end) = BANDS[0], BANDS[-1]
    young, old = (
        clustered_mean(rows["size"].to_numpy(float), rows["group"].to_numpy(str))
        for rows in (
            shifts[(shifts["truth"] >= low) & (shifts["truth"] < high)],
            shifts[(shifts["truth"] >= start) & (shifts["truth"] <= end)],
        )
    )
    if not (math.isfinite(young.low) and math.isfinite(old.low)):
        return Number(kind="years", value=None, note="too few people in one of the two age groups")
    lower, upper = mover_limits(
        np.array([1.0, -1.0]),
        np.array([old.value, young.value]),
        np.array([old.low, young.low]),
        np.array([old.high, young.high]),
        np.eye(2),
    )
    return Number(
        kind="years",
        value=old.value - young.value,
        low=lower,
        high=upper,
        n=old.n + young.n,
        n_groups=(old.n_groups or 0) + (young.n_groups or 0),
        method="difference of two independent means, their intervals squared and added",
    )


def difference_of(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The ``size`` of one network's shifts minus another's, of the same scans."""
    both = one.merge(other, left_index=True, right_index=True, suffixes=("", "_other"))
    return both.assign(size=both["size"] - both["size_other"])


def relative_difference(
    one: pd.DataFrame, error: float, other: pd.DataFrame, other_error: float
) -> Estimate:
    """Mean shift in units of a network's own clean error, minus another network's.

    A network of twice the error may move twice as far by that alone. The errors are taken as
    known; the interval has the spread of the shifts only.

    Args:
        one: shifts of the first network, see ``Network.shifts``.
        error: its mean absolute error on untouched images, in years, positive.
        other: shifts of the second network on the same scans.
        other_error: its error.
    """
    both = one.merge(other, left_index=True, right_index=True, suffixes=("", "_other"))
    difference = both["size"] / error - both["size_other"] / other_error
    return clustered_mean(difference.to_numpy(float), both["group"].to_numpy(str))


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two sets of shifts of the same scans.

    Attributes:
        name: what is compared.
        difference: mean of the first minus the second, with its interval clustered by person.
        p_value: of the sign-flip permutation of whole persons.
        corrected: the same with Holm's correction over all comparisons of a table.
    """

    name: str
    difference: Estimate
    p_value: float
    corrected: float

    @property
    def shown(self) -> bool:
        """Whether the corrected p-value is below 5 %."""
        return self.corrected < 0.05


def paired(columns: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> list[Paired]:
    """Compares the sizes of shifts in pairs; Holm over all.

    Args:
        columns: name of a comparison → two results of ``Network.shifts`` of the same scans.
    """
    found = []
    for name, (one, other) in columns.items():
        both = one.merge(other, left_index=True, right_index=True, suffixes=("", "_other"))
        first, second = both["size"].to_numpy(float), both["size_other"].to_numpy(float)
        groups = both["group"].to_numpy(str)
        test = sign_flip_test(second, first, groups, seed=SEED)
        found.append((name, clustered_mean(first - second, groups), test.p_value))
    corrected = holm([p for _, _, p in found])
    return [
        Paired(name=name, difference=difference, p_value=p, corrected=float(q))
        for (name, difference, p), q in zip(found, corrected, strict=True)
    ]


def _as_share(found: Estimate) -> Estimate:
    """The mean of shares with its interval cut to 0 to 1."""
    return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))


def _first(outputs: Any) -> float:
    return float(outputs[0]) if len(outputs) else float("nan")
