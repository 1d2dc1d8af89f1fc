"""How often each 95 % interval holds the true value: simulated, not claimed.

    python benchmarks/coverage_study.py --repeats 2000 --out docs/reference

writes ``coverage.md`` and ``coverage.svg``. What is done is kept in ``benchmarks/.cache/coverage``,
by question, repeats and code; a study that was stopped goes on there.

Observations of a group are made alike by letting each take over its group's own draw, with the root
of a correlation as probability. This leaves every observation's distribution, and so the true
value, as it is, and gives any two of a group that correlation.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import coverage_agreement
import coverage_numbers
import coverage_readers
import coverage_roc
import coverage_shares
import coverage_tests
import numpy as np
from coverage_page import figure, page
from coverage_question import LEVEL, Design, Question, Row, designs

from plexor import stats

TOPICS = (
    coverage_shares,
    coverage_roc,
    coverage_readers,
    coverage_agreement,
    coverage_numbers,
    coverage_tests,
)


def kept(question: Question, repeats: int) -> list[Row]:
    """The rows of a question, simulated unless this code has done so before."""
    here = Path(__file__).parent
    code = {*Path(stats.__file__).parent.glob("*.py"), *here.glob("coverage_*.py")}
    code.remove(here / "coverage_page.py")
    digest = hashlib.sha256(f"{question.name} {repeats}".encode())
    for path in sorted(code):
        digest.update(path.read_bytes())
    path = here / ".cache" / "coverage" / f"{digest.hexdigest()[:16]}.json"
    if not path.exists():
        rows = [
            row
            for design in designs(question)
            for row in study(
                question, design, repeats // (4 if design.n >= question.slow_from else 1)
            )
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([asdict(row) for row in rows]))
    found = json.loads(path.read_text())
    return [Row(**row | {"design": Design(**row["design"])}) for row in found]


def study(question: Question, design: Design, repeats: int) -> Iterator[Row]:
    held: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    key = zlib.crc32(f"{question.name}|{design}".encode())
    for repeat in range(repeats):
        rows, groups = design.draw(question.one, np.random.default_rng([key, repeat]))
        for name, measure in question.intervals.items():
            found = measure(rows, groups)
            if isinstance(found, stats.TestResult):
                # An undefined p-value rejects nothing.
                held[name].append((not found.p_value < 1 - LEVEL, math.nan))
            elif not math.isnan(found.low):
                inside = found.low <= question.truth <= found.high
                held[name].append((inside, found.high - found.low))
    for name in question.intervals:
        inside, widths = zip(*held[name], strict=True) if held[name] else ((), ())
        yield Row(
            question=question.name,
            interval=name,
            design=design,
            coverage=float(np.mean(inside)) if inside else math.nan,
            undefined=1 - len(inside) / repeats,
            width=float(np.mean(widths)) if widths else math.nan,
            repeats=repeats,
            is_test=math.isnan(question.truth),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("docs/reference"))
    parser.add_argument("--only", default="", help="part of a question's name, for a look at it")
    options = parser.parse_args()
    rows: list[Row] = []
    for question in (one for topic in TOPICS for one in topic.questions()):
        if options.only not in question.name:
            continue
        print(question.name, flush=True)
        rows += kept(question, options.repeats)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "coverage.md").write_text(page(rows, options.repeats), encoding="utf-8")
    figure(rows, options.out / "coverage.svg")


if __name__ == "__main__":
    main()
