"""Plexor: taps a medical-imaging model with changes nobody should notice, and measures what gives way."""

__version__ = "0.1.0"
