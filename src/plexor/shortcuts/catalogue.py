"""The shortcuts: name → the class whose fields are its options."""

from __future__ import annotations

from dataclasses import dataclass

from plexor.shortcuts.artefacts import Bubbles, Hairs, Ink, Ruler
from plexor.shortcuts.shortcut import Shortcut
from plexor.shortcuts.tag_edits import ByCase, CoveredTags, ExchangedTags, IsolatedTags
from plexor.shortcuts.transplant import Transplant


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A shortcut in the catalogue.

    Attributes:
        shortcut: the class.
        summary: one line.
        title: in headings; the class's name where it is "".
    """

    shortcut: type[Shortcut | ByCase]
    summary: str
    title: str = ""


DECIDED = ("multiclass", "binary", "multilabel")
"""Kinds of the tasks whose decisions a shortcut may change."""

CATALOGUE: dict[str, Entry] = {
    "ruler": Entry(shortcut=Ruler, summary="a scale with ticks along one side"),
    "ink": Entry(shortcut=Ink, summary="two arcs of a violet pen around the middle"),
    "hairs": Entry(shortcut=Hairs, summary="dark hairs across the image"),
    "bubbles": Entry(shortcut=Bubbles, summary="air bubbles with a dark rim and a highlight"),
}

LISTED: dict[str, Entry] = CATALOGUE | {
    "transplant": Entry(
        shortcut=Transplant, summary="a piece cut from a photograph, placed at random where it fits"
    ),
    "tag-cover": Entry(
        shortcut=CoveredTags,
        title="Tags covered",
        summary="burnt-in tags covered; control: covers of the same size elsewhere",
    ),
    "tag-isolation": Entry(
        shortcut=IsolatedTags,
        title="Tags alone",
        summary="all but the burnt-in tags made black; control: places of the same size kept",
    ),
    "tag-transplant": Entry(
        shortcut=ExchangedTags,
        title="Tags exchanged",
        summary="a tag, or one aspect of it, of a case with another label; control: own redrawn",
    ),
}
"""All shortcuts that a plan can name: those that are drawn, and those read from files."""
