"""Command line of the mutation run; see ``python -m scripts.mutants --help``."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from scripts.mutants.areas import AREAS, FOLDER, ROOT, Area
from scripts.mutants.operators import Mutant, mutants_of
from scripts.mutants.results import Results, write_page


def main() -> int:
    """Draws mutants, runs what has no result yet, writes the page."""
    options = _options()
    areas = [area for area in AREAS if area.name in (options.area or [a.name for a in AREAS])]
    if options.tests:
        areas = [replace(area, tests=tuple(options.tests), always=()) for area in areas]
    everything = {area.name: _all(area) for area in (areas if options.run_one else AREAS)}
    drawn = {name: _drawn(name, some, options) for name, some in everything.items()}
    if options.run_one:
        from scripts.mutants.runner import run_area

        (area,) = areas
        results = Results(area.name)
        left = [m for m in drawn[area.name] if _is_left(results.status(m), options.survivors)]
        return run_area(area, left, results, options.only, options.seconds) if left else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "scripts.mutants",
        "--run-one",
        "--sample",
        str(options.sample),
    ]
    command += ["--seed", str(options.seed), "--seconds", str(options.seconds)]
    command += ["--survivors"] if options.survivors else []
    command += ["--tests", *options.tests] if options.tests else []
    command += ["--only", options.only]

    def run(area: Area) -> int:
        with (FOLDER / f"{area.name}.log").open("w") as log:
            done = subprocess.run(  # noqa: S603 (this interpreter)
                [*command, "--area", area.name],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        print(f"{area.name}: {'done' if done.returncode == 0 else 'see ' + log.name}", flush=True)
        return done.returncode

    statuses = [0]
    if not options.page_only:
        with ThreadPoolExecutor(options.jobs) as pool:
            statuses = list(pool.map(run, areas))
    sizes = {name: len(some) for name, some in everything.items()}
    print(write_page(drawn, sizes, options.seed))
    return max(statuses)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.mutants", description=__doc__)
    names = [area.name for area in AREAS]
    parser.add_argument("--area", action="append", choices=names, help="only this one; repeatable")
    parser.add_argument("--sample", type=int, default=50, help="mutants an area; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--seconds", type=float, default=30.0, help="of tests for a mutant")
    parser.add_argument("--jobs", type=int, default=2, help="areas at a time")
    parser.add_argument("--survivors", action="store_true", help="run survivors, and nothing else")
    parser.add_argument(
        "--tests", nargs="+", help="patterns under tests, e.g. of new ones, in place of the area's"
    )
    parser.add_argument("--only", default="", help="tests of these names, as for pytest -k")
    parser.add_argument("--page-only", action="store_true", help="write the page of what is known")
    parser.add_argument("--run-one", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _all(area: Area) -> list[Mutant]:
    return [mutant for file in area.module_files() for mutant in mutants_of(file)]


def _drawn(name: str, mutants: list[Mutant], options: argparse.Namespace) -> list[Mutant]:
    """A sample that stays the same where the code does: those of the least hashes."""

    def place(mutant: Mutant) -> str:
        return hashlib.sha256(f"{options.seed}-{name}-{mutant.identity}".encode()).hexdigest()

    return sorted(mutants, key=place)[: options.sample or None]


def _is_left(status: object, survivors: bool) -> bool:
    return status == "survived" if survivors else status is None


if __name__ == "__main__":
    sys.exit(main())
