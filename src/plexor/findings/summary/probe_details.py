"""Parts of a probe's summary: what it is, how far it went, what it cost."""

from __future__ import annotations

from dataclasses import dataclass

from plexor.findings.summary.counts import Count
from plexor.findings.summary.estimate import StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackAbout:
    """What the catalogue says of an attack.

    Attributes:
        title: its name in text.
        summary: what it is in one line.
        access: what it saw of the model: "gradients", "scores", "decisions" or "none"; "" if
            unknown.
        reference: where it was published.
    """

    title: str
    summary: str
    access: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAbout:
    """What the catalogue says of a shortcut, or of a probe of a further kind.

    Attributes:
        title: its name in text.
        summary: what it is in one line.
    """

    title: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Passes through the model, means over the cases attempted.

    Attributes:
        gradients_per_case: forward-and-backward passes; None without a case attempted.
        forwards_per_case: further forward passes; None without a case attempted.
    """

    gradients_per_case: float | None
    forwards_per_case: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Length of the changes in one norm; None without any.

    Attributes:
        median: over cases.
        max: over cases.
    """

    median: float | None
    max: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """Lengths of the changes, measured on the lossless file, in stored numbers.

    Attributes:
        linf: greatest absolute change.
        l2: Euclidean length.
        l1: sum of the absolute changes.
        l0: positions changed.
    """

    linf: Length
    l2: Length
    l1: Length
    l0: Length

    def length(self, norm: str) -> Length:
        """In a norm: "linf", "l2", "l1" or "l0"."""
        return {"linf": self.linf, "l2": self.l2, "l1": self.l1, "l0": self.l0}[norm]


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Of an attack that tries positions one by one.

    Attributes:
        tried_per_case: mean number tried.
        reaching_per_case: mean number that reach the goal alone.
        share_reaching: share of a case's positions that reach the goal alone, averaged over cases.
    """

    tried_per_case: float | None
    reaching_per_case: float | None
    share_reaching: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Of a model whose outputs vary: how many cases reach the goal, by how it is counted.

    The judge asks about each stored image several times. ``mostly`` is what all other figures
    count.

    Attributes:
        ever: share of the cases with any draw at the goal.
        mostly: share of the cases with most draws at the goal.
        mean: share of the draws at the goal, averaged over cases.
    """

    ever: StoredEstimate
    mostly: StoredEstimate
    mean: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """How many coefficients of a JPEG file an attack changed, over the files attempted.

    Attributes:
        median: coefficients changed.
        max: coefficients changed.
        n: files.
        n_unmoved: files of which none was changed.
    """

    median: float
    max: float
    n: Count
    n_unmoved: Count
