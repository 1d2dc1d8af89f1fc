"""Errors, ids, seeds and files: what every package may use, and nothing of images."""
