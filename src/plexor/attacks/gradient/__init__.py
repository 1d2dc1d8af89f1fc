"""Attacks by gradient ascent on a loss."""

from plexor.attacks.gradient.apgd import APGD
from plexor.attacks.gradient.momentum import MIFGSM
from plexor.attacks.gradient.pgd import FGSM, PGD
from plexor.attacks.gradient.targeted import APGDT
from plexor.attacks.gradient.transfer import Transfer

__all__ = ["APGD", "APGDT", "FGSM", "MIFGSM", "PGD", "Transfer"]
