"""How often each 95 % interval holds the true value: simulated, not claimed.

    python benchmarks/coverage_study.py --repeats 2000 --out docs/reference

writes ``coverage.md`` and ``coverage.svg``. Observations of a group are made alike by letting each
take over its group's own draw, with the root of a correlation as probability. This leaves every
observation's distribution, and so the true value, as it is, and gives any two of a group that
correlation.
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special

from plexor import stats
from plexor.stats import Estimate

LEVEL = 0.95
Rows = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Rows]
Measure = Callable[[Rows, NDArray[np.intp]], Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    n: int
    group_size: int
    correlation: float

    def draw(self, one: Draw, rng: np.random.Generator) -> tuple[Rows, NDArray[np.intp]]:
        n_groups = max(1, self.n // self.group_size)
        groups = np.repeat(np.arange(n_groups), self.group_size)
        own, shared = one(rng, groups.size), one(rng, n_groups)[groups]
        taken = rng.random(groups.size) < math.sqrt(self.correlation)
        return np.where(taken[:, None], shared, own), groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A quantity with its true value, how to draw observations, and the intervals for it."""

    name: str
    truth: float
    one: Draw
    intervals: dict[str, Measure]


def proportion(p: float) -> Question:
    def one(rng: np.random.Generator, n: int) -> Rows:
        return (rng.random(n) < p)[:, None].astype(float)

    def plain(method: stats.proportion.ProportionMethod) -> Measure:
        return lambda rows, _: stats.proportion_interval(int(rows.sum()), len(rows), method=method)

    methods = ("wilson", "clopper-pearson", "mid-p", "agresti-coull", "jeffreys", "wald")
    intervals: dict[str, Measure] = {
        f"{method}, groups ignored": plain(method) for method in methods
    }
    intervals["clustered Wilson"] = lambda rows, g: stats.clustered_proportion(rows[:, 0], g)
    return Question(name=f"proportion {p:g}", truth=p, one=one, intervals=intervals)


def paired(p: float) -> Question:
    """Right before with probability p; a quarter of those right turn wrong."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        before = rng.random(n) < p
        return np.column_stack([before, before & (rng.random(n) < 0.75)]).astype(float)

    def table(rows: Rows, method: stats.paired.PairedMethod) -> Estimate:
        before, after = rows.T > 0
        counts = [int((a & b).sum()) for a in (before, ~before) for b in (after, ~after)]
        return stats.paired_difference_interval(*counts, method=method)

    return Question(
        name=f"paired difference from {p:g}",
        truth=-p / 4,
        one=one,
        intervals={
            "Newcombe, groups ignored": lambda rows, _: table(rows, "newcombe"),
            "Tango, groups ignored": lambda rows, _: table(rows, "tango"),
            "Wald, groups ignored": lambda rows, _: table(rows, "wald"),
            "clustered Newcombe": lambda rows, g: stats.paired_difference(*rows.T, g),
        },
    )


def balanced(p: float) -> Question:
    """Three classes, the rarest of prevalence p; recalls 0.9, 0.8, 0.7."""
    shares, recalls = np.array([1 - 3 * p, 2 * p, p]), np.array([0.9, 0.8, 0.7])

    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = rng.choice(3, n, p=shares)
        right = rng.random(n) < recalls[truth]
        return np.column_stack([truth, np.where(right, truth, (truth + 1) % 3)]).astype(float)

    def measure(rows: Rows, groups: NDArray[np.intp] | None) -> Estimate:
        return stats.balanced_accuracy(*rows.astype(int).T, [0, 1, 2], groups)

    return Question(
        name=f"balanced accuracy, rarest class {p:g}",
        truth=0.8,
        one=one,
        intervals={
            "MOVER, groups ignored": lambda rows, _: measure(rows, None),
            "clustered MOVER": measure,
        },
    )


def area(value: float, p: float) -> Question:
    shift = math.sqrt(2) * float(special.ndtri(value))

    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = rng.random(n) < p
        return np.column_stack([truth, rng.normal(size=n) + shift * truth])

    return Question(
        name=f"ROC area {value:g}, prevalence {p:g}",
        truth=value,
        one=one,
        intervals={
            "DeLong Wald, groups ignored": lambda rows, _: stats.auc(*rows.T, interval="wald"),
            "DeLong logit, groups ignored": lambda rows, _: stats.auc(*rows.T),
            "clustered Wald": lambda rows, g: stats.auc(*rows.T, g, interval="wald"),
            "clustered logit": lambda rows, g: stats.auc(*rows.T, g),
        },
    )


def kappa(value: float, p: float) -> Question:
    """Two raters who call p positive and agree beyond chance by kappa."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        first = rng.random(n) < p
        second = np.where(rng.random(n) < value, first, rng.random(n) < p)
        return np.column_stack([first, second]).astype(float)

    def measure(rows: Rows, groups: NDArray[np.intp] | None) -> Estimate:
        return stats.cohens_kappa(*rows.astype(int).T, [0, 1], groups)

    return Question(
        name=f"kappa {value:g}, prevalence {p:g}",
        truth=value,
        one=one,
        intervals={
            "Fleiss-Cohen-Everitt, groups ignored": lambda rows, _: measure(rows, None),
            "clustered": measure,
        },
    )


def error() -> Question:
    def one(rng: np.random.Generator, n: int) -> Rows:
        return rng.exponential(size=n)[:, None]

    return Question(
        name="mean of an exponential",
        truth=1.0,
        one=one,
        intervals={
            "Student, groups ignored": lambda rows, _: stats.clustered_mean(rows[:, 0]),
            "clustered Student": lambda rows, g: stats.clustered_mean(rows[:, 0], g),
        },
    )


def median() -> Question:
    question = error()
    return Question(
        name="median of an exponential",
        truth=math.log(2),
        one=question.one,
        intervals={
            "Woodruff, groups ignored": lambda rows, _: stats.clustered_quantile(rows[:, 0]),
            "clustered Woodruff": lambda rows, g: stats.clustered_quantile(rows[:, 0], 0.5, g),
        },
    )


def questions() -> Iterator[Question]:
    for p in (0.01, 0.05, 0.1, 0.5):
        yield proportion(p)
    for p in (0.2, 0.8):
        yield paired(p)
    for p in (0.02, 0.1):
        yield balanced(p)
    for value, p in ((0.75, 0.5), (0.95, 0.5), (0.95, 0.1)):
        yield area(value, p)
    for value, p in ((0.4, 0.5), (0.8, 0.2)):
        yield kappa(value, p)
    yield error()
    yield median()


def designs() -> Iterator[Design]:
    for n in (20, 50, 200, 2000):
        yield Design(n=n, group_size=1, correlation=0.0)
        for size in (2, 5, 10):
            for correlation in (0.0, 0.2, 0.5, 0.8):
                yield Design(n=n, group_size=size, correlation=correlation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    question: str
    interval: str
    design: Design
    coverage: float
    undefined: float
    width: float


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


def page(rows: list[Row], repeats: int) -> str:
    error_of_coverage = math.sqrt(LEVEL * (1 - LEVEL) / repeats)
    low = LEVEL - max(0.02, 3 * error_of_coverage)
    introduction = (
        f"Each figure is the share of {repeats} simulated samples whose 95 % interval holds the "
        f"true value (simulation error ± {1.96 * error_of_coverage:.3f}), then the mean width. "
        f"**Bold** is below {low:.3f}. Samples without an interval are left out of the share and "
        "shown in brackets. Written by `benchmarks/coverage_study.py`."
    )
    lines = [
        "# Coverage of the intervals",
        "",
        introduction,
        "",
        "![Coverage by interval](coverage.svg)",
    ]
    for question in dict.fromkeys(row.question for row in rows):
        own = [row for row in rows if row.question == question]
        names = list(dict.fromkeys(row.interval for row in own))
        lines += [
            "",
            f"## {question}",
            "",
            "| n | group | correlation | " + " | ".join(names) + " |",
        ]
        lines.append("|" + "---|" * (3 + len(names)))
        for design in dict.fromkeys(row.design for row in own):
            cells = []
            for row in own:
                if row.design == design:
                    share = f"{row.coverage:.3f}"
                    share = f"**{share}**" if row.coverage < low else share
                    gone = f" ({row.undefined:.0%} none)" if row.undefined > 0 else ""
                    cells.append(f"{share} · {row.width:.3f}{gone}")
            where = f"| {design.n} | {design.group_size} | {design.correlation:g} | "
            lines.append(where + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def figure(rows: list[Row], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(row.question for row in rows))
    columns = 3
    height = math.ceil(len(names) / columns)
    drawing, axes = plt.subplots(height, columns, figsize=(13, 3.2 * height), squeeze=False)
    for axis, name in zip(axes.flat, names, strict=False):
        own = [row for row in rows if row.question == name]
        for index, interval in enumerate(dict.fromkeys(row.interval for row in own)):
            found = [row for row in own if row.interval == interval]
            place = [row.design.correlation + 0.02 * index for row in found]
            axis.plot(place, [row.coverage for row in found], ".", label=interval, alpha=0.7)
        axis.axhline(LEVEL, color="black", linewidth=0.8)
        axis.set(title=name, ylim=(0.4, 1.01), xlabel="correlation in a group", ylabel="coverage")
        axis.legend(fontsize=6)
    for axis in axes.flat[len(names) :]:
        axis.remove()
    drawing.tight_layout()
    drawing.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("docs/reference"))
    options = parser.parse_args()
    rows: list[Row] = []
    for question in questions():
        print(question.name, flush=True)
        for design in designs():
            rows += study(question, design, options.repeats)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "coverage.md").write_text(page(rows, options.repeats), encoding="utf-8")
    figure(rows, options.out / "coverage.svg")


if __name__ == "__main__":
    main()
