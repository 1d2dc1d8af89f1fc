"""``python -m scripts.planted_tags.page``: the page and the figure of what was measured."""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from scripts.planted_tags.films import ASPECTS
from scripts.planted_tags.network import FILLS, N_TEST, N_TRAIN

from plexor.core.files import write_atomic
from plexor.stats import proportion_interval

Row = dict[str, Any]
NAMES = {
    "phantoms": "phantoms",
    "films": "real films",
    "drawn": "real films, labels drawn",
}
_LEVEL = 0.05
_INTRODUCTION = Path(__file__).with_name("introduction.md")


def main() -> None:
    """Reads all results of a folder and writes ``planted-tags.md`` and ``planted-tags.svg``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    rows = results(asked.results)
    write_atomic(asked.out / "planted-tags.md", page(rows).encode())
    write_atomic(asked.out / "planted-tags.svg", figure(rows).encode())


def results(folder: Path) -> list[Row]:
    """Every network measured so far, of all tables in a folder; a network counts once."""
    rows = [
        json.loads(line)
        for table in sorted(folder.glob("*.jsonl"), reverse=True)
        for line in table.read_text().splitlines()
    ]
    return list({row["name"]: row for row in rows}.values())


def page(rows: Sequence[Row]) -> str:
    """The whole page in Markdown."""
    sizes = Counter(NAMES[row["films"]] for row in rows)
    numbers = ", ".join(f"{n} on {name}" for name, n in sizes.items())
    text = _INTRODUCTION.read_text(encoding="utf-8")
    for mark, value in (
        ("{networks}", f"{len(rows)} networks were trained ({numbers})"),
        ("{train}", str(N_TRAIN)),
        ("{test}", str(N_TEST)),
        ("{area}", _area(rows)),
        ("{growth}", "\n".join(_growth(rows))),
        ("{single}", _single(rows)),
        ("{nulls}", "\n".join(_nulls(rows))),
        ("{named}", "\n".join(_named(rows))),
        ("{strata}", "\n".join(_strata(rows))),
    ):
        text = text.replace(mark, value)
    return text


def _area(rows: Sequence[Row]) -> str:
    """Mean area on real films with their own labels, where no tag helps."""
    areas = [r["area"] for r in rows if r["films"] == "films" and r["phi"] == 0]
    return f"{np.mean(areas):.2f} where no tag helps" if areas else "not measured"


def margins(rows: Sequence[Row], fill: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Planted associations in order, and the mean reliance of the networks at each."""
    phis = sorted({row["phi"] for row in rows})
    means = [np.mean([row[fill]["margin"][0] for row in rows if row["phi"] == p]) for p in phis]
    return np.array(phis), np.array(means)


def _groups(rows: Sequence[Row]) -> Iterator[tuple[str, str, list[Row]]]:
    """Pools and aspects, each pool with all its aspects together last."""
    for films, name in NAMES.items():
        of_films = [row for row in rows if row["films"] == films and row["aspect"] in ASPECTS]
        if not of_films:
            continue
        for aspect in ASPECTS:
            yield name, aspect, [row for row in of_films if row["aspect"] == aspect]
        yield name, "all five", of_films


def _growth(rows: Sequence[Row]) -> Iterator[str]:
    phis = sorted({row["phi"] for row in rows})
    heads = " | ".join(f"φ = {phi:g}" for phi in phis)
    for fill in FILLS:
        yield f"Covers filled with **{fill}**:\n"
        yield f"| films | planted aspect | networks | {heads} | rank correlation |"
        yield "|---" * (len(phis) + 4) + "|"
        for name, aspect, some in _groups(rows):
            seen, means = margins(some, fill)
            at = dict(zip(seen.tolist(), means.tolist(), strict=True))
            cells = " | ".join(_signed(at[p]) if p in at else "–" for p in phis)
            rank = float(spearmanr(seen, means).statistic) if len(seen) > 2 else math.nan
            yield f"| {name} | {aspect} | {len(some)} | {cells} | {_signed(rank)} |"
        yield ""


def _single(rows: Sequence[Row]) -> str:
    """Rank correlation over networks instead of means, of all aspects together."""
    said = []
    for films, name in NAMES.items():
        some = [row for row in rows if row["films"] == films and row["aspect"] in ASPECTS]
        if len({row["phi"] for row in some}) < 3:
            continue
        phis = [row["phi"] for row in some]
        ranks = [spearmanr(phis, [row[fill]["margin"][0] for row in some]) for fill in FILLS]
        words = [
            f"{_signed(float(r.statistic))} with {fill}"
            for r, fill in zip(ranks, FILLS, strict=True)
        ]
        said.append(f"{name} {' and '.join(words)} ({len(some)} networks)")
    return f"Of single networks instead of means the rank correlation is: {'; '.join(said)}.\n"


def _nulls(rows: Sequence[Row]) -> Iterator[str]:
    nulls = [row for row in rows if row["phi"] == 0 and row["aspect"] in ASPECTS]
    yield "| measure | networks | intervals without 0 | share | 5 % + 2 standard errors |"
    yield "|---|---|---|---|---|"
    kinds = [
        (f"fall of the margin, {fill}", [row[fill]["margin"] for row in nulls]) for fill in FILLS
    ]
    kinds += [(f"shift by {name}", [row["effects"][name] for row in nulls]) for name in ASPECTS]
    for name, intervals in kinds:
        out = sum(map(_excludes, intervals))
        n = len(nulls)
        bound = _LEVEL + 2 * math.sqrt(_LEVEL * (1 - _LEVEL) / n) if n else math.nan
        share = out / n if n else math.nan
        yield f"| {name} | {n} | {out} | {share:.1%} | {bound:.1%} |"


def _named(rows: Sequence[Row]) -> Iterator[str]:
    yield "| films | φ | networks | right aspect named | 95 % interval |"
    yield "|---|---|---|---|---|"
    for films, name in NAMES.items():
        for phi in sorted({row["phi"] for row in rows} - {0.0}):
            some = [
                row for row in rows
                if row["films"] == films and row["phi"] == phi and row["aspect"] in ASPECTS
            ]  # fmt: skip
            if some:
                right = sum(named(row) == row["aspect"] for row in some)
                found = proportion_interval(right, len(some))
                interval = f"{found.low:.0%} to {found.high:.0%}"
                yield f"| {name} | {phi:g} | {len(some)} | {right} | {interval} |"
    wrong = Counter(
        (row["aspect"], named(row))
        for row in rows
        if row["phi"] >= 0.7 and row["aspect"] in ASPECTS and named(row) != row["aspect"]
    )
    told = "; ".join(f"{true} for {said}, {n} times" for (true, said), n in wrong.most_common())
    yield f"\nWrong names at φ of 0.7 and more (planted for named): {told or 'none'}."


def named(row: Row) -> str:
    """The aspect with the greatest shift toward the donor's label."""
    effects: dict[str, list[float]] = row["effects"]
    return max(effects, key=lambda aspect: effects[aspect][0])


def _strata(rows: Sequence[Row]) -> Iterator[str]:
    yield (
        "| films | φ of stratum and label | networks | area from tags, overall | within strata | "
        "within-stratum intervals above and below 0.5 | fall of the margin, inpaint | "
        "the same, stratum and label independent | area of the network there |"
    )
    yield "|---" * 9 + "|"
    for films, name in NAMES.items():
        for phi in sorted({row["phi"] for row in rows}):
            some = [
                row for row in rows
                if row["films"] == films and row["phi"] == phi and row["aspect"] == "stratum"
            ]  # fmt: skip
            if not some:
                continue
            within = [area for row in some for area in row["within"]]
            above, below = sum(a[1] > 0.5 for a in within), sum(a[2] < 0.5 for a in within)
            cells = [
                f"{np.mean([row['overall'][0] for row in some]):.2f}",
                f"{np.mean([area[0] for area in within]):.2f}" if within else "–",
                f"{above} and {below} of {len(within)}",
                _signed(np.mean([row["inpaint"]["margin"][0] for row in some])),
                _signed(np.mean([row["balanced"]["inpaint"]["margin"][0] for row in some])),
                f"{np.mean([row['balanced']['area'] for row in some]):.2f}",
            ]
            yield f"| {name} | {phi:g} | {len(some)} | {' | '.join(cells)} |"


def figure(rows: Sequence[Row]) -> str:
    """Reliance by planted association, one panel a pool and fill."""
    import io

    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    pools = [films for films in NAMES if any(row["films"] == films for row in rows)]
    drawn, axes = plt.subplots(
        len(pools), len(FILLS), figsize=(9, 3.6 * len(pools)), squeeze=False, sharex=True
    )
    for line, films in zip(axes, pools, strict=True):
        for panel, fill in zip(line, FILLS, strict=True):
            for index, aspect in enumerate(ASPECTS):
                some = [r for r in rows if r["films"] == films and r["aspect"] == aspect]
                if not some:
                    continue
                phis, means = margins(some, fill)
                panel.plot(phis, means, "-", color=f"C{index}", label=aspect, lw=1.5)
                panel.plot(
                    [r["phi"] for r in some], [r[fill]["margin"][0] for r in some], "o",
                    color=f"C{index}", ms=3, alpha=0.5,
                )  # fmt: skip
            panel.axhline(0, color="0.5", lw=0.8)
            panel.set_title(f"{NAMES[films]}, {fill}", fontsize=10)
            panel.set_xlabel("planted association (φ)")
            panel.set_ylabel("fall of the margin, minus control")
    axes[0][0].legend(fontsize=8, frameon=False)
    drawn.tight_layout()
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "planted-tags"}):
        drawn.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _excludes(interval: Sequence[float]) -> bool:
    return bool(interval[1] > 0 or interval[2] < 0)


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


if __name__ == "__main__":
    main()
