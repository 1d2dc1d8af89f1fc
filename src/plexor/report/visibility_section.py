"""How visible the changes are: a table, the observer's curve beside the model's, a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plexor.report import words
from plexor.report.number_tables import amount_cell
from plexor.report.probe_family import attacks, control_of, families, family_words
from plexor.report.table import NAMING, Cell, Table, area_cell, named, share_cell
from plexor.report.trend import chart, controls, headline_chart, line
from plexor.threat_model import threat_from

Plain = Mapping[str, Any]

_CHANNELS = {"dog": "ten differences of Gaussians", "gabor": "twenty oriented Gabor channels"}
_COLUMNS = {
    "psnr": ("PSNR", "dB, median"),
    "ssim": ("SSIM", "median"),
    "delta_e_mean": ("ΔE2000", "mean, median"),
    "delta_e_p95": ("ΔE2000", "95th percentile, median"),
    "delta_e_max": ("ΔE2000", "greatest, median"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A family's two charts: d' of the observer, and the model's own figure."""

    title: str
    observer: str
    figure_label: str
    figure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The section.

    Attributes:
        sentences: where each attack begins to be seen, and where the model fails.
        curves: of attacks tried at two radii or more.
        table: every attack.
        levels: how far every probe moved the numbers; None where they have no levels.
    """

    sentences: tuple[str, ...]
    curves: tuple[Curve, ...]
    table: Table
    levels: Table | None


def visible(summary: Plain) -> Visible | None:
    """The section; None where nothing of it was measured."""
    if summary["visibility"] is None:
        return None
    by_id = {probe["id"]: probe for probe in summary["probes"]}
    return Visible(
        sentences=tuple(
            _sentence(by_id[crossing["probes"][0]], crossing)
            for crossing in summary["visibility"]["crossings"]
        ),
        curves=tuple(_curves(summary)),
        table=_table(summary),
        levels=_levels(summary),
    )


def _sentence(probe: Plain, crossing: Plain) -> str:
    """Both radii of one family, e.g. ``PGD, be wrong, L∞: … passes d' = 1 at 2.6 levels …``."""
    unit = threat_from(probe["threat"]).size_unit
    seen = (
        f"for the model observer, d' passes 1 at {_at(crossing['d_prime'], unit)} one image at a "
        f"time, at {_at(crossing['d_prime_forced_choice'], unit)} side by side"
    )
    if crossing["accuracy"] is None:
        return f"{family_words(probe)}: {seen}."
    falls = f"accuracy falls below a half at {_at(crossing['accuracy'], unit)}"
    return f"{family_words(probe)}: {falls}; {seen}."


def _at(radius: Plain, unit: str) -> str:
    if radius["value"] is None:
        return f"no radius tried ({words.reason(radius)} {unit})"
    ends = [radius[end] for end in ("low", "high")]
    if None in ends:
        low = "" if ends[0] is None else f"; from {words.amount(ends[0])}, no upper limit found"
        return f"{words.amount(radius['value'])} {unit}{low}"
    return f"{words.amount(radius['value'])} {unit} {words.amount_bounds(radius)}"


def _curves(summary: Plain) -> Iterator[Curve]:
    for number, members in enumerate(families(summary), 1):
        seen = [probe for probe in members if _observed(probe)]
        if len(seen) < 2:
            continue
        noise = [probe for probe in controls(summary, seen) if _observed(probe)]
        name = family_words(seen[0])
        label, figure = headline_chart(summary, seen, f"beside-{number}")
        observer = chart(
            f"observer-{number}",
            f"d' of the model observer against the change allowed: {name}",
            seen,
            [
                line("noise", "control", noise, _d_prime, _NOTHING),
                line("attacked", "attack", seen, _d_prime, _NOTHING),
            ],
            unit="d'",
        )
        yield Curve(title=name, observer=observer, figure_label=label, figure=figure)


_NOTHING: Plain = {"value": 0.0, "low": 0.0, "high": 0.0}
"""d' where nothing is changed."""


def _observed(probe: Plain) -> bool:
    return bool(probe["visibility"] and probe["visibility"]["observer"])


def _d_prime(probe: Plain) -> Plain:
    return dict(probe["visibility"]["observer"]["d_prime"])


def _table(summary: Plain) -> Table:
    rows = [probe for probe in attacks(summary) if probe["visibility"]]
    measured = [name for name in _COLUMNS if any(probe["visibility"][name] for probe in rows)]
    observed = any(_observed(probe) for probe in rows)
    detected = any(probe["visibility"]["detector"] for probe in rows)
    columns = [*NAMING, Cell(text="Changed", detail="cases")]
    columns += [Cell(text=_COLUMNS[name][0], detail=_COLUMNS[name][1]) for name in measured]
    if observed:
        columns += [
            Cell(text="ROC area", detail="one image at a time"),
            Cell(text="d'", detail="one image at a time"),
            Cell(text="d' of noise", detail="of the same size"),
            Cell(text="Picked", detail="side by side"),
        ]
    if detected:
        columns += [
            Cell(text="ROC area", detail="of a network taught to detect"),
            Cell(text="d'", detail="of the network"),
            Cell(text="d' of noise", detail="of the network"),
            Cell(text="Pairs tested", detail="learnt from"),
        ]
    return Table(
        id="visibility",
        caption="How visible each attack is, lossless",
        columns=tuple(columns),
        rows=tuple(
            (
                *named(probe),
                Cell(text=words.count(probe["visibility"]["n_changed"])),
                *(_distance(probe["visibility"][name]) for name in measured),
                *(_seen(probe, control_of(summary, probe)) if observed else ()),
                *(_detected(probe, control_of(summary, probe)) if detected else ()),
            )
            for probe in rows
        ),
        note=" ".join(
            [
                *([_note(summary, measured)] if observed else []),
                *([_DETECTOR] if detected else []),
            ]
        ),
    )


def _levels(summary: Plain) -> Table | None:
    """Shares of numbers by how far they moved; classes that no probe has are left out."""
    probes = [p for p in summary["probes"] if p["visibility"] and p["visibility"]["levels"]]
    if not probes:
        return None
    found = [probe["visibility"]["levels"] for probe in probes]
    there = [i for i in range(len(found[0])) if any(one[i]["share"]["value"] for one in found)]
    ends = [one["up_to"] for one in found[0]]
    return Table(
        id="levels",
        caption="By how many levels the image's numbers were moved, lossless",
        columns=(*NAMING, *(Cell(text=_reach(ends, i)) for i in there)),
        rows=tuple(
            (*named(probe), *(share_cell(one[i]["share"]) for i in there))
            for probe, one in zip(probes, found, strict=True)
        ),
        note="Shares of all stored numbers, each channel of each pixel, averaged over the cases "
        "changed; a level is the least distance of two storable numbers. Brackets are 95 % "
        "intervals.",
    )


def _reach(ends: Sequence[int | None], index: int) -> str:
    """A class of distances, e.g. ``±2`` or ``±5 to 8``."""
    end = ends[index]
    if end is None:
        return f"beyond ±{ends[index - 1]}"
    if index == 0:
        return "0"
    start = (ends[index - 1] or 0) + 1
    return f"±{end}" if start == end else f"±{start} to {end}"


def _distance(estimate: Plain | None) -> Cell:
    if estimate is None:
        return Cell(text=words.UNDEFINED, reason="not measured")
    return Cell(text=words.measure(estimate["value"]), detail=_bounds(estimate))


def _bounds(estimate: Plain) -> str:
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return ""
    return f"({words.measure(low)}\N{EN DASH}{words.measure(high)})"


def _seen(probe: Plain, control: Plain | None) -> Iterator[Cell]:
    nothing = Cell(text=words.UNDEFINED, reason="not measured")
    if not _observed(probe):
        yield from [nothing] * 4
        return
    observer = probe["visibility"]["observer"]
    yield area_cell(observer["auc"])
    yield amount_cell(observer["d_prime"])
    yield amount_cell(_d_prime(control)) if control and _observed(control) else nothing
    yield share_cell(observer["forced_choice"])


def _detected(probe: Plain, control: Plain | None) -> Iterator[Cell]:
    nothing = Cell(text=words.UNDEFINED, reason="not measured")
    found = probe["visibility"]["detector"]
    if not found:
        yield from [nothing] * 4
        return
    noise = control and control["visibility"] and control["visibility"]["detector"]
    yield area_cell(found["auc"])
    yield amount_cell(found["d_prime"])
    yield amount_cell(noise["d_prime"]) if noise else nothing
    yield Cell(
        text=words.count(found["forced_choice"]["n"]), detail=words.count(found["n_training"])
    )


_DETECTOR = (
    "The network is a small one that sees one image at a time, and little of what that shows. It "
    "was taught on the images kept of half of the groups and is tested on those of the other "
    "half, fewer than the observer has; another network, or more images, may see more."
)


def _note(summary: Plain, measured: Sequence[str]) -> str:
    settings = summary["visibility"]["settings"]
    noise = settings["internal_noise"]
    return (
        "Over the cases that an attack changed. The model observer is a Hotelling observer that "
        f"sees the energies of {_CHANNELS[settings['observer']]}, was taught on half of the groups "
        "and is tested on the other half; chance is an area of 0.50, a d' of 0 and 50 % picked. It "
        + ("has no noise of its own" if noise == 0 else f"has {noise:g} times the noise of images")
        + ", and knows what to look for, as people do not. "
        + ("ΔE2000 of about 1 is just noticeable. " if "delta_e_mean" in measured else "")
        + "Brackets are 95 % intervals."
    )
