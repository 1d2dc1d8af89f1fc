"""Artefacts without clinical meaning, added to an image to test whether a model uses them."""

from plexor.core.errors import require

require("torch")

from plexor.shortcuts.artefacts import Bubbles, Hairs, Ink, Ruler
from plexor.shortcuts.catalogue import CATALOGUE, LISTED, Entry
from plexor.shortcuts.shortcut import Change, Shortcut, rng_for, shuffled
from plexor.shortcuts.transplant import Template, Transplant

__all__ = [
    "CATALOGUE",
    "LISTED",
    "Bubbles",
    "Change",
    "Entry",
    "Hairs",
    "Ink",
    "Ruler",
    "Shortcut",
    "Template",
    "Transplant",
    "rng_for",
    "shuffled",
]
