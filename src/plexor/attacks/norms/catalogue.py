"""Which geometry a threat has."""

from __future__ import annotations

from plexor.attacks.norms.l0 import L0
from plexor.attacks.norms.l1 import L1
from plexor.attacks.norms.l2 import L2
from plexor.attacks.norms.linf import LInf
from plexor.attacks.norms.norm import Geometry
from plexor.threat_model import Channels, Norm

TOGETHER: dict[Norm, Geometry] = {"linf": LInf(), "l2": L2(), "l1": L1(), "l0": L0()}
"""A position counts once, however many of its channels change."""
APART: dict[Norm, Geometry] = TOGETHER | {"l0": L0(apart=True)}
"""Each channel counts by itself; only L0 counts."""


def geometry_of(norm: Norm, channels: Channels = "together") -> Geometry:
    """The geometry of a norm, and, for L0, of what it counts."""
    return (APART if channels == "apart" else TOGETHER)[norm]
