"""The study's cohorts: phantoms, the same with permuted volumes, and real volumes where given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from plexor.cases.manifest import read_manifest
from plexor.cases.phantoms import AgeingConfig, write_phantoms
from plexor.core.csv_text import csv_text
from plexor.core.files import write_atomic
from plexor.core.seeds import seed_for
from plexor.studies.li2020.layout import FEATURES, Scan, read_layout
from plexor.studies.li2020.plans import (
    COHORT,
    NOTHING,
    PERMUTED_COHORT,
    REAL_COHORT,
    SEED,
    Scale,
    splits,
)

SCANS_EACH = 2
_COLUMNS = ("path", "label", "group", "split", f"{NOTHING}_mask", *FEATURES)
Rows = list[dict[str, str]]


def write_cohorts(out: Path, scale: Scale) -> None:
    """Draws the phantoms and writes their two manifests, unless they exist.

    In the second manifest each person has the volumes of another person of the same split.
    """
    drawn = out / "phantoms" / "manifest.csv"
    people = [split for split, n in splits(scale) for _ in range(n)]
    if not drawn.exists():  # it is written last
        write_phantoms(
            "ageing",
            drawn.parent,
            n_cases=SCANS_EACH * len(people),
            seed=SEED,
            config=AgeingConfig(spacing_mm=scale.spacing_mm),
            images_per_group=SCANS_EACH,
        )
    rows = [
        {
            "path": f"{drawn.parent.name}/{row.cells['path']}",
            "label": str(row.cells["label"]),
            "group": str(row.cells["group"]),
            "split": people[number // SCANS_EACH],
            f"{NOTHING}_mask": "",
            **{name: str(row.cells[name]) for name in FEATURES},
        }
        for number, row in enumerate(read_manifest(drawn).rows)
    ]
    _write(out / COHORT, rows)
    _write(out / PERMUTED_COHORT, permuted(rows))


def write_real(out: Path, data: Path) -> tuple[Scan, ...]:
    """Writes the manifest of the real volumes.

    Raises:
        DataError: see ``read_layout``.
    """
    scans = read_layout(data)
    rows = [
        {
            "path": str(scan.path.resolve()),
            "label": f"{scan.age:g}",
            "group": scan.subject,
            "split": "test",
            f"{NOTHING}_mask": "",
            **{name: f"{scan.volumes_ml[name]:.4g}" for name in FEATURES},
        }
        for scan in scans
    ]
    _write(out / REAL_COHORT, rows)
    return scans


def permuted(rows: Sequence[Mapping[str, str]]) -> Rows:
    """The rows with volumes permuted: each person gets those of another person of the same split.

    All scans of a person get the volumes of one other person, so that they are the anatomy of
    one person, and their distribution in each split is unchanged. A split with one person is not
    permuted.
    """
    found: Rows = [dict(row) for row in rows]
    for split in dict.fromkeys(row["split"] for row in rows):
        people = list(dict.fromkeys(row["group"] for row in rows if row["split"] == split))
        volumes = {row["group"]: {name: row[name] for name in FEATURES} for row in rows}
        draw = np.random.default_rng(seed_for(SEED, "permuted", split))
        order = draw.permutation(len(people))
        # a cycle through a random order: nobody keeps their own
        other = {people[a]: people[b] for a, b in zip(order, np.roll(order, 1), strict=True)}
        for row in found:
            if row["split"] == split:
                row.update(volumes[other[row["group"]]])
    return found


def _write(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    cells = ([row.get(column, "") for column in _COLUMNS] for row in rows)
    write_atomic(path, csv_text(_COLUMNS, cells).encode())


def real_cohort(out: Path) -> bool:
    """Whether the study has real volumes beside its phantoms."""
    return (out / REAL_COHORT).exists()
