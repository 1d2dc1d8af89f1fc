"""Rewrites the tables of README.md from results/*.json."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from measuring import RESULTS

README = Path(__file__).parent / "README.md"
Result = Mapping[str, Any]


def pgd(result: Result) -> list[str]:
    lines = _heading(
        "search", "processor time, s", "÷ bare loop", "clock, s", "accuracy after", "mean margin"
    )
    for row in result["rows"]:
        after = _around(row["accuracy_after"], lambda x: f"{x:.1%}")
        margin = _around(row["mean_margin"], lambda x: f"{x:.3f}")
        seconds = row["seconds"]
        lines.append(
            f"| {row['name']} | {_spread(seconds['cpu'])} | {_spread(row['over_bare']['cpu'])} "
            f"| {_spread(seconds['wall'])} | {after} | {margin} |"
        )
    settings = result["settings"]
    conditions = (
        f"{settings['architecture']}, {settings['images']} images, {settings['steps']} steps, "
        f"radius {settings['radius']:g} levels, {settings['repeats']} rounds; accuracy before the "
        f"attack {settings['accuracy_before']:.1%}. {_conditions(result)}"
    )
    return [*lines, "", conditions]


def audit_overhead(result: Result) -> list[str]:
    lines = _heading("audit", "audit ÷ loop", "audit, s", "loop, s", "report, s", "attacked")
    for row in result["rows"]:
        lines.append(
            f"| {row['name']} | {_spread(row['ratio']['cpu'])} | {_spread(row['audit']['cpu'])} "
            f"| {_spread(row['loop']['cpu'])} | {_spread(row['report']['cpu'])} "
            f"| {row['n_attacked']} |"
        )
    names = [row["name"] for row in result["rows"]]
    lines += ["", "Where the audit's processor time goes:", "", *_heading("part", *names)]
    for part in result["rows"][0]["shares"]:
        shares = [f"{row['shares'][part]['median']:.1%}" for row in result["rows"]]
        lines.append(f"| {part} | {' | '.join(shares)} |")
    return [*lines, "", _conditions(result)]


def memory(result: Result) -> list[str]:
    lines = _heading("images", "peak, MiB", "before the audit, MiB")
    sizes = sorted({row["n"] for row in result["rows"]})
    medians = []
    for size in sizes:
        rows = [row for row in result["rows"] if row["n"] == size]
        peaks = sorted(row["peak_mib"] for row in rows)
        medians.append(peaks[len(peaks) // 2])
        before = _around([row["peak_before_mib"] for row in rows], lambda x: f"{x:.0f}")
        peak = f"{medians[-1]:.0f} ({peaks[0]:.0f}–{peaks[-1]:.0f})"
        lines.append(f"| {size:,} | {peak} | {before} |")
    return [*lines, "", f"Ratio {medians[-1] / medians[0]:.3f}. {_conditions(result)}"]


def startup(result: Result) -> list[str]:
    lines = _heading("command", "clock, s", "first call, s")
    for row in result["rows"]:
        lines.append(f"| `{row['name']}` | {_spread(row['seconds'])} | {row['first']:.2f} |")
    return [*lines, "", _conditions(result)]


def rounding(result: Result) -> list[str]:
    lines = _heading(
        "subject", "threat", "gradient at", "accuracy, lossless", "recompressed", "mean margin"
    )
    for row in result["rows"]:
        lines.append(
            f"| {row['subject']}, n = {row['n']} | {row['threat']} | {row.get('search', '–')} "
            f"| {row['lossless']:.1%} | {row['recompressed-own']:.1%} | {row['margin']:.3f} |"
        )
    return [*lines, "", _conditions(result)]


def statistics_speed(result: Result) -> list[str]:
    lines = _heading("what", "by", "processor time, s", "clock, s", "answer")
    for row in result["rows"]:
        lines.append(
            f"| {row['what']} | {row['name']} | {_spread(row['seconds']['cpu'])} "
            f"| {_spread(row['seconds']['wall'])} | {row['answer']} |"
        )
    return [*lines, "", _conditions(result)]


def sparse(result: Result) -> list[str]:
    lines = _heading("search", "images a pass", "images a second", "passes a second")
    for row in result["rows"]:
        rates = (_spread(row[f"{what}_per_second"]) for what in ("images", "passes"))
        lines.append(f"| {row['name']} | {row['at_once']} | {' | '.join(rates)} |")
    return [*lines, "", f"{result['settings']['architecture']}. {_conditions(result)}"]


def cascade(result: Result) -> list[str]:
    lines = _heading(
        "threat", "search", "accuracy, proposed", "stored", "processor time, s", "÷ AutoAttack"
    )
    for row in result["rows"]:
        lines.append(
            f"| {row['threat']} | {row['name']} | {row['proposed']:.1%} | {row['stored']:.1%} "
            f"| {_spread(row['seconds']['cpu'])} | {_spread(row['over_autoattack']['cpu'])} |"
        )
    return [*lines, "", _settings(result)]


def universal(result: Result) -> list[str]:
    lines = _heading("goal", "by", "there, of unseen images", "processor time, s", "÷ ART")
    for row in result["rows"]:
        fooled = _around(row["fooled"], lambda x: f"{x:.1%}")
        lines.append(
            f"| {row['goal']} | {row['name']} | {fooled} | {_spread(row['seconds']['cpu'])} "
            f"| {_spread(row['over_art']['cpu'])} |"
        )
    return [*lines, "", _settings(result)]


def nearest(result: Result) -> list[str]:
    lines = _heading(
        "attack", "by", "there, proposed", "median norm", "there, stored", "median norm", "time, s"
    )
    for row in result["rows"]:
        proposed, stored = (
            f"{row[where]:.1%} | {row[f'{where}_norm']:.4g}" for where in ("proposed", "stored")
        )
        lines.append(
            f"| {row['attack']} | {row['name']} | {proposed} | {stored} "
            f"| {_spread(row['seconds']['cpu'])} |"
        )
    return [*lines, "", _settings(result)]


def queries(result: Result) -> list[str]:
    lines = _heading(
        "attack", "by", "queries a case", "success, stored", "margin", "L2, proposed", "time, s"
    )
    for row in result["rows"]:
        lines.append(
            f"| {row['attack']} | {row['name']} | {row['queries']:.0f} | {row['success']:.1%} "
            f"| {row['margin']:.3f} | {row['l2']:.4g} | {_spread(row['seconds']['cpu'])} |"
        )
    return [*lines, "", _settings(result)]


def volume(result: Result) -> list[str]:
    lines = _heading("network", "search", "a step, s", "÷ bare passes", "peak, MiB")
    for row in result["rows"]:
        lines.append(
            f"| {row['architecture']} | {row['name']} | {_spread(row['step'])} "
            f"| {_spread(row['over_bare'])} | {row['peak_mib']:.0f} |"
        )
    return [*lines, "", _settings(result)]


def workers(result: Result) -> list[str]:
    lines = _heading("audit", "one worker, s", "two workers, s", "times as fast")
    for row in result["rows"]:
        numbers = (_spread(row[key]) for key in ("one", "two", "speedup"))
        lines.append(f"| {row['name']} | {' | '.join(numbers)} |")
    return [*lines, "", _settings(result)]


TABLES = (
    pgd,
    cascade,
    nearest,
    queries,
    universal,
    volume,
    workers,
    audit_overhead,
    memory,
    startup,
    rounding,
    sparse,
    statistics_speed,
)


def main() -> None:
    text = README.read_text()
    for render in TABLES:
        path = RESULTS / f"{render.__name__}.json"
        if not path.exists():
            continue
        table = "\n".join(render(json.loads(path.read_text())))
        block = re.compile(f"(<!-- {render.__name__} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = block.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)
    README.write_text(text)


def _heading(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]


def _spread(numbers: Mapping[str, float]) -> str:
    digits = 3 if numbers["median"] < 10 else 1
    median, least, greatest = (f"{numbers[key]:.{digits}f}" for key in ("median", "min", "max"))
    return f"{median} ({least}–{greatest})"


def _around(numbers: list[float], word: Callable[[float], str]) -> str:
    least, greatest = word(min(numbers)), word(max(numbers))
    return least if least == greatest else f"{least} to {greatest}"


def _settings(result: Result) -> str:
    """What was asked for, as it is kept with the result."""
    asked = (f"{name} {number}" for name, number in result["settings"].items() if name != "note")
    return f"{', '.join(asked)}. {_conditions(result)}"


def _conditions(result: Result) -> str:
    machine, versions = result["machine"], result["versions"]
    known = ", ".join(f"{name} {number}" for name, number in versions.items() if number != "absent")
    load = machine["load_average"]
    busy = "not recorded" if load is None else load
    note = result["settings"].get("note", "")
    remark = f" Note: {note}." if note else ""
    return (
        f"On {machine['cores_allowed']} core(s) of {machine['processor']}; {machine['threads']} "
        f"thread(s); {machine['memory_gb']} GB; load average {busy}. {known}.{remark}"
    )


if __name__ == "__main__":
    main()
