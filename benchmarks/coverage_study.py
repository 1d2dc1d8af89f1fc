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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from coverage_questions import Codes, Draw, Question, Rows, questions

from plexor import stats

LEVEL = 0.95
CORRELATIONS = (0.0, 0.2, 0.5, 0.8)
LEAST_SHOWN = 0.5

INTRODUCTION = """\
# Coverage of the intervals

How often does an interval that says 95 % hold the true value? For each question below, {repeats:,}
samples of each design were drawn from a population whose true value is known ({few:,} where an
interval resamples); a share is uncertain by ± {error:.3f}. `make coverage-study` writes this page.

*n* observations come in groups (patients) of equal size; two observations of a group have the
correlation given. An interval that ignores groups is right only for groups of one.

![Coverage by interval](coverage.svg)

Each dot is a design; the line is at 95 %. Dots at the left edge lie beyond it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    n: int
    group_size: int
    correlation: float

    def draw(self, one: Draw, rng: np.random.Generator) -> tuple[Rows, Codes]:
        n_groups = max(1, self.n // self.group_size)
        groups = np.repeat(np.arange(n_groups), self.group_size)
        own, shared = one(rng, groups.size), one(rng, n_groups)[groups]
        taken = rng.random(groups.size) < math.sqrt(self.correlation)
        return np.where(taken[:, None], shared, own), groups


def designs(question: Question) -> Iterator[Design]:
    for n in question.n:
        for size in question.group_sizes:
            for correlation in CORRELATIONS if size > 1 else (0.0,):
                yield Design(n=n, group_size=size, correlation=correlation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    question: str
    interval: str
    design: Design
    coverage: float
    undefined: float
    width: float

    @property
    def meant_for(self) -> bool:
        """False for an interval that takes observations of a group as independent."""
        return "ignored" not in self.interval or self.design.group_size == 1


def kept(question: Question, repeats: int) -> list[Row]:
    """The rows of a question, simulated unless this code has done so before."""
    repeats //= 4 if question.resamples else 1
    here = Path(__file__).parent
    code = [*Path(stats.__file__).parent.glob("*.py"), *here.glob("coverage_*.py")]
    digest = hashlib.sha256(f"{question.name} {repeats}".encode())
    for path in sorted(code):
        digest.update(path.read_bytes())
    path = here / ".cache" / "coverage" / f"{digest.hexdigest()[:16]}.json"
    if not path.exists():
        rows = [row for design in designs(question) for row in study(question, design, repeats)]
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
            if not math.isnan(found.low):
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
        )


def page(rows: Sequence[Row], repeats: int) -> str:
    error = math.sqrt(LEVEL * (1 - LEVEL) / repeats)
    low = LEVEL - max(0.02, 3 * error)
    lines = [INTRODUCTION.format(repeats=repeats, few=repeats // 4, error=1.96 * error)]
    lines += _summary(rows, low)
    for question in dict.fromkeys(row.question for row in rows):
        lines += _table(question, [row for row in rows if row.question == question], low)
    return "\n".join(lines) + "\n"


def _summary(rows: Sequence[Row], low: float) -> Iterator[str]:
    yield "## Summary"
    yield ""
    yield (
        "Over the designs an interval is meant for: those of groups of one for intervals that "
        f"ignore groups, all for the others. *Low* counts designs in which fewer than {low:.1%} "
        "of the intervals hold the true value; then the worst of them."
    )
    yield ""
    yield "| quantity | interval | designs | mean | low | least | where |"
    yield "|---|---|---|---|---|---|---|"
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.meant_for and not math.isnan(row.coverage):
            found[row.question, row.interval].append(row)
    for (question, interval), own in found.items():
        worst = min(own, key=lambda row: row.coverage)
        at, n_low = worst.design, sum(row.coverage < low for row in own)
        where = f"n {at.n}"
        if at.group_size > 1:
            where += f" in groups of {at.group_size}, correlation {at.correlation:g}"
        mean = float(np.mean([row.coverage for row in own]))
        yield (
            f"| {question} | {interval.replace(', groups ignored', '')} | {len(own)} | {mean:.3f} "
            f"| {n_low or ''} | {worst.coverage:.3f} | {where} |"
        )


def _table(question: str, rows: Sequence[Row], low: float) -> Iterator[str]:
    names = list(dict.fromkeys(row.interval for row in rows))
    yield ""
    yield f"## {question[0].upper()}{question[1:]}"
    yield ""
    yield (
        f"Coverage (**bold** below {low:.3f}), then the mean width. In brackets, samples that had "
        "no interval; they are left out."
    )
    yield ""
    yield "| n | group | correlation | " + " | ".join(names) + " |"
    yield "|" + "---|" * (3 + len(names))
    for design in dict.fromkeys(row.design for row in rows):
        cells = []
        for row in rows:
            if row.design == design:
                share = f"{row.coverage:.3f}"
                share = f"**{share}**" if row.coverage < low else share
                gone = f" ({row.undefined:.1%} none)" if row.undefined > 0 else ""
                cells.append(f"{share} · {row.width:.3f}{gone}")
        where = f"| {design.n} | {design.group_size} | {design.correlation:g} | "
        yield where + " | ".join(cells) + " |"


def figure(rows: Sequence[Row], path: Path) -> None:
    """One panel a question, one line an interval, one dot a design, coloured by correlation."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "coverage", "font.size": 8})
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(row.question for row in rows))
    lines = [len({row.interval for row in rows if row.question == name}) for name in names]
    columns = 2
    heights = [max(lines[i : i + columns]) for i in range(0, len(names), columns)]
    drawing, axes = plt.subplots(
        len(heights),
        columns,
        figsize=(11, sum(0.24 * height + 0.65 for height in heights) + 0.6),
        height_ratios=heights,
        squeeze=False,
    )
    colours = dict(zip(CORRELATIONS, ("#9aa5b1", "#56b4e9", "#0072b2", "#d55e00"), strict=True))
    for axis, name in zip(axes.flat, names, strict=False):
        own = [row for row in rows if row.question == name]
        intervals = list(dict.fromkeys(row.interval for row in own))
        axis.axvline(LEVEL, color="black", linewidth=0.7, zorder=0)
        for order, (correlation, colour) in enumerate(colours.items()):
            some = [row for row in own if row.design.correlation == correlation]
            axis.scatter(
                [max(row.coverage, LEAST_SHOWN) for row in some],
                [intervals.index(row.interval) + 0.13 * (order - 1.5) for row in some],
                s=7,
                color=colour,
                linewidth=0,
                label=f"correlation {correlation:g}",
            )
        axis.set_yticks(range(len(intervals)), intervals)
        axis.set(title=name, xlim=(LEAST_SHOWN - 0.01, 1.01), ylim=(len(intervals) - 0.5, -0.5))
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.flat[len(names) :]:
        axis.remove()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="upper center", ncols=len(labels), frameon=False)
    drawing.tight_layout(rect=(0, 0, 1, 1 - 0.35 / drawing.get_figheight()))
    drawing.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("docs/reference"))
    options = parser.parse_args()
    rows: list[Row] = []
    for question in questions():
        print(question.name, flush=True)
        rows += kept(question, options.repeats)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "coverage.md").write_text(page(rows, options.repeats), encoding="utf-8")
    figure(rows, options.out / "coverage.svg")


if __name__ == "__main__":
    main()
