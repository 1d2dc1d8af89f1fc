"""What kinds of probes a plan can ask for by a name and its options.

Attacks are not among them: an attack also needs a threat and a goal, and has its own catalogue,
``plexor.attacks.fitted_catalogue.LISTED``. The untouched images and the controls are in no
catalogue: the former are in every plan, the latter go with the probes they belong to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plexor.probes.piece import Piece
from plexor.probes.probe import PlannedProbe
from plexor.probes.shortcut import PlannedShortcut
from plexor.probes.tags import TAG_SHORTCUTS
from plexor.shortcuts import CATALOGUE as DRAWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of probe. A plan's entry is ``{KIND: NAME, id: ID, OPTION: VALUE, ...}``.

    Attributes:
        options: name → a dataclass whose fields are the entry's options. A field's metadata may
            have a ``description`` for the plan's reference.
        probe: makes the probe from its ``id``, its ``name`` and its ``options``.
    """

    options: Mapping[str, type[Any]]
    probe: Callable[..., PlannedProbe]


CATALOGUE: dict[str, Kind] = {
    "shortcut": Kind(
        options={name: entry.shortcut for name, entry in DRAWN.items()}
        | {"transplant": Piece}
        | TAG_SHORTCUTS,
        probe=PlannedShortcut,
    ),
}
