"""Short texts for the flags of a summary."""

from __future__ import annotations

from plexor.findings.flags.catalogue import FLAG_KINDS
from plexor.findings.flags.flag import Flag
from plexor.findings.summary.summary import Summary

_TITLES = {kind.id: kind.title for kind in FLAG_KINDS}
_ORDER = ("error", "warning", "note")


def error_titles(summary: Summary, *, of: str | None = None) -> tuple[str, ...]:
    """Titles of the error-level flags, in the order of the catalogue, each once.

    Args:
        summary: the audit's.
        of: id of a probe; errors of other probes are left out. None for all errors.
    """
    errors = [
        flag.id
        for flag in summary.flags
        if flag.severity == "error" and (of is None or flag.probe in (None, of))
    ]
    return tuple(title(name) for name in dict.fromkeys(errors))


def title(flag_id: str) -> str:
    """A flag's title within a sentence."""
    words = _TITLES.get(flag_id, flag_id)
    return words[:1].lower() + words[1:]


def flag_lines(summary: Summary) -> list[str]:
    """One line for each flag, errors first, e.g. ``error nothing-changed (pgd-linf-2): ...``."""
    return [_line(flag) for flag in sorted(summary.flags, key=lambda f: _ORDER.index(f.severity))]


def _line(flag: Flag) -> str:
    of = f" ({flag.probe})" if flag.probe else ""
    return f"{flag.severity} {flag.id}{of}: {flag.message}"
