"""Attacks that ask a model about images: for its scores, or for its decisions only."""

from plexor.attacks.query.hop_skip_jump import HopSkipJump
from plexor.attacks.query.nes import NES
from plexor.attacks.query.simba import SimBA
from plexor.attacks.query.square import Square

__all__ = ["NES", "HopSkipJump", "SimBA", "Square"]
