"""Manifests from data sets as they are distributed: one file for each layout."""

from plexor.cases.sources.catalogue import SOURCES
from plexor.cases.sources.make import Census, census, left_out_words, make_manifest
from plexor.cases.sources.source import MadeManifest, Request, Source

__all__ = [
    "SOURCES",
    "Census",
    "MadeManifest",
    "Request",
    "Source",
    "census",
    "left_out_words",
    "make_manifest",
]
