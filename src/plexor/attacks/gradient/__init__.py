"""Attacks that follow the loss's gradient."""

from plexor.attacks.gradient.pgd import FGSM, PGD

__all__ = ["FGSM", "PGD"]
