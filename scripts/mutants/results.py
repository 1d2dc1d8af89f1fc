"""What became of each mutant, kept so that a run can be resumed, and as a page of the docs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from scripts.mutants.areas import AREAS, FOLDER, ROOT, SOURCE
from scripts.mutants.operators import Mutant

PAGE = ROOT / "docs" / "reference" / "mutants.md"

Status = Literal["killed", "timeout", "survived"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a mutant.

    Attributes:
        status: "killed" by a failing test, "timeout" (it did not end, which is noticed, too), or
            "survived".
        by: the test that failed, or why there is none.
    """

    status: Status
    by: str


class Results:
    """Of one area, as a JSON file that is written after each mutant.

    A mutant's result holds as long as its function is unchanged.
    """

    def __init__(self, area: str) -> None:
        self._file = FOLDER / f"{area}.json"
        self._entries: dict[str, dict[str, object]] = {}
        if self._file.exists():
            self._entries = json.loads(self._file.read_text(encoding="utf-8"))

    def __len__(self) -> int:
        return len(self._entries)

    def status(self, mutant: Mutant) -> object:
        """What is known of a mutant; None if nothing is."""
        return self._entries.get(_key(mutant), {}).get("status")

    def add(self, mutant: Mutant, result: Result) -> None:
        """Keeps a result."""
        self._entries[_key(mutant)] = {
            "file": str(mutant.file.relative_to(SOURCE)),
            "line": mutant.line,
            "function": mutant.function,
            "before": mutant.before,
            "after": mutant.after,
            **asdict(result),
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._entries, indent=1), encoding="utf-8")
        new.replace(self._file)

    def of(self, mutants: list[Mutant]) -> list[Mapping[str, object]]:
        """The entries of these mutants, as far as they are known."""
        return [self._entries[key] for key in map(_key, mutants) if key in self._entries]


def _key(mutant: Mutant) -> str:
    return f"{mutant.file.relative_to(SOURCE)}:{mutant.identity}"


def write_page(drawn: Mapping[str, list[Mutant]], sizes: Mapping[str, int], seed: int) -> str:
    """Writes the page; returns the line of the totals.

    An area without a result here, as on another machine, keeps its lines of the page as it is.
    """
    entries = {name: Results(name).of(mutants) for name, mutants in drawn.items()}
    before = PAGE.read_text().splitlines() if PAGE.exists() else []
    rows, survivors = [], []
    total: Counter[object] = Counter()
    for area in AREAS:
        found = entries.get(area.name, [])
        earlier = [line for line in before if line.startswith(f"| {area.name} |")]
        if not found and earlier:
            rows.append(earlier[0])
            survivors += earlier[1:]
            cells = earlier[0].split("|")
            total += Counter(
                {"killed": int(cells[4]), "timeout": int(cells[5]), "survived": int(cells[6])}
            )
            continue
        counts = Counter(entry["status"] for entry in found)
        total += counts
        rows.append(_row(area.name, sizes.get(area.name, 0), counts))
        survivors += [
            f"| {area.name} | `{e['file']}:{e['line']}` | `{_cell(e['before'])}` "
            f"| `{_cell(e['after'])}` |"
            for e in sorted(found, key=lambda e: (str(e["file"]), int(str(e["line"]))))
            if e["status"] == "survived"
        ]
    rows.append(_row("**all**", sum(sizes.values()), total))
    PAGE.write_text(_TEXT.format(seed=seed, rows="\n".join(rows), survivors="\n".join(survivors)))
    return rows[-1]


def _row(name: str, size: int, counts: Mapping[object, int]) -> str:
    noticed, n = counts["killed"] + counts["timeout"], sum(counts.values())
    share = f"{noticed / n:.0%}" if n else ""
    return (
        f"| {name} | {size} | {n} | {counts['killed']} | {counts['timeout']} "
        f"| {counts['survived']} | {share} |"
    )


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("`", "'")


_TEXT = """\
# Mutants

Written by `make mutants`. A mutant is the package with one small change: a comparison turned or
moved to its boundary, an arithmetic or Boolean operator exchanged, a condition or a `not` dropped,
a constant one more or one less, `min` for `max`, a statement left out. A mutant is killed when a
test fails, and survives when none does; one that does not end counts as killed. The mutants of each
area are drawn at random (seed {seed}). Each is run through the tests that execute the changed
function, quickest first, up to a limit of CPU time, so a survivor may still fail a slower test.

A survivor is a missing test, or a change that makes no difference: another tolerance of a search, a
condition that another one implies, a check that only saves time. The list does not tell which.
An area with few or no mutants drawn has not been finished yet.

| area | mutants | drawn | killed | did not end | survived | killed or ended |
|---|--:|--:|--:|--:|--:|--:|
{rows}

## Survivors

| area | place | before | after |
|---|---|---|---|
{survivors}
"""
