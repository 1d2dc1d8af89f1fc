"""What a shell offers when a value is completed with the tab key: names and their meaning."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

Offered = list[tuple[str, str]]
"""Names with a line each."""


def attack_names(incomplete: str) -> Offered:
    """Attacks of the catalogue."""
    from plexor.attacks import CATALOGUE

    return _beginning(incomplete, ((name, kind.summary) for name, kind in CATALOGUE.items()))


def architecture_names(incomplete: str) -> Offered:
    """Built-in networks."""
    from plexor.cli.architectures import described

    return _beginning(incomplete, ((name, about) for name, about in described().items()))


def flag_ids(incomplete: str) -> Offered:
    """Evaluation flags."""
    from plexor.findings.flags.catalogue import FLAG_KINDS

    return _beginning(incomplete, ((kind.id, kind.title) for kind in FLAG_KINDS))


def norms(incomplete: str) -> Offered:
    """Norms of threats."""
    from plexor.threat_model import NORMS

    return _beginning(incomplete, ((norm, "") for norm in NORMS))


def probe_ids(ctx: typer.Context, incomplete: str) -> Offered:
    """Probes of the run directory that the command line names."""
    from plexor.core.errors import PlexorError
    from plexor.findings.study_file import run_directory

    run = ctx.params.get("run")
    if run is None:
        return []
    try:
        probes = run_directory(Path(run)).findings()["probe"].unique()
    except PlexorError:
        return []
    return _beginning(incomplete, ((probe, "") for probe in probes))


def shortcut_names(incomplete: str) -> Offered:
    """Shortcuts that a plan can name."""
    from plexor.shortcuts.catalogue import LISTED

    return _beginning(incomplete, ((name, entry.summary) for name, entry in LISTED.items()))


def study_names(incomplete: str) -> Offered:
    """Published studies that can be repeated."""
    from plexor.studies import STUDIES

    return _beginning(incomplete, ((study.name, study.title) for study in STUDIES.values()))


def task_names(incomplete: str) -> Offered:
    """Kinds of tasks."""
    from plexor.attacks.description import EVERY_TASK

    return _beginning(incomplete, ((task, "") for task in EVERY_TASK))


def _beginning(incomplete: str, offered: Iterable[tuple[str, str]]) -> Offered:
    return [(name, about) for name, about in offered if name.startswith(incomplete)]
