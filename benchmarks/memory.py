"""Peak memory of an audit of 800 images and of one of 8,000, each in a process of its own."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import write_result
from subject import phantoms, trained

SIZES = (800, 8000)


def plan_of(n_cases: int) -> dict[str, object]:
    threat = {"norm": "linf", "radius": 2}
    return {
        "cohort": {"manifest": str(phantoms(n_cases, seed=1).resolve()), "audit": None},
        "probes": [{"attack": "pgd", "steps": 5, "threat": threat}],
    }


def one(n_cases: int) -> None:
    """Carries one audit out and prints the peaks before it and after it, in MiB."""
    from plexor.audits import audit

    model = trained("small-cnn")
    before = _peak_mib()
    with tempfile.TemporaryDirectory() as folder:
        audit(plan_of(n_cases), out=Path(folder) / "run", model=model)
    print(json.dumps({"n": n_cases, "peak_mib": _peak_mib(), "peak_before_mib": before}))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=int, help="audit so many images in this process")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if options.one:
        one(options.one)
        return
    trained("small-cnn")
    rows = []
    for n_cases in SIZES:
        phantoms(n_cases, seed=1)
    for _ in range(options.repeats):
        for n_cases in SIZES:
            command = [sys.executable, __file__, "--one", str(n_cases)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(rows[-1], flush=True)
    write_result("memory", {"repeats": options.repeats, "steps": 5}, rows)


if __name__ == "__main__":
    main()
