"""Finds burnt-in tags: laterality markers, text, times, scales."""

from plexor.shortcuts.find.agreement import Agreement, agreement
from plexor.shortcuts.find.census import CensusRow, census
from plexor.shortcuts.find.finder import Finder
from plexor.shortcuts.find.ocr import RapidOcr, Read, Reader, reader
from plexor.shortcuts.find.search import Found, search
from plexor.shortcuts.find.strokes import brightness, stroke_mask
from plexor.shortcuts.find.table import read_tags, tags_of_cases, write_tags
from plexor.shortcuts.find.tag import KINDS, Box, Kind, Tag

__all__ = [
    "KINDS",
    "Agreement",
    "Box",
    "CensusRow",
    "Finder",
    "Found",
    "Kind",
    "RapidOcr",
    "Read",
    "Reader",
    "Tag",
    "agreement",
    "brightness",
    "census",
    "read_tags",
    "reader",
    "search",
    "stroke_mask",
    "tags_of_cases",
    "write_tags",
]
