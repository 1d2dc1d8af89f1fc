"""How often each 95 % interval holds the true value, and each test rejects: simulated, not claimed.

    python benchmarks/coverage_study.py --repeats 1000 --out docs/reference

writes ``coverage.md`` and ``coverage.svg``. Samples are drawn in rounds of 250: the first round of
every question, then the second, and so on. A round is kept in ``benchmarks/.cache/coverage`` under
a digest of the code it depends on, so that a study that was stopped resumes, and after a change
only the questions that depend on it are simulated again. ``--repeats 250`` writes the page from the
first round of each question, ``--page-only`` from the rounds there are.

Observations of a group are made alike by letting each take over its group's own draw, with the root
of a correlation as probability. This leaves every observation's distribution, and so the true
value, as it is, and gives any two of a group that correlation.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import coverage_agreement
import coverage_numbers
import coverage_readers
import coverage_roc
import coverage_shares
import coverage_tests
from coverage_code import digest
from coverage_page import figure, page
from coverage_question import Design, Question, Row, designs
from coverage_round import ROUND, Tally, simulated

TOPICS = (
    coverage_shares,
    coverage_roc,
    coverage_readers,
    coverage_agreement,
    coverage_numbers,
    coverage_tests,
)
FIRST = 2 * ROUND
"""Samples of a slow design; others have as many as are asked for."""

CACHE = Path(__file__).parent / ".cache" / "coverage"


def questions() -> Iterator[tuple[str, Question]]:
    """Each question, and the file it is in."""
    for topic in TOPICS:
        for question in topic.questions():
            yield str(topic.__file__), question


def kept(name: str, start: int, *, simulate: bool = True) -> list[Tally]:
    """The tallies of one round of a question, simulated unless this code has done so before."""
    file, question = next(one for one in questions() if one[1].name == name)
    path = CACHE / f"{digest(question, Path(file))}-{start}.json"
    if not path.exists() and not simulate:
        return []
    if not path.exists():
        began = time.perf_counter()
        tallies = [
            tally
            for design in designs(question)
            if start < FIRST or not question.slow(design)
            for tally in simulated(question, design, start)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps([asdict(tally) for tally in tallies], default=int))
        draft.replace(path)
        print(f"{name}, from {start}: {time.perf_counter() - began:.0f} s", flush=True)
    return [Tally.from_json(tally) for tally in json.loads(path.read_text())]


def row(question: Question, tallies: list[Tally]) -> Row:
    """A row of the page from the rounds of one interval in one design."""
    held, defined, repeats = (
        sum(getattr(tally, field) for tally in tallies) for field in ("held", "defined", "repeats")
    )
    return Row(
        question=question.name,
        interval=tallies[0].interval,
        design=tallies[0].design,
        coverage=held / defined if defined else math.nan,
        undefined=1 - defined / repeats,
        width=sum(tally.width for tally in tallies) / defined if defined else math.nan,
        repeats=repeats,
        is_test=question.is_test,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000, help=f"a multiple of {ROUND}")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/reference"))
    parser.add_argument(
        "--page-only", action="store_true", help="write the page of the rounds that are kept"
    )
    parser.add_argument("--only", default="", help="part of a question's name, for a look at it")
    options = parser.parse_args()
    if options.repeats < ROUND or options.repeats % ROUND:
        parser.error(f"--repeats must be a multiple of {ROUND}, got {options.repeats}")
    asked = [one for _, one in questions() if options.only in one.name]
    rounds = [(one.name, start) for start in range(0, options.repeats, ROUND) for one in asked]
    with ProcessPoolExecutor(options.workers) as pool:
        found = pool.map(partial(kept, simulate=not options.page_only), *zip(*rounds, strict=True))
        done = dict(zip(rounds, found, strict=True))
    rows = []
    for question in asked:
        own: dict[tuple[Design, str], list[Tally]] = defaultdict(list)
        for start in range(0, options.repeats, ROUND):
            for tally in done[question.name, start]:
                own[tally.design, tally.interval].append(tally)
        rows += [row(question, tallies) for tallies in own.values()]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "coverage.md").write_text(page(rows), encoding="utf-8")
    figure(rows, options.out / "coverage.svg")


if __name__ == "__main__":
    main()
