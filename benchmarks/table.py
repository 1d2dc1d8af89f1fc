"""Rewrites the tables of README.md from results/*.json."""

from __future__ import annotations

import json
import re
import statistics
import string
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from measuring import RESULTS

README = Path(__file__).parent / "README.md"
Result = Mapping[str, Any]

PLAIN = {
    "large_image": {
        "image": "{format}",
        "attack": "{attack}",
        "peak, MiB": "{peak_mib:.0f}",
        "before the audit, MiB": "{peak_before_mib:.0f}",
        "÷ the image in float32": "{images:.1f}",
    },
    "cascade": {
        "threat": "{threat}",
        "search": "{name}",
        "accuracy, proposed": "{proposed:.1%}",
        "stored": "{stored:.1%}",
        "processor time, s": "{seconds[cpu]}",
        "÷ AutoAttack": "{over_autoattack[cpu]}",
    },
    "nearest": {
        "attack": "{attack}",
        "by": "{name}",
        "there, proposed": "{proposed:.1%}",
        "median norm, proposed": "{proposed_norm:.4g}",
        "there, stored": "{stored:.1%}",
        "median norm, stored": "{stored_norm:.4g}",
        "time, s": "{seconds[cpu]}",
    },
    "queries": {
        "attack": "{attack}",
        "by": "{name}",
        "queries a case": "{queries:.0f}",
        "success, stored": "{success:.1%}",
        "margin": "{margin:.3f}",
        "L2, proposed": "{l2:.4g}",
        "time, s": "{seconds[cpu]}",
    },
    "universal": {
        "goal": "{goal}",
        "by": "{name}",
        "there, of unseen images": "{fooled:.1%}",
        "processor time, s": "{seconds[cpu]}",
        "÷ ART": "{over_art[cpu]}",
    },
    "losses": {
        "threat": "{threat}",
        "search": "{name}",
        "left, by seed": "{left}",
        "processor time, s": "{seconds[cpu]}",
    },
    "seeds": {
        "network": "{network}",
        "attack": "{name}",
        "worst": "{worst:.1%}",
        "median": "{median:.1%}",
        "best": "{best:.1%}",
        "processor time of a fit, s": "{seconds[cpu]}",
    },
    "unseen": {
        "attack": "{name}",
        "levels": "{radius:.0f}",
        "worst": "{worst:.1%}",
        "median": "{median:.1%}",
        "best": "{best:.1%}",
        "processor time of a fit, s": "{seconds[cpu]}",
    },
    "applied": {
        "network": "{network}",
        "images": "{images}",
        "by": "{name}",
        "images a second": "{images_per_second}",
        "there": "{fooled:.1%}",
    },
    "pixel": {
        "by": "{name}",
        "queries a case": "{queries:.0f}",
        "success, stored": "{success:.1%}",
        "margin": "{margin:.3f}",
        "processor time, s": "{seconds[cpu]}",
    },
    "jpeg": {
        "threat": "{threat}",
        "attack": "{attack}",
        "success, lossless": "{lossless[success]:.1%}",
        "margin": "{lossless[margin]:.2f}",
        "as JPEG, own tables": "{recompressed-own[success]:.1%}",
        "its margin": "{recompressed-own[margin]:.2f}",
        "L∞": "{recompressed-own[linf]:.0f}",
        "L2": "{recompressed-own[l2]:.0f}",
        "coefficients moved": "{moved:g}",
        "files unmoved": "{recompressed-own[unmoved]}",
        "processor time, s": "{seconds:.1f}",
    },
    "volume": {
        "network": "{architecture}",
        "search": "{name}",
        "a step, s": "{step}",
        "÷ bare passes": "{over_bare}",
        "peak, MiB": "{peak_mib:.0f}",
    },
    "regression_peers": {
        "asked for": "{name}",
        "what happens": "{what}",
        "the numbers move by": "{moved}",
    },
    "brain": {
        "what": "{what}",
        "n": "{n:,}",
        "processor time, s": "{seconds:.1f}",
        "a second": "{per_second:.2f}",
        "peak before, MiB": "{before_mib:.0f}",
        "peak, MiB": "{peak_mib:.0f}",
    },
    "workers": {
        "audit": "{name}",
        "one worker, s": "{one}",
        "two workers, s": "{two}",
        "times as fast": "{speedup}",
    },
    "observer": {
        "what": "{what}",
        "of": "{of}",
        "processor time, ms": "{milliseconds}",
    },
    "sparse": {
        "search": "{name}",
        "images a pass": "{at_once}",
        "images a second": "{images_per_second}",
        "passes a second": "{passes_per_second}",
    },
    "statistics_speed": {
        "what": "{what}",
        "by": "{name}",
        "processor time, s": "{seconds[cpu]}",
        "clock, s": "{seconds[wall]}",
        "answer": "{answer}",
    },
    "source_manifest": {
        "what": "{what}",
        "rows": "{n:,}",
        "processor time, s": "{seconds[cpu]}",
        "peak, MiB": "{peak_mib:.0f}",
    },
    "onnx_network": {
        "network": "{network}",
        "a step, processor time, s": "{seconds[cpu]}",
        "÷ the original": "{over_torch[cpu]}",
    },
    "endpoint": {
        "pause of the server, ms": "{pause_ms}",
        "requests": "{requests}",
        "allowed a second": "{per_second:g}",
        "clock, s": "{seconds}",
        "share of the rate used": "{busy:.1%}",
    },
    "startup": {"command": "`{name}`", "clock, s": "{seconds}", "first call, s": "{first:.2f}"},
    "rounding": {
        "subject": "{subject}, n = {n}",
        "threat": "{threat}",
        "gradient at": "{search}",
        "accuracy, lossless": "{lossless:.1%}",
        "recompressed": "{recompressed-own:.1%}",
        "mean margin": "{margin:.3f}",
    },
    "attention": {
        "map": "{name}",
        "processor time a case, ms": "{ms_a_case:.0f}",
        "÷ plexor": "{over_ours[cpu]}",
        "correlation with plexor's": "{correlation:.6f}",
    },
    "finder": {
        "finder": "{name}",
        "films a second of processor time": "{per_second:.2f}",
        "processor time of all, s": "{seconds[cpu]}",
        "drawn boxes found (overlap of a half)": "{recall:.1%}",
        "at least half covered": "{covered:.1%}",
        "precision (overlap of a half)": "{precision:.1%}",
        "boxes that touch a drawn one": "{touching:.1%}",
    },
}
"""Of each benchmark: the columns, and what of a row stands in each."""
PLAIN["cascade_small"] = PLAIN["cascade_hardened"] = PLAIN["cascade"]


def plain(name: str, result: Result) -> list[str]:
    return [*_table(result["rows"], PLAIN[name]), "", _settings(result)]


def pgd(result: Result) -> list[str]:
    columns = {
        "threat": "{threat}",
        "search": "{name}",
        "processor time, s": "{seconds[cpu]}",
        "÷ bare loop": "{over_bare[cpu]}",
    }
    settings = result["settings"]
    longer = settings.get("longer")
    if longer is not None:
        columns |= {"a step, ms": "{step_ms}", "÷ that of the bare loop": "{step_over_bare}"}
    columns |= {
        "clock, s": "{seconds[wall]}",
        "accuracy after": "{accuracy_after:.1%}",
        "mean margin": "{mean_margin:.3f}",
    }
    steps = settings["steps"]
    also = "" if longer is None else f" (a step: {longer} steps less {steps})"
    conditions = (
        f"{settings['architecture']}, {settings['images']} images, {steps} steps{also}, "
        f"{settings['repeats']} rounds; accuracy before the attack "
        f"{settings['accuracy_before']:.1%}. {_conditions(result)}"
    )
    return [*_table(result["rows"], columns), "", conditions]


def generative(result: Result) -> list[str]:
    """The fits of each contender in one row, and the shortest that always reaches 95 %."""

    def by(row: Result) -> tuple[str, str]:
        return row["goal"], row["name"]

    rows = []
    for (goal, name), fits in groupby(result["rows"], by):
        curve, enough = [], "never"
        for fit in fits:
            cpu = fit["seconds"]["cpu"]
            curve.append(f"{cpu['median']:.1f} s {statistics.median(fit['fooled']):.1%}")
            if enough == "never" and min(fit["fooled"]) >= 0.95:
                enough = f"{_spread(cpu)}, {fit['unit']}: {fit['length']}"
        rows.append({"goal": goal, "name": name, "curve": ", ".join(curve), "enough": enough})
    columns = {
        "goal": "{goal}",
        "by": "{name}",
        "processor time of a fit, and unseen images there": "{curve}",
        "95 % after, s": "{enough}",
    }
    return [*_table(rows, columns), "", _settings(result)]


def optimality(result: Result) -> list[str]:
    """The mean over networks and rounds, and of each network the median norm."""
    columns = {
        "norm": "{norm}",
        "attack": "{name}",
        "global optimality": "{optimality:.3f}",
        "its rounds": "{rounds:.3f}",
    }
    for of in result["rows"][0]["median"]:
        columns[f"median norm, {of}"] = f"{{median[{of}]:.4g}}"
    columns |= {"passes an image": "{passes:.0f}", "processor time, s": "{seconds:.1f}"}
    return [*_table(result["rows"], columns), "", _settings(result)]


def audit_overhead(result: Result) -> list[str]:
    columns = {
        "audit": "{name}",
        "audit ÷ loop": "{ratio[cpu]}",
        "audit, s": "{audit[cpu]}",
        "loop, s": "{loop[cpu]}",
        "report, s": "{report[cpu]}",
        "attacked": "{n_attacked}",
    }
    audits = {row["name"]: row["shares"] for row in result["rows"]}
    parts = [
        {"part": part} | {name: shares[part] for name, shares in audits.items()}
        for part in result["rows"][0]["shares"]
    ]
    where = {"part": "{part}"} | {name: f"{{{name}:.1%}}" for name in audits}
    lines = [*_table(result["rows"], columns), "", "Where the audit's processor time goes:", ""]
    return [*lines, *_table(parts, where), "", _conditions(result)]


def memory(result: Result) -> list[str]:
    rows = []
    for size in sorted({row["n"] for row in result["rows"]}):
        of_size = [row for row in result["rows"] if row["n"] == size]
        peaks = sorted(row["peak_mib"] for row in of_size)
        rows.append(
            {
                "n": size,
                "median": peaks[len(peaks) // 2],
                "least": peaks[0],
                "most": peaks[-1],
                "before": [row["peak_before_mib"] for row in of_size],
            }
        )
    columns = {
        "images": "{n:,}",
        "peak, MiB": "{median:.0f} ({least:.0f}–{most:.0f})",
        "before the audit, MiB": "{before:.0f}",
    }
    ratio = rows[-1]["median"] / rows[0]["median"]
    return [*_table(rows, columns), "", f"Ratio {ratio:.3f}. {_conditions(result)}"]


TABLES: dict[str, Callable[[Result], list[str]]] = {
    "pgd": pgd,
    "pgd_small": pgd,
    "generative": generative,
    "optimality": optimality,
    "audit_overhead": audit_overhead,
    "memory": memory,
}


def main() -> None:
    text = README.read_text()
    for name in (*PLAIN, *TABLES):
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        result = json.loads(path.read_text())
        table = "\n".join(TABLES[name](result) if name in TABLES else plain(name, result))
        block = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = block.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)
    README.write_text(text)


class _Cells(string.Formatter):
    """Writes repeats as median and range, a list as its ends, and what is not there as a dash."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return "–"
        if isinstance(value, Mapping):
            return _spread(value)
        if isinstance(value, list):
            ends = (format(end, format_spec) for end in (min(value), max(value)))
            return " to ".join(dict.fromkeys(ends))
        return format(value, format_spec)


def _table(rows: Iterable[Result], columns: Mapping[str, str]) -> list[str]:
    """One line for each row; each column's text names what of the row stands there."""
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for row in rows:
        known = defaultdict(lambda: None, row)
        cells = (_Cells().vformat(text, (), known) for text in columns.values())
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _spread(numbers: Mapping[str, float]) -> str:
    digits = 3 if numbers["median"] < 10 else 1
    median, least, greatest = (f"{numbers[key]:.{digits}f}" for key in ("median", "min", "max"))
    return f"{median} ({least}–{greatest})"


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
