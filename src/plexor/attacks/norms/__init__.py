"""The geometry of each norm in tensors: one file a norm, one protocol."""

from plexor.attacks.norms.box import Box, box_of
from plexor.attacks.norms.catalogue import geometry_of
from plexor.attacks.norms.l0 import L0
from plexor.attacks.norms.l1 import L1
from plexor.attacks.norms.l2 import L2
from plexor.attacks.norms.linf import LInf
from plexor.attacks.norms.norm import Geometry

__all__ = ["L0", "L1", "L2", "Box", "Geometry", "LInf", "box_of", "geometry_of"]
