"""Table cells for estimates, tests, numbers of cases and names of probes."""

from __future__ import annotations

from collections.abc import Mapping

from plexor.core import wording
from plexor.findings.summary.counts import Counts
from plexor.findings.summary.estimate import McNemarTests, PairedTest, StoredEstimate
from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary
from plexor.findings.summary.results import Performance
from plexor.findings.summary.summary import Summary
from plexor.report import rounding, words
from plexor.report.table import Cell

NOT_MEASURED = Cell(text=wording.UNDEFINED, reason="not measured")
NAMING = (Cell(text="Attack", detail="its goal"), Cell(text="Change allowed"))


def named(probe: AttackSummary | NoiseSummary) -> tuple[Cell, Cell]:
    """The cells that name the probe of a row."""
    name, aim = ("Noise", "control")
    if isinstance(probe, AttackSummary):
        name, aim = words.attack(probe), words.aim(probe)
    return (
        Cell(text=name, detail=aim, header=True),
        Cell(text=probe.threat.size, detail=probe.threat.ball),
    )


def cases_cell(counts: Counts) -> Cell:
    """Number of cases and groups, and of failed cases."""
    broken, failed = counts.n_not_finite, counts.n_failed - counts.n_not_finite
    apart = [
        f"{wording.count(broken)} driven to NaN" if broken else "",
        f"{wording.count(failed)} failed" if failed else "",
    ]
    return Cell(
        text=wording.count(counts.n),
        detail=wording.count(counts.n_groups),
        reason=", ".join(filter(None, apart)),
    )


def points_cell(estimate: StoredEstimate) -> Cell:
    """A difference of shares in points, with its interval or the reason why it is undefined."""
    undefined = estimate.value is None
    return Cell(
        text=rounding.points(estimate.value),
        detail=rounding.points_bounds(estimate),
        reason=estimate.note if undefined else "",
    )


def success_cell(probe: AttackSummary) -> Cell:
    """Success rate of the attack, and of noise."""
    success = probe.lossless.success
    return Cell(
        text=rounding.share_with_bounds(success),
        detail=wording.share(probe.lossless.control_success.value),
        reason=success.note if success.value is None else "",
    )


def positions_heading(summary: Summary) -> tuple[Cell, ...]:
    """The heading of ``positions_cell``; empty if no attack tried positions one by one."""
    if any(probe.positions for probe in summary.attacks):
        return (Cell(text="Single positions", detail="that reach it alone"),)
    return ()


def count_cell(attacked: int, noise: int | None) -> Cell:
    """A number of cases, and below it that of noise, if any."""
    return Cell(text=wording.count(attacked), detail="" if noise is None else wording.count(noise))


def positions_cell(summary: Summary, probe: AttackSummary) -> tuple[Cell, ...]:
    """Share of positions that reach the goal alone; blank for attacks that do not count them."""
    if not positions_heading(summary):
        return ()
    if probe.positions is None:
        return (Cell(text=wording.UNDEFINED, reason="not counted"),)
    share = probe.positions.share_reaching
    return (
        Cell(text=wording.share(share.value), detail=rounding.bounds(share), reason=share.note),
    )


def positions_note(summary: Summary) -> str:
    """A sentence that explains this share; empty if it is not shown."""
    if not positions_heading(summary):
        return ""
    return (
        " “Single positions” is the share of those tried at which one change alone reaches the "
        "goal, by the search's own count, averaged over the cases attempted."
    )


def p_cell(test: McNemarTests | PairedTest) -> Cell:
    """A test's p-value, uncorrected and after Holm's correction."""
    undefined = test.p_value is None
    return Cell(
        text=rounding.p_value(test.p_value),
        detail="" if undefined else rounding.p_value(test.p_holm),
        reason=test.note if undefined else "",
    )


def main_in(stored: Mapping[str, Performance], container: str) -> StoredEstimate | None:
    """The task's main estimate in a container; None if nothing is stored in it."""
    found = stored.get(container)
    return None if found is None else found.main


def share_cell(estimate: StoredEstimate | None) -> Cell:
    """A share with its interval, or a dash with the reason why it is undefined."""
    if estimate is None:
        return NOT_MEASURED
    undefined = estimate.value is None
    return Cell(
        text=wording.share(estimate.value),
        detail=rounding.bounds(estimate),
        reason=estimate.note if undefined else "",
    )


def area_cell(estimate: StoredEstimate | None) -> Cell:
    """An area or R squared with its interval, or a dash with the reason why it is undefined."""
    if estimate is None:
        return NOT_MEASURED
    return Cell(
        text=rounding.area(estimate.value),
        detail=rounding.area_bounds(estimate),
        reason=estimate.note if estimate.low is None else "",
    )


def amount_cell(estimate: StoredEstimate | None, *, with_sign: bool = False) -> Cell:
    """A number with its interval, or a dash with the reason why it is undefined."""
    if estimate is None:
        return NOT_MEASURED
    word = rounding.signed if with_sign else rounding.amount
    return Cell(
        text=word(rounding.without_dust(estimate)),
        detail=rounding.amount_bounds(estimate),
        reason=estimate.note if estimate.low is None else "",
    )
