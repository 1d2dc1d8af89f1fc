"""Evaluation flags: doubts about the evaluation itself."""

from plexor.findings.flags.catalogue import FLAG_KINDS
from plexor.findings.flags.flag import Evidence, Flag, FlagKind, Severity, raise_flags

__all__ = ["FLAG_KINDS", "Evidence", "Flag", "FlagKind", "Severity", "raise_flags"]
