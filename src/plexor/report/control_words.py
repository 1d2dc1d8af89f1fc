"""What the control of a shortcut is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plexor.findings.summary.probe_summary import ShortcutSummary, ShuffledSummary

TAGS = "tag-"
"""The names of shortcuts made of burnt-in tags begin with it; each has a control of its own."""
_SUFFIX = {
    "tag-cover": "elsewhere",
    "tag-isolation": "elsewhere",
    "tag-transplant": "own tag again",
}
_NOUN = {
    "tag-cover": "covers of the same size elsewhere",
    "tag-isolation": "as much left elsewhere",
    "tag-transplant": "the own tag drawn again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlWords:
    """Words for several shortcuts and their controls.

    Attributes:
        change: a shortcut, e.g. "artefact".
        own: its control, e.g. "its own tiles, shuffled".
        their: the controls of several, e.g. "their tiles, shuffled".
        heading: of a column.
    """

    change: str
    own: str
    their: str
    heading: str


_TILES = ControlWords(
    change="artefact",
    own="its own tiles, shuffled",
    their="their tiles, shuffled",
    heading="shuffled",
)
_MATCHED = ControlWords(
    change="change", own="its control", their="their controls", heading="control"
)


def is_of_tags(probe: ShortcutSummary | ShuffledSummary) -> bool:
    """Whether a shortcut is made of the tags of each case."""
    return probe.name.startswith(TAGS)


def control_words(shortcuts: Sequence[ShortcutSummary]) -> ControlWords:
    """The words for a table or a sentence with all of these."""
    return _MATCHED if any(map(is_of_tags, shortcuts)) else _TILES


def control_noun(probe: ShortcutSummary) -> str:
    """The control of one shortcut, e.g. "its tiles"."""
    return _NOUN.get(probe.name, "its tiles")


def control_suffix(probe: ShortcutSummary | ShuffledSummary) -> str:
    """What follows a shortcut's name where its control is meant."""
    return _SUFFIX.get(probe.name, "shuffled")
