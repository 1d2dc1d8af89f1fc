"""Where one method's maps lie, over all cases with a tag."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plexor.attention import InMaskByCase, ratio_of_means, sanity, summed_up
from plexor.audits.tags.record import CaseRecord, MapRecord
from plexor.cases import Case
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.tag_results import MapResult
from plexor.stats import clustered_mean

Floats = NDArray[np.float64]
Pairs = Sequence[tuple[Case, CaseRecord]]


def map_result(name: str, title: str, tagged: Pairs) -> MapResult:
    """Where one method's maps lie, over the cases with a tag."""
    found = [(case, record.maps[name]) for case, record in tagged if name in record.maps]
    groups = [case.group for case, _ in found]
    records = [record for _, record in found]
    own = summed_up(
        InMaskByCase(
            share=_column(records, "share"),
            area=_column(records, "area"),
            pointing=_column(records, "pointing"),
            sensitivity=_column(records, "sensitivity"),
        ),
        groups,
    )
    asked = [(case, record) for case, record in found if record.random_asked]
    check = sanity(
        _column([record for _, record in asked], "random_weights"), [c.group for c, _ in asked]
    )
    return MapResult(
        method=title,
        share=StoredEstimate.of(own.share),
        area=StoredEstimate.of(own.area),
        ratio=StoredEstimate.of(own.ratio),
        elsewhere=_ratio(records, "elsewhere", "elsewhere_area", groups),
        pointing=StoredEstimate.of(own.pointing),
        sensitivity=StoredEstimate.of(own.sensitivity),
        ratio_covered=_ratio(records, "covered", "area", groups),
        correlation=_mean(records, "correlation", groups).within(-1, 1),
        correlation_outside=_mean(records, "outside", groups).within(-1, 1),
        random_weights=StoredEstimate.of(check.correlation).within(-1, 1),
        verdict=check.verdict,
        n_flat=own.n_flat,
    )


def _column(records: Sequence[MapRecord], name: str) -> Floats:
    found = [getattr(record, name) for record in records]
    return np.array([np.nan if value is None else value for value in found], dtype=float)


def _ratio(
    records: Sequence[MapRecord], above: str, below: str, groups: Sequence[str]
) -> StoredEstimate:
    share, area = _column(records, above), _column(records, below)
    known = np.flatnonzero(~np.isnan(share)).tolist()
    names = [groups[i] for i in known]
    return StoredEstimate.of(ratio_of_means(share[known], area[known], names))


def _mean(records: Sequence[MapRecord], name: str, groups: Sequence[str]) -> StoredEstimate:
    values = _column(records, name)
    known = np.flatnonzero(~np.isnan(values)).tolist()
    return StoredEstimate.of(clustered_mean(values[known], [groups[i] for i in known]))
