"""One thing that is done to every case of an audit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plexor.attacks.fitted import FittedAttack
from plexor.attacks.goals import Goal
from plexor.attacks.gradient import Transfer
from plexor.attacks.proposal import Attack
from plexor.attacks.threat import Threat
from plexor.shortcuts import Shortcut


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """An attack that must be fitted first.

    Attributes:
        attack: what fits it.
        split: the cases it is fitted on.
        batch_size: so many of them at a time; what is found depends on it.
    """

    attack: FittedAttack
    split: str
    batch_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An attack that was fitted before, and saved.

    Attributes:
        file: as the plan has it.
    """

    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogates:
    """An attack that searches on other models.

    Attributes:
        attack: how it searches.
        files: their weights, as the plan has them.
    """

    attack: Transfer
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """An artefact that is read from files before it is laid over images.

    Attributes:
        pair: the same piece of a photograph with it and without, as the plan has them; or None.
        stamp: it alone, on white, as the plan has it; or None.
        source_width: width in pixels of the photograph it was cut from.
    """

    pair: tuple[Path, Path] | None
    stamp: Path | None
    source_width: int

    @property
    def files(self) -> tuple[Path, ...]:
        """Those to be read."""
        return tuple(filter(None, (*(self.pair or ()), self.stamp)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One thing done to every case: nothing (clean), an attack, a shortcut, or a control of these.

    Attributes:
        id: unique in a plan, e.g. "pgd-linf-2".
        kind: "clean", "attack", "shortcut" or "control".
        name: the attack's or the shortcut's name in the catalogue; "clean" or "noise". The control
            of a shortcut has the shortcut's, and the same draws.
        attack: None for clean and for a control, and for an attack that is still to be fitted or
            read from a file, or whose surrogates are.
        goal: None for all but an attack.
        threat: None for clean and for shortcuts.
        shortcut: what is put into the images, or whose tiles are; None for all others, and for one
            that is still to be read from files.
        source: where a fitted attack or a shortcut comes from, or what an attack on surrogates
            needs; None for all others.
    """

    id: str
    kind: Literal["clean", "attack", "shortcut", "control"]
    name: str
    attack: Attack | None = None
    goal: Goal | None = None
    threat: Threat | None = None
    shortcut: Shortcut | None = None
    source: Fitting | Saved | Surrogates | Piece | None = None
