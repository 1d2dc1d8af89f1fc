"""Writes the pages on statistics whose figures are computed: oracles, and two areas of a paper.

    .venv/bin/python docs/generate_statistics.py

tests/unit/test_stats_docs.py checks that the pages in the repository are current.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

from scipy import optimize, special

from plexor.stats import PairedAucPlan

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from tests.helpers.oracles import COMPARISONS  # noqa: E402 (found through the line above)

# Yi et al., AJR 2022;218:714: all pixels, and tags covered.
AREAS = (0.844, 0.857)
PRINTED_P = 0.02
CORRELATIONS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
POSITIVES = (100, 200, 500, 1000, 2000)
RATIOS = (1.0, 2.0, 4.0)

ORACLES = """\
# Oracles

What the functions of `plexor.stats` give beside what other programs give for the same data: the
largest relative difference among the figures compared, rounded up to a power of ten. Where either
side stops an iteration (a root, a maximum of a likelihood), digits end with it. The other programs'
scripts and their output are in `tests/oracle/golden`; the tests beside them compare with closed
forms, identities and published examples too. Written by `docs/generate_statistics.py`.

| function | figures | oracle | how many | largest relative difference |
|---|---|---|---|---|
"""

PAIRED = """\
# When is 0.844 against 0.857 significant?

Yi et al. (*AJR* 2022;218:714) report that a network which reads bone radiographs has an area under
the ROC curve of 0.844, and of 0.857 with the technologists' tags covered, *p* = .02. Whether a
difference of 0.013 is significant depends on two numbers: how many cases there were, and how alike
the two models rate them. This page asks which of these give *p* = .02.

Take ratings that are normal and of equal spread in both classes. The variance of the difference of
two empirical areas is then known exactly ([`PairedAucPlan`][plexor.stats.PairedAucPlan]), and so is
*p* of [DeLong's test][plexor.stats.delong_test] where it finds just these two areas and this
variance.

![Cases needed, by correlation of ratings](paired-areas.svg)

So many positive cases give *p* = .02, by the correlation of the two models' ratings within a class
and the number of negatives to a positive; in brackets for *p* = .025 and .015, which are printed
the same:

{needed}

And *p* for these numbers of positives, with as many negatives:

{p_values}

- Two models that rate nearly alike need a few hundred cases of each class, or fewer; models that
  agree less need thousands.
- With the same number of cases, the same two areas may be far from significant or highly
  significant. Areas and their intervals do not tell which; their covariance does.
- An unpaired test takes the correlation for 0 and would need {unpaired:,} positives.
- Images of one patient count for less than images of as many patients: where several come from one,
  a clustered test (`groups=`) needs more.
- A small *p* says that the areas differ. Whether a difference of 0.013 matters is another question.

Written by `docs/generate_statistics.py`.
"""


def pages() -> dict[str, str]:
    """Path under docs → content of every generated page."""
    return {
        "reference/statistics-oracles.md": ORACLES + "\n".join(_oracles()) + "\n",
        "concepts/paired-areas.md": PAIRED.format(
            needed="\n".join(_needed()),
            p_values="\n".join(_p_values()),
            unpaired=math.ceil(positives(0.0)),
        ),
    }


def _oracles() -> Iterator[str]:
    for row in COMPARISONS:
        names = ", ".join(f"[`{name}`][plexor.stats.{name}]" for name in row.functions)
        n, largest = row.largest()
        yield f"| {names} | {row.figures} | {row.oracle} | {n} | {_power_of_ten(largest)} |"


def _power_of_ten(difference: float) -> str:
    # The last digits depend on the processor's libraries.
    return f"1e{max(-13, math.ceil(math.log10(difference))) if difference else -13}"


def positives(correlation: float, p: float = PRINTED_P, ratio: float = 1.0) -> float:
    """Positive cases for which these areas give this p, as a real number."""
    z = -special.ndtri(p / 2)

    def excess(log_n: float) -> float:
        return _z(correlation, math.exp(log_n), ratio) - z

    return math.exp(float(optimize.brentq(excess, math.log(4), math.log(1e6), xtol=1e-10)))


def _z(correlation: float, n_positive: float, ratio: float) -> float:
    """|difference| / standard error; 1/variance interpolated between whole numbers."""
    plan = PairedAucPlan(
        auc_a=AREAS[0],
        auc_b=AREAS[1],
        correlation_positive=correlation,
        correlation_negative=correlation,
        negatives_per_positive=ratio,
    )
    below = math.floor(n_positive)
    least, most = 1 / plan.variance(below), 1 / plan.variance(below + 1)
    return (AREAS[1] - AREAS[0]) * math.sqrt(least + (n_positive - below) * (most - least))


def _needed() -> Iterator[str]:
    heads = [f"{ratio:g} negative{'s' if ratio > 1 else ''} each" for ratio in RATIOS]
    yield f"| correlation | {' | '.join(heads)} |"
    yield "|" + "---|" * (1 + len(RATIOS))
    for correlation in CORRELATIONS:
        cells = []
        for ratio in RATIOS:
            exact, low, high = (
                math.ceil(positives(correlation, p, ratio)) for p in (PRINTED_P, 0.025, 0.015)
            )
            cells.append(f"{exact:,} ({low:,}–{high:,})")
        yield f"| {correlation:g} | {' | '.join(cells)} |"


def _p_values() -> Iterator[str]:
    yield f"| correlation | {' | '.join(f'{n:,}' for n in POSITIVES)} |"
    yield "|" + "---|" * (1 + len(POSITIVES))
    for correlation in CORRELATIONS:
        found = [2 * float(special.ndtr(-_z(correlation, n, 1.0))) for n in POSITIVES]
        cells = [f"{p:.3f}".lstrip("0") if p >= 0.001 else "< .001" for p in found]
        yield f"| {correlation:g} | {' | '.join(cells)} |"


def figure(path: Path) -> None:
    """Positive cases by correlation, a line for each ratio; a band for what prints as .02."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "paired-areas"})
    from matplotlib import pyplot as plt

    drawing, axis = plt.subplots(figsize=(7, 4.2))
    places = [index / 100 for index in range(0, 99, 2)]
    for ratio, colour in zip(RATIOS, ("#0072b2", "#009e73", "#d55e00"), strict=True):
        line = [positives(place, ratio=ratio) for place in places]
        axis.plot(places, line, color=colour, label=f"{ratio:g}")
        if ratio == 1:
            edges = [[positives(place, p) for place in places] for p in (0.025, 0.015)]
            axis.fill_between(places, *edges, color=colour, alpha=0.15, linewidth=0)
    axis.set_yscale("log")
    axis.set_yticks(
        [100, 200, 500, 1000, 2000, 5000], ["100", "200", "500", "1000", "2000", "5000"]
    )
    axis.minorticks_off()
    axis.set(
        xlabel="correlation of the two models' ratings within a class",
        ylabel="positive cases",
        title="Cases for which 0.844 against 0.857 gives p = .02",
    )
    axis.grid(alpha=0.3)
    axis.legend(title="negatives to a positive", frameon=False)
    drawing.tight_layout()
    drawing.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    for name, content in pages().items():
        (DOCS / name).write_text(content, encoding="utf-8")
    figure(DOCS / "concepts" / "paired-areas.svg")
