"""Li et al., Neurocomputing 2020;379:370: brain age from T1 volumes under small perturbations."""

from plexor.studies.li2020.published import LI2020

__all__ = ["LI2020"]
