"""Searches that never leave the grid of storable images."""

from plexor.attacks.lattice.search import Lattice

__all__ = ["Lattice"]
