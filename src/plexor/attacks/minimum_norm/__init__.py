"""Attacks that look for the shortest perturbation that reaches the goal."""

from plexor.attacks.minimum_norm.fmn import FMN

__all__ = ["FMN"]
