"""Results of shortcuts, in words and tables: each artefact beside its control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plexor.core import wording
from plexor.findings.summary.class_results import ClassComparison
from plexor.findings.summary.probe_summary import ShortcutSummary, ShuffledSummary
from plexor.findings.summary.results import ShortcutResult
from plexor.findings.summary.summary import Summary
from plexor.report import rounding, words
from plexor.report.attack_family import SIGNIFICANT
from plexor.report.cells import cases_cell, main_in, p_cell, points_cell, share_cell
from plexor.report.conclusion import no_excess_answer
from plexor.report.confusion import moves
from plexor.report.control_words import control_noun, control_suffix, control_words, is_of_tags
from plexor.report.headline import headline
from plexor.report.table import Cell, Table

_SETTING = (
    "None of these has a meaning for the question that the model answers. It was put into every "
    "image, which was stored, read back and shown to the model again. Its control is the same "
    "change cut into small square tiles and shuffled: the same number of pixels change by the same "
    "amounts, without the artefact's shape."
)

_TAG_SETTING = (
    "Burnt-in tags have no meaning for the question that the model answers. They were changed in "
    "every image that carries one; each image was stored, read back and shown to the model again. "
    "Each change has its own control: as much covered, or left, elsewhere in comparable tissue, or "
    "the image's own tag removed and drawn again."
)

_WITH_CONTROL = "with each change and with its control"
_TILES_NOTE = (
    "In brackets, 95 % intervals; after them, the share that the shuffled tiles change. "
    "“More than shuffled” is the difference of the two, lossless; p is McNemar's, of whether "
    "the artefact changes as many cases as its tiles do, and Holm corrects it for the number "
    "of artefacts. If the tiles change as many decisions, the model reacts to any such change. "
    "Drawn artefacts resemble those of photographs, but are not the same."
)
_CONTROL_NOTE = (
    "In brackets, 95 % intervals; after them, the share that the control changes. “More than "
    "control” is the difference of the two, lossless; p is McNemar's, of whether a change changes "
    "as many decisions as its control does, and Holm corrects it for the number of changes. Shares "
    "are of all images: one without a tag stays as it is when tags are covered."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcuts:
    """A section of the page.

    Attributes:
        sentences: method and result.
        decisions: table of changed decisions.
        accuracy: table of accuracy.
    """

    sentences: tuple[str, ...]
    decisions: Table
    accuracy: Table


def shortcuts(summary: Summary) -> Shortcuts | None:
    """The section; None without shortcuts."""
    if not summary.shortcuts:
        return None
    of_tags = [is_of_tags(probe) for probe in summary.shortcuts]
    method = ((_SETTING,) if not all(of_tags) else ()) + ((_TAG_SETTING,) if any(of_tags) else ())
    return Shortcuts(
        sentences=(*method, shortcut_answer(summary)),
        decisions=_decisions(summary),
        accuracy=_accuracy(summary),
    )


def shortcut_answer(summary: Summary) -> str:
    """The result of all shortcuts in one sentence; "" without shortcuts."""
    if not summary.shortcuts:
        return ""
    read = [probe for probe in summary.shortcuts if _is_read(probe.lossless)]
    if not read:
        return no_excess_answer(summary.shortcuts, summary.margin)
    found = "; ".join(
        f"{shortcut_name(probe)} in {wording.share(probe.lossless.fooling_ratio.value)} of the "
        f"images, {control_noun(probe)} in "
        f"{wording.share(probe.lossless.control_fooling_ratio.value)}"
        for probe in sorted(read, key=lambda one: -_excess(one))
    )
    said = control_words(summary.shortcuts)
    return (
        f"{said.change.capitalize()}s change more of this model's decisions than {said.their}: "
        f"{found}."
    )


def lead_shortcut(summary: Summary) -> ShortcutSummary | None:
    """The shortcut with the largest excess over its control; None if none was judged."""
    known = [
        probe for probe in summary.shortcuts if probe.lossless.fooling_excess.value is not None
    ]
    return max(known, key=_excess, default=None)


def shortcut_name(probe: ShortcutSummary | ShuffledSummary) -> str:
    """Name of a shortcut or its control, with its id if that adds information."""
    control = isinstance(probe, ShuffledSummary)
    own = probe.id.removesuffix("-shuffled") if control else probe.id
    name = probe.about.title + ("" if own == probe.name else f" ({own})")
    return f"{name}, {control_suffix(probe)}" if control else name


def in_pairs(summary: Summary) -> list[ShortcutSummary | ShuffledSummary]:
    """Every shortcut, in the plan's order, with its control right after it."""
    found: list[ShortcutSummary | ShuffledSummary] = []
    for probe in summary.shortcuts:
        control = summary.shuffled(probe)
        found += [probe] if control is None else [probe, control]
    return found


def _excess(probe: ShortcutSummary) -> float:
    """Excess of changed decisions over the control; 0 if undefined."""
    return probe.lossless.fooling_excess.value or 0.0


def _is_read(result: ShortcutResult) -> bool:
    """Whether decisions change significantly more often than under the control."""
    p, excess = result.fooling_test.p_holm, result.fooling_excess.value
    return p is not None and p < SIGNIFICANT and excess is not None and excess > 0


def _containers(summary: Summary) -> list[str]:
    found = {name for probe in summary.shortcuts for name in probe.stored}
    return [name for name in summary.clean.stored if name in found]


def _named(probe: ShortcutSummary) -> Cell:
    return Cell(text=shortcut_name(probe), detail=words.settings(probe), header=True)


def _decisions(summary: Summary) -> Table:
    """Share of changed decisions, with the artefact and with its control."""
    said = control_words(summary.shortcuts)
    tiles = said.heading == "shuffled"
    containers = _containers(summary)
    several = summary.model.task.kind == "multilabel"
    rows = [
        (
            _named(probe),
            cases_cell(probe.lossless),
            Cell(text=rounding.measure(probe.distance.l0.median)),
            *(_changed_cell(probe.stored.get(name)) for name in containers),
            points_cell(probe.lossless.fooling_excess),
            p_cell(probe.lossless.fooling_test),
            *_moves(summary.cohort.classes, probe.lossless),
        )
        for probe in summary.shortcuts
    ]
    return Table(
        id="shortcuts-decisions",
        caption="How often the decision became another, "
        + ("with each artefact and with its tiles shuffled" if tiles else _WITH_CONTROL),
        columns=(
            Cell(text=said.change.capitalize(), detail="its settings"),
            Cell(text="Cases", detail="groups"),
            Cell(text="Pixels changed", detail="median"),
            *(
                Cell(text="Decided otherwise", detail=f"{words.container(name)}; {said.heading}")
                for name in containers
            ),
            Cell(text=f"More than {said.heading}", detail="in points"),
            Cell(text="p", detail="Holm"),
            *(() if several else (Cell(text="Most often"),)),
        ),
        rows=tuple(rows),
        note=_TILES_NOTE if tiles else _CONTROL_NOTE,
    )


def _changed_cell(result: ShortcutResult | None) -> Cell:
    if result is None:
        return share_cell(None)
    cell = share_cell(result.fooling_ratio)
    beside = wording.share(result.control_fooling_ratio.value)
    return Cell(text=cell.text, detail=f"{cell.detail}; {beside}", reason=cell.reason)


def _moves(classes: Sequence[str], result: ShortcutResult) -> tuple[Cell, ...]:
    """The commonest changes of decision; blank for multilabel models."""
    if not isinstance(result, ClassComparison):
        return ()
    return (Cell(text=moves(classes, result.transitions, most=2)),)


def _accuracy(summary: Summary) -> Table:
    """Accuracy untouched, with the artefact, and with its control."""
    said = control_words(summary.shortcuts)
    containers = _containers(summary)
    label = headline(summary).label
    right = f"{label[:1].upper()}{label[1:]}"
    untouched = (
        Cell(text="Untouched", header=True),
        cases_cell(summary.clean.lossless),
        *(share_cell(summary.clean.stored[name].main) for name in containers),
        *[Cell(text="")] * 3,
    )
    rows = [
        (
            _named(probe),
            cases_cell(probe.lossless),
            *(share_cell(main_in(probe.stored, name)) for name in containers),
            share_cell(None if (tiles := summary.shuffled(probe)) is None else tiles.lossless.main),
            points_cell(probe.lossless.accuracy_change),
            p_cell(probe.lossless.mcnemar),
        )
        for probe in summary.shortcuts
    ]
    return Table(
        id="shortcuts-accuracy",
        caption=f"{right}, untouched, "
        + (
            "with each artefact, and with its tiles shuffled"
            if said.heading == "shuffled"
            else _WITH_CONTROL
        ),
        columns=(
            Cell(text=said.change.capitalize(), detail="its settings"),
            Cell(text="Cases", detail="groups"),
            *(Cell(text=right, detail=words.container(name)) for name in containers),
            Cell(text=said.heading.capitalize(), detail="lossless"),
            Cell(text="Difference", detail="in points"),
            Cell(text="p", detail="Holm"),
        ),
        rows=(untouched, *rows),
        note=f"“Difference” is with the {said.change} minus untouched, lossless; p is McNemar's "
        f"for it, and Holm corrects it for the number of {said.change}s.",
    )
