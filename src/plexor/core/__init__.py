"""Errors, ids, seeds and files, for use by every package. Knows nothing of images."""
