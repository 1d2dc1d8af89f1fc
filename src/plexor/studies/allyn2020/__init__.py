"""Allyn et al., Medicine 2020;99(50):e23568: dermatoscopic images that all become naevi."""

from plexor.studies.allyn2020.published import ALLYN2020

__all__ = ["ALLYN2020"]
