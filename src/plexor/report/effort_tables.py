"""Tables of sizes of changes, cost, and the stages of attacks."""

from __future__ import annotations

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.fit_summary import FitSummary
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.summary import Summary
from plexor.report import rounding, words
from plexor.report.cells import NAMING, named
from plexor.report.table import Cell, Table
from plexor.threat_model import NORMS


def effort_table(summary: Summary) -> Table:
    """Size of each probe's changes, as the judge measured it, and its cost."""
    probes = summary.attacks_and_noises
    used = {probe.threat.norm for probe in probes}
    norms = [norm for norm in NORMS if norm in used | {"linf", "l2"}]
    rows = tuple(
        (
            *named(probe),
            *(
                Cell(text=rounding.measure(number))
                for norm in norms
                for length in [probe.distance.length(norm)]
                for number in (length.median, length.max)
            ),
            Cell(text=rounding.measure(probe.cost.gradients_per_case)),
            Cell(text=rounding.measure(probe.cost.forwards_per_case)),
            Cell(text=wording.count(probe.n_out_of_threat)),
        )
        for probe in probes
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
        + "".join(
            f" {_fit_words(probe, probe.fit)}" for probe in summary.attacks if probe.fit is not None
        ),
    )


def _surrogates_words(summary: Summary) -> str:
    """A sentence on the surrogates of each attack that uses them."""
    tried = [probe for probe in summary.attacks if words.surrogates(probe)]
    sentences = (
        f" {words.attack(probe)}: gradients and passes are through {words.surrogates(probe)}, "
        "which it searched on; it did not ask this model."
        for probe in tried
    )
    return "".join(dict.fromkeys(sentences))


def _coefficients_words(summary: Summary) -> str:
    """A sentence on the number of JPEG coefficients changed, and on files without any change."""
    return "".join(
        f" {words.attack(probe)}, {words.aim(probe)}, {probe.threat.size}: "
        f"moved {rounding.measure(moved.median)} coefficients of a JPEG file (median; at most "
        f"{rounding.measure(moved.max)}), and none in {wording.count(moved.n_unmoved)} of "
        f"{wording.counted(moved.n, 'file')}."
        for probe in summary.attacks
        if (moved := probe.coefficients)
    )


def _fit_words(probe: AttackSummary, fit: FitSummary) -> str:
    """A sentence on the cases of a fit, its cost, and the cases judged."""
    images = wording.counted(fit.n_cases, "image")
    groups = "" if fit.n_groups is None else f" in {wording.counted(fit.n_groups, 'group')}"
    where = f"of the {fit.split} split" if fit.split else f"before ({fit.file})"
    took = "" if fit.seconds is None else f" and {rounding.amount(fit.seconds)} seconds"
    model = ", on another model" if fit.same_model is False else ""
    return (
        f"{words.attack(probe)}, {words.aim(probe)}, {probe.threat.size}: "
        f"fitted on {images}{groups} {where}{model}, which cost "
        f"{wording.counted(fit.gradients, 'gradient')}, "
        f"{wording.counted(fit.forwards, 'further pass', 'further passes')}{took} in all, and "
        f"judged on {wording.counted(probe.lossless.n, 'image')}, "
        f"{wording.count(fit.cases_in_both)} of them among those fitted on."
    )


def stages_table(summary: Summary) -> Table | None:
    """Number of cases reached by each stage of cascades; None without cascades."""
    staged = [probe for probe in summary.attacks if probe.found_by]
    if not staged:
        return None
    names = list(dict.fromkeys(name for probe in staged for name in probe.found_by))
    rows = tuple(
        (*named(probe), *(Cell(text=wording.count(probe.found_by.get(n, 0))) for n in names))
        for probe in staged
    )
    return Table(
        id="stages",
        caption="Cases in which each stage was the first to reach the goal",
        columns=(*NAMING, *(Cell(text=name) for name in names)),
        rows=rows,
        note="A stage is tried only on what the stages before it did not reach.",
    )


def draws_table(summary: Summary) -> Table | None:
    """How many cases attacks reach in any draw, in most and on average; None without draws."""
    drawn = [(probe, probe.draws) for probe in summary.attacks if probe.draws]
    if not drawn:
        return None
    rows = tuple(
        (*named(probe), *(_share_cell(share) for share in (draws.ever, draws.mostly, draws.mean)))
        for probe, draws in drawn
    )
    return Table(
        id="draws",
        caption="Goal reached, over several answers of a model whose outputs vary",
        columns=(
            *NAMING,
            *(Cell(text=name) for name in ("In any answer", "In most", "On average")),
        ),
        rows=rows,
        note="“In most” is what every other figure counts. Each answer is a new one, which the "
        "attack has not seen.",
    )


def _share_cell(share: StoredEstimate) -> Cell:
    return Cell(text=wording.share(share.value), detail=rounding.bounds(share), reason=share.note)
