"""A run directory that shows itself."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pandas as pd

from plexor.core.errors import RunDirectoryError
from plexor.findings import CLEAN, RunDirectory
from plexor.findings.summary import Summary
from plexor.notebook.examples import Examples
from plexor.report import write_report
from plexor.report.flag_words import flag_lines
from plexor.report.headline import headline
from plexor.report.summary_text import summary_text

_FIRST = [
    "case_id", "probe", "stored", "truth", "decision_before", "decision_after", "attempted",
    "reached", "linf", "l2", "group", "status",
]  # fmt: skip


class Run(RunDirectory):
    """A run directory for notebooks: printed, it shows its figures, its answer and its flags.

    Everything that ``RunDirectory`` can do it can, too.

    Args:
        path: the directory that ``plexor.audit`` or ``plexor audit`` wrote.

    Example:
        >>> import plexor
        >>> run = plexor.Run("runs/mine")
        >>> run
        Run('runs/mine'): nothing here yet
    """

    def overview(self) -> pd.DataFrame:
        """The main figure of each probe, as stored losslessly, with its 95 % interval.

        Columns: ``probe``, the figure's name (accuracy, mean error or Dice), ``low``, ``high``,
        ``success`` (share of attempted cases in which an attack reached its goal), ``n`` and
        ``n_groups``.

        Raises:
            RunDirectoryError: nothing is there yet, or a file is damaged.
        """
        return _overview(self.summarise())

    def summary(self) -> Summary:
        """Every number of the report; computed if no report was written yet.

        Raises:
            RunDirectoryError: nothing is there yet, or a file is damaged.
        """
        return super().summary() if (self.path / "summary.json").exists() else self.summarise()

    def findings(self) -> pd.DataFrame:
        """All findings, the columns that tell what happened first; see ``Finding``.

        Raises:
            RunDirectoryError: there are none yet, or a unit file is damaged.
        """
        found = super().findings()
        return found[[*_FIRST, *(name for name in found.columns if name not in _FIRST)]]

    def examples(self) -> Examples:
        """The images that the run kept: original, changed image, and their difference.

        Raises:
            RunDirectoryError: the description of an example is damaged.
        """
        return Examples(super().examples())

    def report(self, *, one_file: bool = False) -> Path:
        """Writes ``report.html`` and ``summary.json`` into the directory; returns the page's path.

        Args:
            one_file: put every picture into the page, however large it becomes.

        Raises:
            RunDirectoryError: nothing is there yet, or the directory cannot be written.
        """
        return write_report(self.path, one_file=one_file)

    def __repr__(self) -> str:
        """The path, and a table of the main figures."""
        name = f"Run({str(self.path)!r})"
        try:
            summary = self.summarise()
        except RunDirectoryError:
            return f"{name}: nothing here yet"
        table = _overview(summary).to_string(index=False, float_format="{:.3g}".format, na_rep="")
        return "\n".join([f"{name}: {_title(summary)}", table, *flag_lines(summary)])

    def _repr_html_(self) -> str:
        """Title, answer, table, flags, and where the report lies."""
        try:
            summary = self.summarise()
        except RunDirectoryError:
            return f"<p>{escape(repr(self))}</p>"
        shown = _overview(summary).to_html(
            index=False, float_format="{:.3g}".format, na_rep="", border=0
        )
        page = self.path / "report.html"
        where = f"<code>{escape(str(page))}</code>" if page.exists() else "run.report() writes it"
        lines = "".join(f"<li>{escape(line)}</li>" for line in flag_lines(summary))
        return (
            f"<h4>{escape(_title(summary))}</h4><p>{escape(summary_text(summary).answer)}</p>"
            f"{shown}<ul>{lines}</ul><p>Report: {where}</p>"
        )


def _title(summary: Summary) -> str:
    cohort, attacks = summary.cohort, len(summary.attacks)
    state = "" if "run-unfinished" not in {flag.id for flag in summary.flags} else ", unfinished"
    plural = "" if attacks == 1 else "s"
    return f"{summary.name}, {cohort.n_cases} cases, {attacks} attack{plural}{state}"


def _overview(summary: Summary) -> pd.DataFrame:
    figure = headline(summary)
    name = "mean error" if figure.unit else "Dice" if figure.index else "accuracy"
    success = {probe.id: probe.lossless.success.value for probe in summary.attacks}
    judged = [(CLEAN, summary.clean.lossless), *((p.id, p.lossless) for p in summary.probes)]
    rows = [
        (
            probe,
            *((one := figure.pick(result)).value, one.low, one.high),
            success.get(probe),
            one.n,
            one.n_groups,
        )
        for probe, result in judged
    ]
    columns = ["probe", name, "low", "high", "success", "n", "n_groups"]
    return pd.DataFrame(rows, columns=columns).astype({"success": float})
