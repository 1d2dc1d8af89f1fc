"""A search on the quantised coefficients of a JPEG file."""

from plexor.attacks.jpeg.search import JPEGCoefficients

__all__ = ["JPEGCoefficients"]
