"""Tables as a page needs them: words in cells, ready to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plexor.report import words
from plexor.report.headline import headline
from plexor.report.probe_family import attacks, containers_of, control_of, family_words
from plexor.threat_model import NORMS

Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        detail: a second, quieter line: an interval, a count.
        reason: why the text is a dash, or a warning that goes with the number.
        header: whether it names its row.
        shade: 0 to 1, how dark its ground is; None for no ground.
    """

    text: str
    detail: str = ""
    reason: str = ""
    header: bool = False
    shade: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its caption.

    Attributes:
        id: unique on the page.
        caption: what it shows, in one sentence.
        columns: headings; the first is of the rows' names.
        rows: cells, as many as columns.
        note: what one must know to read it.
    """

    id: str
    caption: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def share_cell(estimate: Plain | None) -> Cell:
    """A share with its interval; a dash with the reason where it is not defined."""
    if estimate is None:
        return Cell(text=words.UNDEFINED, reason="not measured")
    undefined = estimate["value"] is None
    return Cell(
        text=words.share(estimate["value"]),
        detail=words.bounds(estimate),
        reason=words.reason(estimate) if undefined else "",
    )


def area_cell(estimate: Plain | None) -> Cell:
    """An area or an R squared with its interval; a reason where it has none."""
    if estimate is None:
        return Cell(text=words.UNDEFINED, reason="not measured")
    return Cell(
        text=words.area(estimate["value"]),
        detail=words.area_bounds(estimate),
        reason=words.reason(estimate) if estimate["low"] is None else "",
    )


def probes_table(summary: Plain) -> Table:
    """Accuracy untouched and after every attack, by container, beside its noise; and tests."""
    searches = attacks(summary)
    containers = containers_of(summary)
    label = headline(summary).label
    right = f"{label[:1].upper()}{label[1:]}"
    columns = (
        *NAMING,
        Cell(text="Cases", detail="groups"),
        *(Cell(text=right, detail=words.container(name)) for name in containers),
        Cell(text="After noise", detail="lossless"),
        Cell(text="Difference", detail="in points"),
        Cell(text="Goal reached", detail="by noise"),
        *positions_heading(summary),
        Cell(text="p", detail="Holm"),
    )
    untouched = (
        Cell(text="Untouched", header=True),
        Cell(text=""),
        cases_cell(summary["clean"]),
        *(share_cell(summary["clean"]["stored"][name]["accuracy"]) for name in containers),
        *[Cell(text="")] * (4 + len(positions_heading(summary))),
    )
    rows = (
        (
            *named(probe),
            cases_cell(probe),
            *(share_cell(probe["stored"].get(name, {}).get("accuracy")) for name in containers),
            share_cell((control_of(summary, probe) or {}).get("accuracy")),
            points_cell(probe["accuracy_change"]),
            success_cell(probe),
            *positions_cell(summary, probe),
            p_cell(probe["mcnemar"]),
        )
        for probe in searches
    )
    return Table(
        id="probes",
        caption=f"{right}, untouched, after each attack, and after noise of the same size",
        columns=columns,
        rows=(untouched, *rows),
        note="In brackets, 95 % intervals. “Difference” is attacked minus untouched, lossless; p "
        "is McNemar's for that difference, and Holm corrects it for the number of attacks. “Goal "
        "reached” is over the cases in which the goal did not hold before; below, the same for "
        f"noise.{positions_note(summary)}",
    )


def effort_table(summary: Plain) -> Table:
    """How far each probe went, as the judge measured it, and what it cost."""
    used = {probe["threat"]["norm"] for probe in summary["probes"]}
    norms = [norm for norm in NORMS if norm in used | {"linf", "l2"}]
    rows = tuple(
        (
            *named(probe),
            *(
                Cell(text=words.measure(probe["distance"][norm][which]))
                for norm in norms
                for which in ("median", "max")
            ),
            Cell(text=words.measure(probe["cost"]["gradients_per_case"])),
            Cell(text=words.measure(probe["cost"]["forwards_per_case"])),
            Cell(text=words.count(probe["n_out_of_threat"])),
        )
        for probe in summary["probes"]
    )
    return Table(
        id="effort",
        caption="How far each probe went, and what it cost",
        columns=(
            *NAMING,
            *(
                Cell(text=NORMS[norm].symbol, detail=which)
                for norm in norms
                for which in ("median", "greatest")
            ),
            Cell(text="Gradients", detail="a case"),
            Cell(text="Further passes", detail="a case"),
            Cell(text="Rejected", detail="by the judge"),
        ),
        rows=rows,
        note="Lengths between the stored image and the losslessly stored result, in stored "
        "numbers, over the cases attempted. Gradients are forward-and-backward passes."
        f"{_surrogates_words(summary)}{_coefficients_words(summary)}"
        + "".join(f" {_fit_words(probe)}" for probe in attacks(summary) if probe.get("fit")),
    )


def _surrogates_words(summary: Plain) -> str:
    """Whose the passes of attacks on surrogates are, each attack once."""
    tried = [probe for probe in attacks(summary) if words.surrogates(probe)]
    told = (
        f" {words.attack(probe)}: gradients and passes are through {words.surrogates(probe)}, "
        "which it searched on; it did not ask this model."
        for probe in tried
    )
    return "".join(dict.fromkeys(told))


def _coefficients_words(summary: Plain) -> str:
    """How many coefficients attacks on JPEG files moved, and in how many files none."""
    return "".join(
        f" {words.attack(probe)}, {words.goal(probe['goal'])}, {words.radius(probe['threat'])}: "
        f"moved {words.measure(moved['median'])} coefficients of a JPEG file (median; at most "
        f"{words.measure(moved['max'])}), and none in {words.count(moved['n_unmoved'])} of "
        f"{words.counted(moved['n'], 'file')}."
        for probe in attacks(summary)
        if (moved := probe.get("coefficients"))
    )


def _fit_words(probe: Plain) -> str:
    """On what an attack was fitted, what that cost, and on what it was judged."""
    fit = probe["fit"]
    images = words.counted(fit["n_cases"], "image")
    groups = "" if fit["n_groups"] is None else f" in {words.counted(fit['n_groups'], 'group')}"
    where = f"of the {fit['split']} split" if fit["split"] else f"before ({fit['file']})"
    took = "" if fit["seconds"] is None else f" and {words.amount(fit['seconds'])} seconds"
    model = ", on another model" if fit["same_model"] is False else ""
    return (
        f"{words.attack(probe)}, {words.goal(probe['goal'])}, {words.radius(probe['threat'])}: "
        f"fitted on {images}{groups} {where}{model}, which cost "
        f"{words.counted(fit['gradients'], 'gradient')}, "
        f"{words.counted(fit['forwards'], 'further pass', 'further passes')}{took} in all, and "
        f"judged on {words.counted(probe['n'], 'image')}, "
        f"{words.count(fit['cases_in_both'])} of them among those fitted on."
    )


def stages_table(summary: Plain) -> Table | None:
    """How many cases each stage of an attack made of several reached; None without such attacks."""
    staged = [probe for probe in attacks(summary) if probe["found_by"]]
    if not staged:
        return None
    names = list(dict.fromkeys(name for probe in staged for name in probe["found_by"]))
    rows = tuple(
        (*named(probe), *(Cell(text=words.count(probe["found_by"].get(n, 0))) for n in names))
        for probe in staged
    )
    return Table(
        id="stages",
        caption="Cases in which each stage was the first to reach the goal",
        columns=(*NAMING, *(Cell(text=name) for name in names)),
        rows=rows,
        note="A stage is tried only on what the stages before it did not reach.",
    )


NAMING = (Cell(text="Attack", detail="its goal"), Cell(text="Change allowed"))


def named(probe: Plain) -> tuple[Cell, Cell]:
    """The cells that say which probe a row is of."""
    control = probe["kind"] == "control"
    name = "Noise" if control else words.attack(probe)
    aim = "control" if control else words.goal(probe["goal"])
    threat = probe["threat"]
    return (
        Cell(text=name, detail=aim, header=True),
        Cell(text=words.radius(threat), detail=words.ball(threat)),
    )


def cases_cell(probe: Plain) -> Cell:
    """How many cases and groups; a word on those that failed."""
    failed = probe["n_failed"]
    return Cell(
        text=words.count(probe["n"]),
        detail=words.count(probe["n_groups"]),
        reason=f"{words.count(failed)} failed" if failed else "",
    )


def points_cell(estimate: Plain) -> Cell:
    """A difference of shares in points with its interval; a reason where it is not defined."""
    undefined = estimate["value"] is None
    return Cell(
        text=words.points(estimate["value"]),
        detail=words.points_bounds(estimate),
        reason=words.reason(estimate) if undefined else "",
    )


def success_cell(probe: Plain) -> Cell:
    """How often the goal was reached, and how often by noise."""
    success = probe["success"]
    return Cell(
        text=words.share_with_bounds(success),
        detail=words.share(probe["control_success"]["value"]),
        reason=words.reason(success) if success["value"] is None else "",
    )


def positions_heading(summary: Plain) -> tuple[Cell, ...]:
    """The heading of ``positions_cell``; none where no attack tried positions one by one."""
    if any(probe["positions"] for probe in attacks(summary)):
        return (Cell(text="Single positions", detail="that reach it alone"),)
    return ()


def count_cell(attacked: Plain, noise: Plain | None, key: str) -> Cell:
    """A number of cases, and that of noise, where there is any, below it."""
    beside = "" if noise is None else words.count(noise[key])
    return Cell(text=words.count(attacked[key]), detail=beside)


def positions_cell(summary: Plain, probe: Plain) -> tuple[Cell, ...]:
    """The share of positions that reach the goal alone; blank for attacks that do not count it."""
    if not positions_heading(summary):
        return ()
    if probe["positions"] is None:
        return (Cell(text=words.UNDEFINED, reason="not counted"),)
    share = probe["positions"]["share_reaching"]
    return (
        Cell(text=words.share(share["value"]), detail=words.bounds(share), reason=share["note"]),
    )


def positions_note(summary: Plain) -> str:
    """What that share is, as a further sentence; empty where it is not shown."""
    if not positions_heading(summary):
        return ""
    return (
        " “Single positions” is the share of those tried at which one change alone reaches the "
        "goal, by the search's own count, averaged over the cases attempted."
    )


def p_cell(test: Plain) -> Cell:
    """A test's p, and after Holm's correction."""
    undefined = test["p_value"] is None
    return Cell(
        text=words.p_value(test["p_value"]),
        detail="" if undefined else words.p_value(test["p_holm"]),
        reason=words.reason(test[test["used"]] if "used" in test else test) if undefined else "",
    )


def class_table(summary: Plain, members: Sequence[Plain], number: int) -> Table:
    """How often each class's cases are decided rightly, untouched and at each radius."""
    control = control_of(summary, members[-1])
    columns = [
        Cell(text="Class"),
        Cell(text="Cases"),
        Cell(text="Untouched"),
        *(Cell(text="Attacked", detail=words.radius(probe["threat"])) for probe in members),
    ]
    sources = [summary["clean"], *members]
    if control is not None:
        columns.append(Cell(text="Noise", detail=words.radius(control["threat"])))
        sources.append(control)
    counts = summary["cohort"]["cases_by_class"]
    rows = [
        (
            Cell(text=name, header=True),
            Cell(text=words.count(counts[name])),
            *(share_cell(source["per_class"][index]["recall"]) for source in sources),
        )
        for index, name in enumerate(summary["cohort"]["classes"])
    ]
    balanced = (
        Cell(text="Mean of the classes", header=True),
        Cell(text=words.count(sum(counts.values()))),
        *(share_cell(source["balanced_accuracy"]) for source in sources),
    )
    return Table(
        id=f"classes-{number}",
        caption=f"Share of each class recognised: {family_words(members[0])}, lossless",
        columns=tuple(columns),
        rows=(*rows, balanced),
    )
