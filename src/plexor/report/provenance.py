"""Provenance of the figures: what is needed to reproduce them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from plexor.findings.run import RunDirectory
from plexor.findings.summary.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A named fact; ``block`` for several lines, shown verbatim."""

    name: str
    text: str
    block: bool = False


def _dates(sessions: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Date and duration of the audit, and its author if given."""
    if not sessions:
        return []
    began = [f"{str(one['began'])[:19].replace('T', ' ')} UTC" for one in sessions]
    minutes = sum(float(one["seconds"]) for one in sessions) / 60
    again = f", resumed {began[-1]}" if len(began) > 1 else ""
    by = ", ".join(dict.fromkeys(str(one["by"]) for one in sessions if one.get("by")))
    return [
        ("Date", f"{began[0]}{again}"),
        ("Duration", f"{minutes:.1f} minutes"),
        *([("Carried out by", by)] if by else []),
    ]


def _answers(provenance: Mapping[str, Any]) -> str:
    """The hashes of all answers that differed between starts of the run: of a sound run one."""
    return ", ".join(str(one["sha256"]) for one in provenance.get("answers") or ())


def facts(run: RunDirectory, summary: Summary) -> tuple[Fact, ...]:
    """Versions, hashes and the plan of a run."""
    provenance: Mapping[str, Any] = run.provenance()
    packages = provenance.get("packages") or {}
    record = run.record()
    sessions: list[Mapping[str, Any]] = record.get("sessions") or []
    listed = [
        *_dates(sessions),
        ("Plexor", summary.plexor),
        ("Python", provenance.get("python")),
        ("Packages", ", ".join(f"{name} {version}" for name, version in packages.items())),
        ("Platform", provenance.get("platform")),
        ("Device", provenance.get("device")),
        ("Threads", provenance.get("threads")),
        ("Model, SHA-256", provenance.get("model_sha256")),
        ("Answers to fixed images, SHA-256", _answers(provenance)),
        ("Cohort, SHA-256", summary.cohort.sha256),
        ("Images hashed", len(provenance.get("images") or {})),
    ]
    required: Mapping[str, str] = record.get("required") or {}
    listed += [("Required", f"{outcome}: {condition}") for condition, outcome in required.items()]
    plain = [Fact(name=name, text=str(value)) for name, value in listed if value not in (None, "")]
    plan = yaml.safe_dump(run.plan(), sort_keys=False, allow_unicode=True).strip()
    card = json.dumps(summary.model.card, indent=1, ensure_ascii=False)
    return (
        *plain,
        Fact(name="Model card", text=card, block=True),
        Fact(name="Plan, as resolved", text=plan, block=True),
    )
