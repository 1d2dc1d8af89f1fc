"""The page and the figure of a coverage study."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from coverage_question import CORRELATIONS, LEVEL, Row, standard_error

LEAST_SHOWN = 0.5

ON_REQUEST = (
    "agresti-coull",
    "clopper-pearson",
    "cluster percentile",
    "cluster studentised",
    "clustered logit",
    "clustered McNemar, Durkalski",
    "DeLong Wald",
    "DeLong logit",
    "Fleiss-Cohen-Everitt",
    "ICC(A,1), F",
    "jeffreys",
    "McNemar asymptotic",
    "McNemar exact",
    "McNemar mid-p",
    "mid-p",
    "Miettinen-Nurminen",
    "Tango",
    "Wald",
    "wald",
)
"""How the names of intervals and tests begin that a user must ask for; all others are defaults."""

INTRODUCTION = Path(__file__).with_name("coverage_introduction.txt")


def page(rows: Sequence[Row]) -> str:
    few, repeats = (found(row.repeats for row in rows) for found in (min, max))
    error, more = (1.96 * standard_error(n) for n in (repeats, few))
    introduction = INTRODUCTION.read_text(encoding="utf-8")
    lines = [introduction.format(repeats=repeats, few=few, error=error, more=more)]
    intervals, tests = ([row for row in rows if row.is_test is kind] for kind in (False, True))
    lines += _shortfalls(rows)
    lines += _summary(intervals)
    lines += _test_summary(tests)
    for question in dict.fromkeys(row.question for row in rows):
        lines += _table(question, [row for row in rows if row.question == question])
    return "\n".join(lines) + "\n"


def _shortfalls(rows: Sequence[Row]) -> Iterator[str]:
    yield "## Where a default falls short"
    yield ""
    yield (
        "Defaults that hold the true value clearly too seldom, or reject clearly too often, in "
        "some design: by 2 percentage points and by 3 standard errors of the simulation. All "
        "others hold what they say in all designs of this page. The documentation of each of "
        "these functions says so, too. The signed-rank and sign-flip tests assume that changes "
        "are symmetric about 0; exponential changes are not, and their rows there show what that "
        "costs."
    )
    yield ""
    yield "| quantity or hypothesis | interval or test | designs | fall short | worst | where |"
    yield "|---|---|---|---|---|---|"
    for (question, interval), own in _meant_for(rows).items():
        short = [row for row in own if row.low]
        if interval.startswith(ON_REQUEST) or not short:
            continue
        worst = min(short, key=lambda row: row.coverage)
        share = f"rejects {1 - worst.coverage:.3f}" if worst.is_test else f"{worst.coverage:.3f}"
        name = interval.replace(", groups ignored", "")
        yield (
            f"| {question} | {name} | {len(own)} | {len(short)} | {share} | {worst.design.words} |"
        )
    yield ""


def _meant_for(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.meant_for and not math.isnan(row.coverage):
            found[row.question, row.interval].append(row)
    return found


def _summary(rows: Sequence[Row]) -> Iterator[str]:
    yield "## Summary of the intervals"
    yield ""
    yield (
        "Over the designs an interval is meant for: those of groups of one for intervals that "
        "ignore groups, all for the others. *Low* counts designs in which clearly fewer intervals "
        "than 95 % hold the true value (by 2 percentage points and by 3 standard errors of the "
        "simulation); then the worst of them, and the worst of those with unequal groups. By the "
        "chance of the simulation the worst of 30 designs that all cover 95 % is "
        f"{_least_by_chance(rows, 30):.3f} on average."
    )
    yield ""
    yield "| quantity | interval | designs | mean | low | least | where | least, unequal groups |"
    yield "|---|---|---|---|---|---|---|---|"
    for (question, interval), own in _meant_for(rows).items():
        worst = min(own, key=lambda row: row.coverage)
        uneven = [row.coverage for row in own if not row.design.group_size]
        mean = float(np.mean([row.coverage for row in own]))
        yield (
            f"| {question} | {interval.replace(', groups ignored', '')} | {len(own)} | {mean:.3f} "
            f"| {sum(row.low for row in own) or ''} | {worst.coverage:.3f} | {worst.design.words} "
            f"| {f'{min(uneven):.3f}' if uneven else ''} |"
        )


def _least_by_chance(rows: Sequence[Row], n_designs: int) -> float:
    """The mean of the least of so many simulated coverages of 95 %."""
    repeats = min(row.repeats for row in rows)
    rng = np.random.default_rng(0)
    return float(rng.binomial(repeats, LEVEL, (10_000, n_designs)).min(axis=1).mean()) / repeats


def _test_summary(rows: Sequence[Row]) -> Iterator[str]:
    yield ""
    yield "## Summary of the tests"
    yield ""
    yield (
        "How often a test rejects at 0.05 where its hypothesis holds (type-I error), over the "
        "designs it is meant for. *High* counts designs in which it clearly rejects too often, "
        "*conservative* those in which it rejects in less than half of 5 %."
    )
    yield ""
    yield (
        "| hypothesis | test | designs | mean | high | most | where | most, unequal groups | "
        "conservative |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for (question, test), own in _meant_for(rows).items():
        errors = [1 - row.coverage for row in own]
        worst = max(own, key=lambda row: 1 - row.coverage)
        uneven = [1 - row.coverage for row in own if not row.design.group_size]
        yield (
            f"| {question} | {test.replace(', groups ignored', '')} | {len(own)} "
            f"| {np.mean(errors):.3f} | {sum(row.low for row in own) or ''} | {max(errors):.3f} "
            f"| {worst.design.words} | {f'{max(uneven):.3f}' if uneven else ''} "
            f"| {sum(error < 0.025 for error in errors) or ''} |"
        )


def _table(question: str, rows: Sequence[Row]) -> Iterator[str]:
    names = list(dict.fromkeys(row.interval for row in rows))
    yield ""
    yield f"## {question[0].upper()}{question[1:]}"
    yield ""
    if rows[0].is_test:
        yield "Share of studies in which the test rejects at 0.05 (**bold** where too often)."
    else:
        yield (
            "Coverage (**bold** where low), then the mean width. In brackets, samples that had no "
            "interval; they are left out."
        )
    yield ""
    yield "| n | group | correlation | samples | " + " | ".join(names) + " |"
    yield "|" + "---|" * (4 + len(names))
    for design in dict.fromkeys(row.design for row in rows):
        own = {row.interval: row for row in rows if row.design == design}
        size = str(design.group_size) if design.group_size else "unequal"
        n = str(design.n) if design.group_size else f"{design.n} groups"
        where = f"| {n} | {size} | {design.correlation:g} "
        where += f"| {next(iter(own.values())).repeats} | "
        yield where + " | ".join(_cell(own[name]) if name in own else "" for name in names) + " |"


def _cell(row: Row) -> str:
    if row.is_test:
        share = f"{1 - row.coverage:.3f}"
        return f"**{share}**" if row.low else share
    share = f"**{row.coverage:.3f}**" if row.low else f"{row.coverage:.3f}"
    gone = f" ({row.undefined:.1%} none)" if row.undefined > 0 else ""
    return f"{share} · {row.width:.3f}{gone}"


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
    colours = dict(zip(CORRELATIONS, ("#9aa5b1", "#56b4e9", "#d55e00"), strict=True))
    for axis, name in zip(axes.flat, names, strict=False):
        own = [row for row in rows if row.question == name]
        intervals = list(dict.fromkeys(row.interval for row in own))
        axis.axvline(LEVEL, color="black", linewidth=0.7, zorder=0)
        for order, (correlation, colour) in enumerate(colours.items()):
            some = [row for row in own if row.design.correlation == correlation]
            axis.scatter(
                [max(row.coverage, LEAST_SHOWN) for row in some],
                [intervals.index(row.interval) + 0.13 * (order - 1) for row in some],
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
