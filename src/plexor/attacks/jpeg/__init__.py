"""A search on the coefficients of a JPEG file, whose every step is a JPEG of that file."""

from plexor.attacks.jpeg.search import JPEGCoefficients

__all__ = ["JPEGCoefficients"]
