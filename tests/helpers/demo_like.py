"""A run with as many probes, cases and kept images as that of ``plexor demo``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.helpers import synthetic_run as synthetic

from plexor.cases.formats.png import PngCodec
from plexor.findings.example import Example
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN

PROBES = (
    synthetic.probe("pgd", "linf", (1, 2, 4), settings=synthetic.PGD),
    synthetic.probe("pgd", "l2", (200,), settings=synthetic.PGD),
)


def write(path: Path, *, n_kept: int = 12) -> RunDirectory:
    """The run directory; its kept images are noise, 96 x 96."""
    run = synthetic.write(path, n_cases=180, probes=PROBES)
    findings, rng, codec = run.findings(), np.random.default_rng(0), PngCodec()
    ids = sorted(findings["case_id"].unique())[:n_kept]
    originals = {case_id: rng.integers(2, 254, (3, 96, 96), np.uint8) for case_id in ids}
    for probe in sorted(set(findings["probe"]) - {CLEAN}):
        examples = [
            Example(
                case_id=case_id,
                probe=probe,
                original=codec.encode(pixels),
                perturbed=codec.encode(pixels + rng.integers(0, 2, pixels.shape, np.uint8)),
                suffix=".png",
            )
            for case_id, pixels in originals.items()
        ]
        run.write_unit(f"examples-{probe}", [], examples)
    return run
