"""Which case of one run is which case of another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from plexor.findings.comparison.results import Paired
from plexor.findings.schema import CLEAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Pairs of cases.

    Attributes:
        a: case ids of the first run, (n,).
        b: their partners in the second run, (n,).
        truth: their truth, (n,).
        group: number of the group of each, (n,).
        counts: what was paired and what was not.
    """

    a: tuple[str, ...]
    b: tuple[str, ...]
    truth: tuple[str, ...]
    group: np.ndarray[tuple[int], np.dtype[np.intp]]
    counts: Paired


def pair_cases(
    findings_a: pd.DataFrame,
    findings_b: pd.DataFrame,
    images_a: Mapping[str, str],
    images_b: Mapping[str, str],
) -> Pairing:
    """Pairs the audited cases of two runs by the hashes of their images.

    Where an image occurs several times in a run, cases of the same id are paired, and a single one
    that is left on either side.

    Args:
        findings_a: of the first run.
        findings_b: of the second.
        images_a: case id → hash, as the provenance has it.
        images_b: the same of the second.
    """
    about_a, about_b = _about(findings_a), _about(findings_b)
    pairs, ambiguous = _by_hash(_hashes(about_a, images_a), _hashes(about_b, images_b))
    same = [(a, b) for a, b in pairs if about_a[a]["truth"] == about_b[b]["truth"]]
    groups = [str(about_a[a]["group"]) for a, _ in same]
    paired = {a for a, _ in pairs}, {b for _, b in pairs}
    counts = Paired(
        n=len(same),
        n_groups=len(set(groups)),
        n_only_a=len(about_a.keys() - paired[0] - ambiguous[0]),
        n_only_b=len(about_b.keys() - paired[1] - ambiguous[1]),
        n_ambiguous=len(ambiguous[0]) + len(ambiguous[1]),
        n_truth_differs=len(pairs) - len(same),
        n_group_differs=sum(about_a[a]["group"] != about_b[b]["group"] for a, b in same),
    )
    return Pairing(
        a=tuple(a for a, _ in same),
        b=tuple(b for _, b in same),
        truth=tuple(str(about_a[a]["truth"]) for a, _ in same),
        group=pd.factorize(np.array(groups, dtype=object))[0].astype(np.intp),
        counts=counts,
    )


def _about(findings: pd.DataFrame) -> dict[str, Any]:
    """Case id → truth and group, of every case that a run audited."""
    clean = findings[findings["probe"] == CLEAN]
    rows = (clean if len(clean) else findings).drop_duplicates("case_id")
    records = rows[["case_id", "truth", "group"]].to_dict("records")
    return {str(record["case_id"]): record for record in records}


def _hashes(about: Mapping[str, Any], images: Mapping[str, str]) -> dict[str, list[str]]:
    """Hash → the cases that have it; a case without a known hash is paired with none."""
    found: dict[str, list[str]] = defaultdict(list)
    for case_id in about:
        if case_id in images:
            found[images[case_id]].append(case_id)
    return found


def _by_hash(
    a: Mapping[str, list[str]], b: Mapping[str, list[str]]
) -> tuple[list[tuple[str, str]], tuple[set[str], set[str]]]:
    """Pairs in the order of the first run, and the cases on either side that remain ambiguous."""
    pairs: list[tuple[str, str]] = []
    left: tuple[set[str], set[str]] = set(), set()
    for found in a.keys() & b.keys():
        same = set(a[found]) & set(b[found])
        rest_a, rest_b = set(a[found]) - same, set(b[found]) - same
        pairs += [(name, name) for name in same]
        if len(rest_a) == len(rest_b) == 1:
            pairs.append((rest_a.pop(), rest_b.pop()))
        elif rest_a and rest_b:
            left[0].update(rest_a)
            left[1].update(rest_b)
    return sorted(pairs), left
