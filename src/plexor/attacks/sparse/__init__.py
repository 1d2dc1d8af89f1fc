"""Attacks on few pixels or voxels, by queries of scores alone."""

from plexor.attacks.sparse.evolution import OnePixel
from plexor.attacks.sparse.exhaustive import ExhaustivePixel
from plexor.attacks.sparse.greedy import GreedyPixel
from plexor.attacks.sparse.random_search import SparseRS

__all__ = ["ExhaustivePixel", "GreedyPixel", "OnePixel", "SparseRS"]
