"""Attacks by queries alone: of a model's scores, or of its decisions."""

from plexor.attacks.query.hop_skip_jump import HopSkipJump
from plexor.attacks.query.nes import NES
from plexor.attacks.query.rays import RayS
from plexor.attacks.query.simba import SimBA
from plexor.attacks.query.square import Square

__all__ = ["NES", "HopSkipJump", "RayS", "SimBA", "Square"]
