"""Kinds of flags: rule, importance, advice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from plexor.findings.flags.evidence import Doubt, Evidence
from plexor.findings.flags.flag import Flag, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagKind:
    """A kind of flag.

    Attributes:
        id: its name in a summary, and its page's in the reference.
        title: the doubt in a few words.
        severity: severity of its flags.
        raised_if: the rule, exactly.
        why: why it matters for the figures.
        what_to_do: the next step.
        check: returns the doubts found, or None if the audit does not allow the check.
    """

    id: str
    title: str
    severity: Severity
    raised_if: str
    why: str
    what_to_do: str
    check: Callable[[Evidence], Iterable[Doubt] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagOutcome:
    """Outcome of all checks.

    Attributes:
        raised: raised flags, in the order of the checks.
        passed: ids of checks that found nothing.
        unchecked: ids of checks that the audit does not allow.
    """

    raised: tuple[Flag, ...]
    passed: tuple[str, ...]
    unchecked: tuple[str, ...]


def raise_flags(evidence: Evidence, kinds: Sequence[FlagKind]) -> FlagOutcome:
    """Runs every check."""
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
    return FlagOutcome(raised=tuple(raised), passed=tuple(passed), unchecked=tuple(unchecked))


def page(kind: FlagKind) -> str:
    """The flag's page of the reference, in Markdown."""
    return (
        f"# {kind.title}\n\n`{kind.id}` · {kind.severity}\n\n"
        f"**Raised if** {kind.raised_if}\n\n"
        f"**Why it matters.** {kind.why}\n\n"
        f"**What to do.** {kind.what_to_do}\n"
    )
