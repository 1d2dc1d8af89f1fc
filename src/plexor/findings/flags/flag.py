"""Doubts about the evaluation itself: what raises them, why they matter, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

Severity = Literal["error", "warning", "note"]
"""error: do not rely on the figures it touches; warning: read them with care; note: know it."""

Doubt = tuple[str | None, str]
"""The probe in doubt (None: the whole audit) and the sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a check may look at."""

    plan: Mapping[str, Any]
    provenance: Mapping[str, Any]
    findings: pd.DataFrame
    cohort: Mapping[str, Any]
    clean: Mapping[str, Any]
    probes: Sequence[Mapping[str, Any]]
    shortcuts: Sequence[Mapping[str, Any]]

    @property
    def attacks(self) -> list[Mapping[str, Any]]:
        """The probes that search, without their controls."""
        return [probe for probe in self.probes if probe["kind"] == "attack"]

    def probe(self, probe_id: str | None) -> Mapping[str, Any] | None:
        """A probe by its id; None where it is not among the findings."""
        return next((probe for probe in self.probes if probe["id"] == probe_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagKind:
    """A doubt that an audit looks for.

    Attributes:
        id: its name in a summary, and its page's in the reference.
        title: the doubt in a few words.
        severity: how far it reaches.
        raised_if: the rule, exactly.
        why: why a reader of the figures should care.
        what_to_do: the next step.
        check: gives the doubts found, or None where the audit does not allow the check.
    """

    id: str
    title: str
    severity: Severity
    raised_if: str
    why: str
    what_to_do: str
    check: Callable[[Evidence], Iterable[Doubt] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A doubt that was found."""

    id: str
    severity: Severity
    probe: str | None
    message: str


def raise_flags(evidence: Evidence, kinds: Sequence[FlagKind]) -> dict[str, object]:
    """Runs every check: ``flags`` raised, ids in ``flags_passed`` and in ``flags_unchecked``."""
    raised: list[Flag] = []
    passed: list[str] = []
    unchecked: list[str] = []
    for kind in kinds:
        doubts = kind.check(evidence)
        if doubts is None:
            unchecked.append(kind.id)
            continue
        found = [
            Flag(id=kind.id, severity=kind.severity, probe=probe, message=message)
            for probe, message in doubts
        ]
        raised.extend(found)
        if not found:
            passed.append(kind.id)
    return {
        "flags": [asdict(flag) for flag in raised],
        "flags_passed": passed,
        "flags_unchecked": unchecked,
    }


def page(kind: FlagKind) -> str:
    """The flag's page of the reference, in Markdown."""
    return (
        f"# {kind.title}\n\n`{kind.id}` · {kind.severity}\n\n"
        f"**Raised if** {kind.raised_if}\n\n"
        f"**Why it matters.** {kind.why}\n\n"
        f"**What to do.** {kind.what_to_do}\n"
    )
