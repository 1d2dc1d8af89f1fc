"""An audit on one Ray worker and on two, of one thread each, after both are warm."""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from functools import partial
from pathlib import Path

import ray
from measuring import Timing, interleaved, spread, write_result
from subject import phantoms, trained

from plexor.audits import Ray, audit
from plexor.models import Model

STEPS, RADIUS, UNIT = 20, 2.0, 32


def plan_of(manifest: Path) -> dict[str, object]:
    threat = {"norm": "linf", "radius": RADIUS}
    return {
        "cohort": {"manifest": str(manifest.resolve()), "audit": None},
        "probes": [{"attack": "pgd", "steps": STEPS, "threat": threat}],
        "unit_size": UNIT,
    }


def once(plan: dict[str, object], model: Model, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        audit(plan, out=Path(folder) / "run", model=model, executor=Ray(workers=workers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", default="densenet121")
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("two workers need two processors")
    model, plan = trained(options.architecture), plan_of(phantoms(options.n, seed=1))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    once(plan_of(phantoms(4 * UNIT, seed=1)), model, 2)  # both workers have imported everything
    timings: dict[str, list[Timing]] = interleaved(
        {str(workers): partial(once, plan, model, workers) for workers in (1, 2)}, options.repeats
    )
    one, two = ([timing.wall for timing in timings[workers]] for workers in ("1", "2"))
    row = {
        "name": f"{options.architecture}, n = {options.n}",
        "one": spread(one),
        "two": spread(two),
        "speedup": spread([a / b for a, b in zip(one, two, strict=True)]),
    }
    settings = {"steps": STEPS, "radius": RADIUS, "unit": UNIT, "repeats": options.repeats}
    write_result("workers", settings, [row])
    ray.shutdown()


if __name__ == "__main__":
    main()
