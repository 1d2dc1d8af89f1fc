"""How many passes through a model an attack asks for, from its options alone."""

from __future__ import annotations

import math
from typing import Any

from plexor.attacks.cascade import Cascade
from plexor.attacks.stages import STAGES, THOROUGH
from plexor.probes import PlannedProbe
from plexor.probes.attack import PlannedAttack
from plexor.probes.attack import Search as Searched
from plexor.threat_model import Norm

_FACTORS = ("steps", "restarts", "samples", "n_targets", "constants")
"""Options of searches by gradients that multiply their number of passes."""


def passes_of(probe: PlannedProbe) -> float:
    """Greatest number of passes through the model for a case, to within a few per search.

    A pass by gradients, forward and backward, counts as one, and so does a query. A search that
    stops early takes fewer.

    Returns:
        NaN where the number depends on the image, or on a fit.
    """
    if not isinstance(probe, PlannedAttack):
        return 1.0
    if not isinstance(probe.source, Searched):
        return math.nan
    return _of_search(probe.source.search, probe.threat.norm)


def _of_search(attack: Any, norm: Norm) -> float:
    if isinstance(attack, Cascade):
        stages = STAGES if attack.effort == "standard" else THOROUGH
        return math.fsum(_of_search(s.attack, norm) for s in stages if norm in s.norms)
    if hasattr(attack, "queries"):
        return math.nan if attack.queries is None else float(attack.queries)
    passes = math.prod(getattr(attack, name, 1) for name in _FACTORS)
    # where rivals are looked at one by one, each step asks about several of them
    return float(passes * (1 + getattr(attack, "ways", 0)))
