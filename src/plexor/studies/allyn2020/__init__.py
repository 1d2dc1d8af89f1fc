"""Allyn et al., Medicine 2020;99(50):e23568: dermatoscopic images made to be called naevi."""

from plexor.studies.allyn2020.published import ALLYN2020

__all__ = ["ALLYN2020"]
