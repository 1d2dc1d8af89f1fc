"""Calibration of the measures of reliance: tags planted with a known association with the label.

Run with ``python -m scripts.planted_tags`` (``make planted-tags``).
"""
