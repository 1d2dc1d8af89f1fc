"""The content of a run's page in its order; the template decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from plexor.core import wording
from plexor.findings.flags.catalogue import FLAG_KINDS
from plexor.findings.reader_results import reader_studies
from plexor.findings.run import RunDirectory
from plexor.findings.summary.class_results import ClassComparison, ClassPerformance
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.results import of_kind
from plexor.findings.summary.summary import Summary
from plexor.report import words
from plexor.report.attack_family import families, family, family_words
from plexor.report.case_table import CaseTable, case_table
from plexor.report.change_table import change_table
from plexor.report.comparator import Comparator, comparator
from plexor.report.confusion import Confusions, confusions
from plexor.report.decision_tables import class_table, probes_table
from plexor.report.effort_tables import draws_table, effort_table, stages_table
from plexor.report.label_tables import label_table
from plexor.report.lead_attack import lead_attack
from plexor.report.number_tables import accuracy_table, number_table, truth_scatter, truth_table
from plexor.report.outline_tables import outline_table, outlined_class_table
from plexor.report.pictures import Pictures
from plexor.report.provenance import Fact, facts
from plexor.report.reader_section import ReaderSection, reader_section
from plexor.report.shortcut_section import Shortcuts, shortcuts
from plexor.report.summary_text import SummaryText, summary_text
from plexor.report.table import Table
from plexor.report.terms import Term, methods, terms
from plexor.report.trend import Trend, trends
from plexor.report.visibility_section import Visible, visible
from plexor.report.volumes import Volumes, room_beside, volumes


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """A flag that was raised, with all its messages."""

    id: str
    title: str
    severity: str
    messages: tuple[str, ...]
    raised_if: str
    why: str
    what_to_do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The page."""

    title: str
    subtitle: str
    summary: SummaryText
    warning: str
    trends: tuple[Trend, ...]
    visible: Visible | None
    readers: tuple[ReaderSection, ...]
    probes: Table | None
    effort: Table | None
    stages: Table | None
    draws: Table | None
    classes: tuple[Table, ...]
    labels: tuple[Table, ...]
    outlines: tuple[Table, ...]
    errors: Table | None
    truths: tuple[Table, ...]
    scatter: str
    scatter_caption: str
    confusions: tuple[Confusions, ...]
    shortcuts: Shortcuts | None
    changes: Table | None
    every_case: CaseTable
    comparator: Comparator
    volumes: Volumes
    flags_words: str
    raised: tuple[Raised, ...]
    passed: tuple[Term, ...]
    unchecked: tuple[Term, ...]
    methods: tuple[Term, ...]
    terms: tuple[Term, ...]
    facts: tuple[Fact, ...]


def view(
    run: RunDirectory,
    summary: Summary,
    findings: pd.DataFrame,
    pictures: Pictures,
    *,
    most_cases: int | None = None,
) -> View:
    """Builds the whole page, and places its pictures.

    Args:
        run: the run.
        summary: of the run.
        findings: of the run.
        pictures: of the page.
        most_cases: how many cases the comparator shows; None for all that the run kept.
    """
    raised = _raised(summary)
    grouped = _lead_first(summary)
    ranked = _ranked(summary)
    kind = summary.model.task.kind
    number, several = kind == "regression", kind == "multilabel"
    outlined = kind == "segmentation"
    one_class = not number and not several and not outlined
    every_case = case_table(run, summary, findings, pictures)
    compared = comparator(run, summary, findings, pictures, most_cases=most_cases)
    return View(
        title=_title(summary),
        subtitle=_subtitle(summary),
        summary=summary_text(summary),
        warning=_warning(raised),
        trends=trends(summary),
        visible=visible(summary),
        readers=tuple(reader_section(one, n) for n, one in enumerate(reader_studies(run), 1)),
        probes=_probes(summary) if grouped else None,
        effort=effort_table(summary) if grouped else None,
        stages=stages_table(summary),
        draws=draws_table(summary),
        classes=tuple(class_table(summary, group, n) for n, group in enumerate(grouped, 1))
        if one_class
        else (),
        labels=tuple(label_table(summary, probe, n) for n, probe in enumerate(ranked, 1))
        if several
        else (),
        outlines=tuple(outlined_class_table(summary, probe, n) for n, probe in enumerate(ranked, 1))
        if outlined
        else (),
        errors=accuracy_table(summary) if number else None,
        truths=tuple(truth_table(summary, group, n) for n, group in enumerate(grouped, 1))
        if number
        else (),
        scatter=truth_scatter(summary, findings, ranked[0]) if number and ranked else "",
        scatter_caption=f"{family_words(ranked[0])}, {ranked[0].threat.size}" if ranked else "",
        confusions=tuple(_confusion(summary, probe, n) for n, probe in enumerate(ranked, 1))
        if one_class
        else (),
        shortcuts=shortcuts(summary),
        changes=change_table(summary),
        every_case=every_case,
        comparator=compared,
        volumes=volumes(
            run,
            summary,
            compared,
            room=room_beside(pictures.spent + pictures.reduced, pictures.most),
        ),
        flags_words=_flags_words(summary, raised),
        raised=raised,
        passed=_quiet(summary.flags_passed),
        unchecked=_quiet(summary.flags_unchecked),
        methods=methods(summary),
        terms=terms(summary),
        facts=facts(run, summary),
    )


def _title(summary: Summary) -> str:
    """The plan's name, unless it is the default name."""
    name = str(summary.name)
    return "Robustness audit" if name in ("", "audit") else name


def _subtitle(summary: Summary) -> str:
    cohort, model = summary.cohort, summary.model
    attacks, artefacts = len(summary.attacks), len(summary.shortcuts)
    controls = " with controls" if summary.noises else ""
    tried = [f"{wording.counted(attacks, 'attack')}{controls}"]
    if artefacts:
        tried = [*tried[:attacks], wording.counted(artefacts, "artefact")]
    split = f", {cohort.split} split" if cohort.split else ""
    return " · ".join(
        [
            f"Model {model.architecture or 'unnamed'}, {words.task(model.task)}"
            + (f", of the image and {', '.join(model.features)}" if model.features else ""),
            f"{cohort.name}{split}: {wording.counted(cohort.n_cases, 'image')}",
            *tried,
        ]
    )


def _warning(raised: Sequence[Raised]) -> str:
    """A warning at the top of the page, if the figures cannot be relied on."""
    errors = [flag.title.lower() for flag in raised if flag.severity == "error"]
    if not errors:
        return ""
    return f"Do not rely on these figures yet: {'; '.join(errors)}."


def _flags_words(summary: Summary, raised: Sequence[Raised]) -> str:
    n_raised, n_passed = len(raised), len(summary.flags_passed)
    looked = wording.counted(n_raised + n_passed, "doubt")
    found = "none was found" if not n_raised else f"{wording.count(n_raised)} found"
    return f"Plexor looked for {looked} about the evaluation itself; {found}."


def _raised(summary: Summary) -> tuple[Raised, ...]:
    by_kind = {kind: [flag for flag in summary.flags if flag.id == kind.id] for kind in FLAG_KINDS}
    order = ("error", "warning", "note")
    found = [
        Raised(
            id=kind.id,
            title=kind.title,
            severity=kind.severity,
            messages=tuple(
                f"{flag.probe}: {flag.message}" if flag.probe else flag.message for flag in flags
            ),
            raised_if=kind.raised_if,
            why=kind.why,
            what_to_do=kind.what_to_do,
        )
        for kind, flags in by_kind.items()
        if flags
    ]
    return tuple(sorted(found, key=lambda flag: order.index(flag.severity)))


def _quiet(ids: Sequence[str]) -> tuple[Term, ...]:
    kinds = {kind.id: kind for kind in FLAG_KINDS}
    return tuple(Term(name=kinds[name].title, text=kinds[name].raised_if) for name in ids)


def _lead_first(summary: Summary) -> list[list[AttackSummary]]:
    """Families of attacks, the lead probe's family first."""
    lead = lead_attack(summary)
    grouped = families(summary)
    return sorted(grouped, key=lambda group: lead is None or family(group[0]) != family(lead))


def _probes(summary: Summary) -> Table:
    tables = {"regression": number_table, "segmentation": outline_table}
    return tables.get(summary.model.task.kind, probes_table)(summary)


def _ranked(summary: Summary) -> list[AttackSummary]:
    """The lead probe, then the other attacks in the plan's order."""
    lead = lead_attack(summary)
    return sorted(summary.attacks, key=lambda probe: lead is None or probe.id != lead.id)


def _confusion(summary: Summary, probe: AttackSummary, number: int) -> Confusions:
    result = of_kind(probe.lossless, ClassComparison)
    return confusions(
        str(number),
        summary.cohort.classes,
        before=of_kind(summary.clean.lossless, ClassPerformance).confusion,
        after=result.confusion,
        transitions=result.transitions,
        attack=f"{family_words(probe)}, {probe.threat.size}",
    )
