"""A published study: question, design, figures, and deviations of the repetition."""

from __future__ import annotations

from dataclasses import dataclass, field

from plexor.core.errors import PlanError, unknown
from plexor.findings.study_file import Departure, Number, NumberKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A figure as printed.

    Attributes:
        id: unique in its study.
        what: the figure in words.
        kind: see ``Number``.
        value: as printed; shares between 0 and 1.
        low: lower limit of the printed 95 % interval; None without one.
        high: upper limit.
        n: number of cases; None if the publication does not give it.
        where: the place in the publication.
        rounding: half a unit of the last printed digit.
        margin: difference from ours that still counts as agreement, in the figure's unit, stated
            before anything is run; None without one, and then there is no verdict.
        note: a remark needed to understand the figure.
    """

    id: str
    what: str
    kind: NumberKind = "share"
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    where: str
    rounding: float = 0.0
    margin: float | None = None
    note: str = ""

    def number(self) -> Number:
        """The figure as a ``Number`` of a study's result."""
        return Number(
            kind=self.kind,
            value=self.value,
            low=self.low,
            high=self.high,
            n=self.n,
            method=f"as printed: {self.where}",
            remark=self._remark(),
        )

    @property
    def margin_words(self) -> str:
        """The margin as it is printed; empty without one."""
        if self.margin is None:
            return ""
        return f"±{self.margin:g}" if self.kind == "area" else f"±{100 * self.margin:g} points"

    def _remark(self) -> str:
        margin = self.margin_words and f"margin {self.margin_words}"
        return "; ".join(filter(None, [margin, self.note]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A published study.

    Attributes:
        name: name on the command line.
        title: of the publication.
        citation: authors, journal, identifier.
        question: the study's question.
        design: the study's design.
        departures: deviations of the repetition, with reasons.
        figures: the published figures.
        limits: conclusions that neither its figures nor ours support.
    """

    name: str
    title: str
    citation: str
    question: str
    design: str
    departures: tuple[Departure, ...]
    figures: tuple[Published, ...]
    limits: tuple[str, ...] = field(default=())

    def figure(self, name: str) -> Published:
        """The printed figure of that id.

        Raises:
            PlanError: there is none.
        """
        for figure in self.figures:
            if figure.id == name:
                return figure
        raise PlanError(unknown("figure", name, [figure.id for figure in self.figures]))
