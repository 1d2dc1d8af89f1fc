"""Probes: what an audit does to every case, one file a kind, and their catalogue."""

from plexor.core.errors import require

require("torch")

from plexor.probes.attack import AttackProbe, PlannedAttack, Search
from plexor.probes.catalogue import CATALOGUE, Kind
from plexor.probes.clean import CleanProbe
from plexor.probes.fitted import Saved, ToFit
from plexor.probes.materials import (
    CodedStandIn,
    FitResult,
    Fitting,
    Materials,
    Needs,
    PlannedStandIn,
    SplitFits,
)
from plexor.probes.noise import NoiseProbe
from plexor.probes.piece import Piece
from plexor.probes.probe import About, PlannedProbe, Probe, Ready, Standalone, plain
from plexor.probes.shortcut import PlannedShortcut, PlannedShuffled, ShortcutProbe, ShuffledProbe
from plexor.probes.surrogates import Surrogates

__all__ = [
    "CATALOGUE",
    "About",
    "AttackProbe",
    "CleanProbe",
    "CodedStandIn",
    "FitResult",
    "Fitting",
    "Kind",
    "Materials",
    "Needs",
    "NoiseProbe",
    "Piece",
    "PlannedAttack",
    "PlannedProbe",
    "PlannedShortcut",
    "PlannedShuffled",
    "PlannedStandIn",
    "Probe",
    "Ready",
    "Saved",
    "Search",
    "ShortcutProbe",
    "ShuffledProbe",
    "SplitFits",
    "Standalone",
    "Surrogates",
    "ToFit",
    "plain",
]
