"""How long the manifest of a data set of CheXpert's size takes, from table and folders."""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measuring import interleaved, seconds, write_result

from plexor.cases.sources import make_manifest
from plexor.cases.sources.chexpert import LABELS
from plexor.core.csv_text import csv_text

CELLS = ("1.0", "0.0", "-1.0", "")
SHARES = (0.18, 0.06, 0.05, 0.71)
"""Of CheXpert's training table: positive, negative, uncertain, blank."""
STUDIES_A_PATIENT = 3
FRONTAL_ONLY = 0.85
"""Share of studies without a lateral film."""


def films(n: int, draw: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Paths of films with their views; about 1.2 films a study and 3 studies a patient."""
    made = 0
    for study in range(n):
        patient, number = divmod(study, STUDIES_A_PATIENT)
        folder = f"CheXpert-v1.0-small/train/patient{patient + 1:05d}/study{number + 1}"
        views = ("frontal",) if draw.random() < FRONTAL_ONLY else ("frontal", "lateral")
        for place, view in enumerate(views, 1):
            if made == n:
                return
            yield f"{folder}/view{place}_{view}.jpg", view
            made += 1


def write_layout(folder: Path, n: int) -> None:
    """A table of ``n`` rows, and an empty file for each."""
    draw = np.random.default_rng(0)
    cells = draw.choice(CELLS, (n, len(LABELS)), p=SHARES)
    ages = draw.integers(18, 91, n)
    rows = []
    for number, (path, view) in enumerate(films(n, draw)):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        side = "AP" if view == "frontal" else ""
        rows.append([path, "Female", ages[number], view.title(), side, "", *cells[number]])
    columns = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", *LABELS]
    table = folder / "CheXpert-v1.0-small" / "train.csv"
    table.write_text(csv_text(columns, rows), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=225_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_layout(folder / "data", options.rows)

        def make(ending: str) -> None:
            _, counts = make_manifest("chexpert", folder / "data", folder / f"made{ending}")
            if counts.n_images != options.rows:
                raise SystemExit(f"{counts.n_images} images, expected {options.rows}")

        contenders = {
            "to Parquet": lambda: make(".parquet"),
            "to CSV": lambda: make(".csv"),
        }
        timings = interleaved(contenders, options.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [
        {"what": name, "n": options.rows, "seconds": seconds(times), "peak_mib": peak}
        for name, times in timings.items()
    ]
    write_result("source_manifest", vars(options), rows)


if __name__ == "__main__":
    main()
