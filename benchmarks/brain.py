"""Ageing phantoms drawn a second, and peak memory of one perturbation fitted on 100 and on 1,000.

Each in a process of its own. The volumes that the perturbation is fitted on are noise of 32³
voxels, since neither time nor memory depends on what they show; as many steps are made as there are
batches, so that every volume is read.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from measuring import write_result

SIZES = (100, 1000)
EDGE, FIT_BATCH = 32, 8


def phantoms(n: int) -> dict[str, object]:
    """Draws people of one scan each and writes their files."""
    from plexor.cases.phantoms import AgeingConfig, write_phantoms

    with tempfile.TemporaryDirectory() as folder:
        config = AgeingConfig(spacing_mm=4)

        def draw(first: str, many: int) -> None:
            write_phantoms(
                "ageing",
                Path(folder) / first,
                n_cases=many,
                seed=0,
                config=config,
                images_per_group=1,
            )

        draw("warm", 1)  # reads the template
        before, start = _peak_mib(), time.process_time()
        draw("all", n)
        seconds = time.process_time() - start
    return _row("phantoms of 4 mm, a scan each", n, seconds, before)


def fit(n: int) -> dict[str, object]:
    """Fits one perturbation on that many volumes, in an audit that judges it on two."""
    from plexor.audits import audit
    from plexor.models import Preprocess, Regression, TorchModel
    from plexor.models.architectures import build_network

    torch.manual_seed(0)
    network = build_network("small-cnn", spatial_dims=3, channels=1, n_outputs=1)
    model = TorchModel(network, task=Regression(unit="a"), preprocess=Preprocess(window=(0, 255)))
    with tempfile.TemporaryDirectory() as folder:
        root, draw = Path(folder), np.random.default_rng(0)
        lines = ["path,label,group,split"]
        for case in range(n + 2):
            voxels = draw.integers(0, 256, (EDGE,) * 3, dtype=np.uint8)
            nib.Nifti1Image(voxels, np.eye(4)).to_filename(root / f"{case}.nii")
            lines.append(f"{case}.nii,{case},{case},{'fit' if case < n else 'test'}")
        (root / "cohort.csv").write_text("\n".join(lines) + "\n")
        plan = {
            "cohort": {"manifest": str(root / "cohort.csv"), "audit": "test"},
            "probes": [
                {
                    "attack": "universal-sgd",
                    "steps": -(-n // FIT_BATCH),
                    "fit": "fit",
                    "fit_batch": FIT_BATCH,
                    "goal": {"raise": 5},
                    "threat": {"norm": "linf", "radius": 2},
                }
            ],
            "visibility": {"observer": "none"},
        }
        before, start = _peak_mib(), time.process_time()
        audit(plan, out=root / "run", model=model)
        seconds = time.process_time() - start
    return _row("one perturbation fitted on volumes of 32³", n, seconds, before)


def _row(what: str, n: int, seconds: float, before: float) -> dict[str, object]:
    return {
        "what": what,
        "n": n,
        "seconds": seconds,
        "per_second": n / seconds,
        "before_mib": before,
        "peak_mib": _peak_mib(),
    }


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "N"), help="measure in this process")
    options = parser.parse_args()
    measures = {"phantoms": phantoms, "fit": fit}
    if options.one:
        what, n = options.one
        print(json.dumps(measures[what](int(n))))
        return
    rows = []
    for what, n in [("phantoms", 40), *(("fit", size) for size in SIZES)]:
        command = [sys.executable, __file__, "--one", what, str(n)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    write_result("brain", {"fit_batch": FIT_BATCH}, rows)


if __name__ == "__main__":
    main()
