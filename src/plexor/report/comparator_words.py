"""Texts about an example case and a probe's change to it."""

from __future__ import annotations

import numpy as np

from plexor.core import wording
from plexor.findings.summary.probe_summary import (
    ChangeSummary,
    NoiseSummary,
    ProbeSummary,
    ShortcutSummary,
    ShuffledSummary,
)
from plexor.findings.summary.summary import TaskSummary
from plexor.report import rounding, words
from plexor.report.model_outputs import Row
from plexor.report.picture import Change, Frame
from plexor.report.shortcut_section import shortcut_name


def call(task: TaskSummary, row: Row, when: str) -> str:
    """The model's decision on an image; for segmentation, its Dice with the truth."""
    if task.kind != "segmentation":
        return words.call(task, row[f"decision_{when}"])
    names = task.outlined
    dice = [rounding.area(one) for one in row[f"dice_{when}"]]
    if len(names) == 1:
        return f"Dice {dice[0]}"
    return "Dice " + ", ".join(f"{one} ({name})" for name, one in zip(names, dice, strict=True))


def titles(probe: ProbeSummary) -> tuple[str, str, str]:
    """A probe's name, its full title, and its size if it has one."""
    if isinstance(probe, ShortcutSummary | ShuffledSummary):
        return shortcut_name(probe), shortcut_name(probe), ""
    if isinstance(probe, ChangeSummary):
        return probe.about.title, probe.id, ""
    size = f"{probe.threat.size} ({probe.threat.ball})"
    if isinstance(probe, NoiseSummary):
        return "Noise", f"Noise, {size}", size
    name = words.attack(probe)
    return name, f"{name}, {words.aim(probe)}, {size}", size


def verdict(probe: ProbeSummary, row: Row) -> str:
    """Outcome of a probe in a case."""
    if isinstance(probe, ShortcutSummary | ShuffledSummary | ChangeSummary):
        return "Decided otherwise." if changed(row) else "Decided as before."
    if isinstance(probe, NoiseSummary):
        return "No goal: the control."
    if not row["attempted"]:
        if np.isnan(row["margin_after"]):
            return "Not attempted: the goal has no meaning for this case."
        return "Not attempted: the goal held before."
    return "Goal reached." if row["reached"] else "Goal not reached."


def display_note(seen: Frame) -> str:
    """The part and the window shown of a case; "" for a whole 8-bit image."""
    parts = []
    if not seen.whole:
        low, high = rounding.measure(seen.low), rounding.measure(seen.high)
        parts.append(
            f"Shown from {low} (black) to {high} (white), the original's 1st to 99th percentile, "
            "before and after alike."
        )
    if seen.part:
        parts.append(f"Shown: {seen.part}.")
    return " ".join(parts)


def difference_note(change: Change, *, colour: bool) -> str:
    """Explanation of the difference picture; ``colour`` of images of three channels."""
    if not change.reach:
        return "Difference: nothing changed in what is shown."
    said = (
        "Difference: red is brighter, blue darker, white unchanged; the deepest colour is "
        f"{reached(change)}."
    )
    if not colour:
        return said
    return (
        f"{said} Of each pixel its most changed channel counts; magenta is neither brighter nor "
        "darker on balance."
    )


def reached(change: Change) -> str:
    """The greatest change, with its unit."""
    return wording.with_unit(rounding.measure(change.reach), change.unit).removesuffix(".")


def changed(row: Row) -> bool:
    """Whether the decision changed."""
    return bool(row["decision_before"] != row["decision_after"])
